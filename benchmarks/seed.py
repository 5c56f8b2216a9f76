"""Experiments of any number of traces, made in SQL: thirty days, seven models, two scores a trace."""

import asyncpg
from rich.progress import Progress

_CHUNK = 50_000
_DAYS_US = 30 * 86_400 * 1_000_000

_EVALUATORS = """
INSERT INTO evaluators (tenant_id, key, value_type) VALUES ($1, 'exact', 'numerical'), ($1, 'judge', 'numerical')
ON CONFLICT DO NOTHING
"""
_EXPERIMENT = "INSERT INTO experiments (tenant_id, id) VALUES ($1, $2) RETURNING key"

# The stats entry has the shape and length of a real one.
_TRACES = """
INSERT INTO traces (tenant_id, trace_id, experiment_key, start_time, end_time, latency_us, ttft_us, tps, prompt_tokens,
    completion_tokens, total_tokens, cost_pd, n_spans, n_errors, n_llm_calls, has_root, many_models, status, model,
    name, root_span_id, metadata, score_keys, score_values, entry)
SELECT $1, id, $2::bigint, start, start + latency * interval '1 microsecond', latency, latency / 3,
    completion * 1000000000 / latency, prompt, completion, prompt + completion, prompt * 150000 + completion * 600000,
    7, 0, 1, true, false, CASE WHEN n % 10 = 0 THEN 'error' ELSE 'success' END, 'model-' || n % 7,
    'step ' || n % 50, id,
    jsonb_build_object('env', (ARRAY['prod', 'test', 'dev'])[n % 3 + 1], 'user', 'u' || n % 1000),
    ARRAY['exact', 'judge'], ARRAY[n % 100 * 10000000, 750000000],
    format('{"trace_id":"%s","latency":%s,"input_tokens":%s,"output_tokens":%s,"total_tokens":%s,"cost":%s,"scores":'
        '[{"name":"exact","score":%s,"evaluation_metric_id":null,"reason":null},'
        '{"name":"judge","score":0.75,"evaluation_metric_id":null,"reason":"because"}]}', id, latency / 1e6, prompt,
        completion, prompt + completion, (prompt * 150000 + completion * 600000) / 1e12, n % 100 / 100.0)
FROM (
    SELECT n, md5($2::bigint || '-' || n) AS id,
        '2026-05-01Z'::timestamptz + ($5::numeric * n / $6::bigint)::bigint * interval '1 microsecond' AS start,
        100000 + n * 7919 % 3000000 AS latency, 200 + n % 800 AS prompt, 20 + n % 300 AS completion
    FROM generate_series($3::bigint, $4::bigint) AS n
) made
"""

_MARKS = """
INSERT INTO rollup_marks
SELECT DISTINCT experiment_key, date_trunc('minute', start_time, 'UTC') FROM traces WHERE experiment_key = $1
"""


async def experiment(
    connection: asyncpg.Connection, progress: Progress, tenant_id: int, traces: int
) -> tuple[str, int]:
    """(id, key) of a new experiment with so many traces, spread evenly over thirty days."""
    name = f"seeded-{traces}"
    await connection.execute(_EVALUATORS, tenant_id)
    key = await connection.fetchval(_EXPERIMENT, tenant_id, name)
    task = progress.add_task(f"Seeding {traces:,} traces", total=traces)
    for begin in range(0, traces, _CHUNK):
        end = min(begin + _CHUNK, traces) - 1
        await connection.execute(_TRACES, tenant_id, key, begin, end, _DAYS_US, traces)
        progress.advance(task, end - begin + 1)
    await connection.execute(_MARKS, key)
    progress.remove_task(task)
    return name, key
