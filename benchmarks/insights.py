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
from .server import KEY, Service

_TIMES = 7
_COPIED = "start_time, latency_us, cost_pd, total_tokens, status, model, metadata->>'user' AS user_id"
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
)


async def measure(service: Service, report: Report, console: Console, sizes: list[int]) -> None:
    """Every question, of experiments of so many traces."""
    connection = await asyncpg.connect(service.database_url.replace("+asyncpg", ""))
    await connection.execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
    tenant = await connection.fetchval("SELECT id FROM tenants WHERE name = 'default'")
    for traces in sizes:
        with Progress(console=console) as progress:
            name, key = await seed.experiment(connection, progress, tenant, traces)
        await refresh_caches(service, connection)
        await _each_question(service, report, connection, traces, name, key)
    await connection.close()


async def _each_question(
    service: Service, report: Report, connection: asyncpg.Connection, traces: int, name: str, key: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        duck = await _copied(connection, key, Path(directory) / "traces.csv")
        of_one = f"(SELECT {_COPIED} FROM traces WHERE experiment_key = {key}) t"
        for question in QUESTIONS:
            url = f"/api/stats/v1/experiments/{name}{question.path}"
            request = Request.make("POST", url, KEY, json.dumps(question.body).encode())
            first = await run(service.port, [request], 1)
            warm = await run(service.port, [request] * _TIMES, 1)
            by_duck = _median(lambda question=question: duck.execute(question.duck or question.sql).fetchall())
            began = time.perf_counter()
            await connection.fetch(question.sql.replace("FROM t", f"FROM {of_one}"))
            plain = (time.perf_counter() - began) * 1000
            note = f"first time {first.p50_ms:.0f} ms, DuckDB {by_duck:.1f} ms, plain SQL {plain:.0f} ms"
            target = f"at most {question.target[0]} at a million"
            report.add(f"{traces:,} traces: {question.name}", warm.p50_ms, "ms", target, note)
        duck.close()


async def _copied(connection: asyncpg.Connection, key: int, path: Path) -> Any:
    """The traces as a table `t` of a DuckDB of its own, in memory."""
    sql = f"SELECT {_COPIED} FROM traces WHERE experiment_key = {key}"
    await connection.copy_from_query(sql, output=path, format="csv", header=True)
    duck = duckdb.connect()
    duck.execute(f"CREATE TABLE t AS SELECT * FROM read_csv('{path}')")
    return duck


def _median(work: Callable[[], object]) -> float:
    """Milliseconds."""
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000
