"""Experiments of any number of traces, made in SQL: thirty days, seven models, two scores a trace."""

from collections.abc import Mapping

import asyncpg
from rich.progress import Progress

_CHUNK = 50_000
_DAYS_US = 30 * 86_400 * 1_000_000

_EVALUATORS = """
INSERT INTO evaluators (tenant_id, key, value_type) VALUES ($1, 'exact', 'numerical'), ($1, 'judge', 'numerical')
ON CONFLICT DO NOTHING
"""
_EXPERIMENT = "INSERT INTO experiments (tenant_id, id) VALUES ($1, $2) RETURNING key"

# Over (n: number of the trace, id, start, latency, prompt, completion). The stats entry has the shape and length of a
# real one.
COLUMNS = {
    "tenant_id": "$1",
    "trace_id": "id",
    "experiment_key": "$2::bigint",
    "start_time": "start",
    "end_time": "start + latency * interval '1 microsecond'",
    "latency_us": "latency",
    "ttft_us": "latency / 3",
    "tps": "completion * 1000000000 / latency",
    "prompt_tokens": "prompt",
    "completion_tokens": "completion",
    "total_tokens": "prompt + completion",
    "cost_pd": "prompt * 150000 + completion * 600000",
    "n_spans": "7",
    "n_errors": "0",
    "n_llm_calls": "1",
    "has_root": "true",
    "many_models": "false",
    "status": "CASE WHEN n % 10 = 0 THEN 'error' ELSE 'success' END",
    "model": "'model-' || n % 7",
    "name": "'step ' || n % 50",
    "root_span_id": "id",
    "metadata": "jsonb_build_object('env', (ARRAY['prod', 'test', 'dev'])[n % 3 + 1], 'user', 'u' || n % 1000)",
    "score_keys": "ARRAY['exact', 'judge']",
    "score_values": "ARRAY[n % 100 * 10000000, 750000000]",
    "entry": """format('{"trace_id":"%s","latency":%s,"input_tokens":%s,"output_tokens":%s,"total_tokens":%s,"cost":%s,'
        '"scores":[{"name":"exact","score":%s,"evaluation_metric_id":null,"reason":null},'
        '{"name":"judge","score":0.75,"evaluation_metric_id":null,"reason":"because"}]}', id, latency / 1e6, prompt,
        completion, prompt + completion, (prompt * 150000 + completion * 600000) / 1e12, n % 100 / 100.0)""",
}
_MADE = """(
    SELECT n, md5($2::bigint || '-' || n) AS id,
        '2026-05-01Z'::timestamptz + ($5::numeric * n / $6::bigint)::bigint * interval '1 microsecond' AS start,
        100000 + n * 7919 % 3000000 AS latency, 200 + n % 800 AS prompt, 20 + n % 300 AS completion
    FROM generate_series($3::bigint, $4::bigint) AS n
) made"""

_MARKS = """
INSERT INTO rollup_marks
SELECT DISTINCT experiment_key, date_trunc('minute', start_time, 'UTC') FROM traces WHERE experiment_key = $1
"""


async def experiment(
    connection: asyncpg.Connection,
    progress: Progress,
    tenant_id: int,
    traces: int,
    name: str | None = None,
    columns: Mapping[str, str] = COLUMNS,
) -> tuple[str, int]:
    """(id, key) of a new experiment with so many traces, spread evenly over thirty days."""
    name = name or f"seeded-{traces}"
    put = f"INSERT INTO traces ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {_MADE}"
    await connection.execute(_EVALUATORS, tenant_id)
    key = await connection.fetchval(_EXPERIMENT, tenant_id, name)
    task = progress.add_task(f"Seeding {traces:,} traces", total=traces)
    for begin in range(0, traces, _CHUNK):
        end = min(begin + _CHUNK, traces) - 1
        await connection.execute(put, tenant_id, key, begin, end, _DAYS_US, traces)
        progress.advance(task, end - begin + 1)
    await invalidate(connection, key)
    progress.remove_task(task)
    return name, key


async def invalidate(connection: asyncpg.Connection, experiment_key: int) -> None:
    """All minutes of the experiment, as writes of the service do: what is put into tables directly does not."""
    await connection.execute(_MARKS, experiment_key)
