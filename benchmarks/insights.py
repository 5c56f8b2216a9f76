"""What a run says, over HTTP, beside the same question put to DuckDB over the same rows, and to plain SQL."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import duckdb
from rich.console import Console
from rich.progress import Progress

from . import seed
from .caches import refresh_caches
from .load import Request, run
from .report import Report
from .server import KEY, Service, serving_beside

_TIMES = 7
_COPIED = (
    "start_time, latency_us, cost_pd, total_tokens, status, model, metadata->>'user' AS user_id, "
    "metadata->>'item' AS item"
)
_COLUMNS = seed.COLUMNS | {
    "metadata": "jsonb_build_object('env', (ARRAY['prod', 'test', 'dev'])[n % 3 + 1], 'user', 'u' || n % 1000, "
    "'item', 'i' || n * 7919 % 10000)",
    # None is left to derive in the background.
    "item_key": "''::bytea",
}
# A call of a model in each trace, with what the trace cost.
_SPANS = """
INSERT INTO spans (tenant_id, trace_id, span_id, by_span_id, status, start_time, end_time, borrow, filled, received_at,
    model, prompt_tokens, completion_tokens, total_tokens, cost_pd, latency_us)
SELECT tenant_id, trace_id, 's', true, status, start_time, end_time, 0, 0, start_time,
    model, prompt_tokens, completion_tokens, total_tokens, cost_pd, latency_us
FROM traces WHERE experiment_key = $1
"""
_MOST_SPANS = 1_000_000
_TINY = str(2**20)
_THREE = "sum(cost_pd), avg(latency_us), sum(total_tokens)"
_MEASURES = ["cost.sum", "latency.mean", "total_tokens.sum"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: below which path and with which body, and the same in SQL. Targets are milliseconds at a million
    traces, warm and cold."""

    name: str
    path: str
    body: dict[str, Any]
    sql: str
    target: tuple[int, int] = (0, 0)
    duck: str | None = None


_QUANTILES = "quantile_cont(latency_us, [0.5, 0.95, 0.99])"
_PERCENTILES = "percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency_us)"
_P = {"measures": ["latency.p50", "latency.p95", "latency.p99"]}
_ERROR = {"filters": {"status": "error"}}
_WINDOW = {"start_time": "2026-05-02T03:04:05.5Z", "end_time": "2026-05-29T01:02:03.25Z"}
_IN_WINDOW = "start_time >= '2026-05-02T03:04:05.5Z' AND start_time < '2026-05-29T01:02:03.25Z'"
_BIN = "least(((latency_us - 100000) * 50 / 3000000)::bigint, 49)"

QUESTIONS = (
    Question("sums, unfiltered", "", {"measures": _MEASURES}, f"SELECT count(*), {_THREE} FROM t", (5, 5)),
    Question(
        "series by day",
        "/series",
        {"measures": _MEASURES, "granularity": "day"},
        f"SELECT date_trunc('day', start_time), {_THREE} FROM t GROUP BY 1",
        (5, 5),
    ),
    Question(
        "deviations and missing counts",
        "",
        {"measures": ["cost", "latency", "ttft.missing", "error.mean"]},
        "SELECT count(*), stddev_samp(cost_pd), stddev_samp(latency_us), avg((status = 'error')::int) FROM t",
        (5, 5),
    ),
    Question(
        "cost by model, of spans",
        "/breakdown",
        {"group_by": "model", "unit": "span", "measures": ["cost.sum", "total_tokens.sum"]},
        "SELECT model, count(*), sum(cost_pd), sum(total_tokens) FROM t GROUP BY 1",
        (5, 5),
    ),
    Question("p50, p95, p99", "", _P, f"SELECT {_PERCENTILES} FROM t", (25, 60), f"SELECT {_QUANTILES} FROM t"),
    Question(
        "p50, p95, p99 in a window",
        "",
        _P | _WINDOW,
        f"SELECT {_PERCENTILES} FROM t WHERE {_IN_WINDOW}",
        (25, 60),
        f"SELECT {_QUANTILES} FROM t WHERE {_IN_WINDOW}",
    ),
    Question(
        "p50, p95, p99 of failed traces",
        "",
        _P | _ERROR,
        f"SELECT {_PERCENTILES} FROM t WHERE status = 'error'",
        (25, 60),
        f"SELECT {_QUANTILES} FROM t WHERE status = 'error'",
    ),
    Question(
        "histogram of 50 bins",
        "/histogram",
        {"measure": "latency", "bins": 50},
        f"SELECT {_BIN}, count(*) FROM t GROUP BY 1",
        (50, 120),
    ),
    Question(
        "by model, three measures",
        "/breakdown",
        {"group_by": "model", "unit": "trace", "measures": _MEASURES},
        f"SELECT model, count(*), {_THREE} FROM t GROUP BY 1",
        (50, 120),
    ),
    Question(
        "by a metadata key of 1,000 values",
        "/breakdown",
        {"group_by": "metadata.user", "measures": _MEASURES},
        f"SELECT user_id, count(*), {_THREE} FROM t GROUP BY 1 ORDER BY 2 DESC LIMIT 50",
        (100, 200),
    ),
    Question(
        "by a metadata key of 10,000 values",
        "/breakdown",
        {"group_by": "metadata.item", "measures": _MEASURES},
        f"SELECT item, count(*), {_THREE} FROM t GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 50",
        (100, 200),
    ),
)


async def measure(service: Service, report: Report, console: Console, sizes: list[int]) -> None:
    """Every question, of experiments of so many traces: warm, and of a service that keeps hardly any columns."""
    connection = await asyncpg.connect(service.database_url.replace("+asyncpg", ""))
    await connection.execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
    tenant = await connection.fetchval("SELECT id FROM tenants WHERE name = 'default'")
    for traces in sizes:
        with Progress(console=console) as progress:
            name, key = await seed.experiment(connection, progress, tenant, traces, columns=_COLUMNS)
        if traces <= _MOST_SPANS:
            await connection.execute(_SPANS, key)
            await connection.execute("VACUUM (ANALYZE) spans")
        await refresh_caches(service, connection)
        with serving_beside(service, SPANSTATS_COLUMN_CACHE_BYTES=_TINY) as cold:
            await _each_question(service, cold, report, connection, traces, name, key)
        report.add(f"{traces:,} traces: memory of the worker", service.rss_mib(), "MiB", "at most 500")
    await connection.close()


async def _each_question(
    service: Service, cold: Service, report: Report, connection: asyncpg.Connection, traces: int, name: str, key: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        duck = await _copied(connection, key, Path(directory) / "traces.csv")
        of_one = f"(SELECT {_COPIED} FROM traces WHERE experiment_key = {key}) t"
        for question in QUESTIONS:
            url = f"/api/stats/v1/experiments/{name}{question.path}"
            request = Request.make("POST", url, KEY, json.dumps(question.body).encode())
            first = await run(service.port, [request], 1)
            warm = await run(service.port, [request] * _TIMES, 1)
            await run(cold.port, [request], 1)
            without_cache = await run(cold.port, [request] * 3, 1)
            by_duck = _times(lambda question=question: duck.execute(question.duck or question.sql).fetchall())
            began = time.perf_counter()
            await connection.fetch(question.sql.replace("FROM t", f"FROM {of_one}"))
            plain = (time.perf_counter() - began) * 1000
            note = (
                f"least {min(warm.latencies) * 1000:.1f} ms, first time {first.p50_ms:.0f} ms, without a cache "
                f"{without_cache.p50_ms:.1f} ms (least {min(without_cache.latencies) * 1000:.1f}), DuckDB "
                f"{statistics.median(by_duck):.1f} ms (least {min(by_duck):.1f}), plain SQL {plain:.0f} ms"
            )
            target = f"at most {question.target[0]} at a million, {question.target[1]} without a cache"
            report.add(f"{traces:,} traces: {question.name}", warm.p50_ms, "ms", target, note)
        duck.close()


async def _copied(connection: asyncpg.Connection, key: int, path: Path) -> Any:
    """The traces as a table `t` of a DuckDB of its own, in memory."""
    sql = f"SELECT {_COPIED} FROM traces WHERE experiment_key = {key}"
    await connection.copy_from_query(sql, output=path, format="csv", header=True)
    duck = duckdb.connect()
    duck.execute(f"CREATE TABLE t AS SELECT * FROM read_csv('{path}')")
    return duck


def _times(work: Callable[[], object]) -> list[float]:
    """Milliseconds."""
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return times
