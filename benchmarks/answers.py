"""The two answers: stats streamed per root trace, the summary unfiltered, by window and by filter."""

import asyncio
import json
import statistics
import time
from typing import Any

import asyncpg
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import ColumnElement, Select, func, literal_column, select

from spanstats.columnar.arms import Arm
from spanstats.columnar.keep import refresh_waiting
from spanstats.columnar.plan import plan_of
from spanstats.columnar.predicate import resolve
from spanstats.columnar.reader import Columns
from spanstats.dialects.respan.filters import read_filters
from spanstats.filters.bind import bind
from spanstats.filters.disjuncts import Filter, compile_filter
from spanstats.filters.predicate import EVERYTHING
from spanstats.filters.trace_fields import TRACES
from spanstats.stats.matching import ALL, rows_of, within
from spanstats.stats.scored import scored_statement
from spanstats.stats.summary import Estimates, filtered, sums_statement
from spanstats.stats.sums import Window
from spanstats.store.cache_tables import CACHES, column_data
from spanstats.store.session import Database, Kind, Transaction, create_engine
from spanstats.store.tables import traces

from . import seed
from .load import Request, Result, run
from .report import Report
from .server import KEY, Service

_STORED = """
SELECT sum(n), pg_total_relation_size('column_chunks') + pg_total_relation_size('column_data') FROM column_chunks
"""
_WINDOW = "start_time=2026-05-02T03:04:05.5Z&end_time=2026-05-29T01:02:03.25Z"
ROWS_SCANNED = (
    "SELECT count(*), sum(cost_pd), sum(latency_us), sum(length(entry)) FROM traces WHERE experiment_key = $1"
)

_FILTERED_AT_MOST = 1_000_000
# Scores of a seeded trace.
_SCORE_COLUMNS = 2

FILTERS = {
    "status": {"status": {"operator": "", "value": ["error"]}},
    "cost": {"total_cost": {"operator": "gte", "value": [0.0001]}},
    "tokens": {"total_tokens": {"operator": "gt", "value": [600]}},
    "latency": {"duration": {"operator": "lt", "value": [1.5]}},
    "status and cost": {
        "status": {"operator": "", "value": ["success"]},
        "total_cost": {"operator": "gte", "value": [0.0001]},
    },
    "model": {"model": {"operator": "in", "value": ["model-1", "model-2"]}},
    "metadata =": {"metadata__env": {"operator": "", "value": ["prod"]}},
    "metadata = (rare)": {"metadata__user": {"operator": "", "value": ["u77"]}},
    "metadata contains": {"metadata__user": {"operator": "contains", "value": ["U7"]}},
    "name contains": {"name": {"operator": "contains", "value": ["EP 4"]}},
    "score": {"scores__exact": {"operator": "gte", "value": [0.5]}},
}


async def measure(service: Service, report: Report, console: Console, roots: list[int], sizes: list[int]) -> None:
    """All of it, for experiments of so many root traces (stats) and traces (summary)."""
    connection = await asyncpg.connect(service.database_url.replace("+asyncpg", ""))
    await connection.execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
    tenant = await connection.fetchval("SELECT id FROM tenants WHERE name = 'default'")
    every = sorted({*roots, *sizes})
    with Progress(console=console) as progress:
        made = {n: await seed.experiment(connection, progress, tenant, n) for n in every}
        task = progress.add_task("Vacuum, then rollups", total=None)
        await connection.execute("VACUUM (ANALYZE) traces")
        await connection.execute("CHECKPOINT")
        while await connection.fetchval("SELECT EXISTS (SELECT FROM rollup_marks)"):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        await _store_columns(service, report, connection)
        for table in (*CACHES, column_data.name):
            await connection.execute(f"VACUUM (ANALYZE) {table}")
        await connection.execute("CHECKPOINT")
        progress.remove_task(task)
    for n in roots:
        await _stats(service, report, connection, n, *made[n])
    for n in sizes:
        await _summary(service, report, n, made[n][0])
    largest = max(n for n in sizes if n <= _FILTERED_AT_MOST)
    await _filtered(service, report, largest, *made[largest])
    for n in sorted({largest, max(sizes)}):
        await _whole_answers(service, report, n, made[n][0], only_columns=n > largest)
    await connection.close()


async def _store_columns(service: Service, report: Report, connection: asyncpg.Connection) -> None:
    """All that was seeded, at once and without the pauses of the service's own task."""
    engine = create_engine(service.database_url)
    began = time.perf_counter()
    async for _ in refresh_waiting(Database(engine), rest_s=0):
        pass
    took = time.perf_counter() - began
    await engine.dispose()
    stored, size = await connection.fetchrow(_STORED)
    note = f"{stored:,} traces in {took:.0f} s"
    report.add("storing columns of traces", took * 1e6 / stored, "us per trace", "at most 15", note)
    report.add("columns of traces", size / stored, "bytes per trace", "at most 64")


async def _stats(service: Service, report: Report, connection: asyncpg.Connection, n: int, name: str, key: int) -> None:
    request = Request.make("GET", f"/api/parea/v1/experiment/{name}/stats", KEY)
    times = 5 if n > 10_000 else 30
    await run(service.port, [request] * 5, 1)
    result = await run(service.port, [request] * times, 1)
    floor = await _timed(connection, key)
    first = statistics.median(result.first_bytes) * 1000
    note = f"first byte {first:.1f} ms, {result.bytes / times / 2**20:.1f} MiB, bare scan {floor:.1f} ms"
    report.add(f"stats of {n:,} roots", result.p50_ms, "ms", note=note)
    report.add(f"stats of {n:,} roots / bare scan of the rows", result.p50_ms / floor, "x", target="at most 4")
    report.add(f"memory of the worker after stats of {n:,} roots", service.rss_mib(), "MiB")


async def _timed(connection: asyncpg.Connection, key: int, sql: str = ROWS_SCANNED) -> float:
    """Median milliseconds of the statement."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        await connection.fetch(sql, key)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def ask(name: str, query: str = "", body: object = None) -> Request:
    sent = json.dumps(body or {}).encode()
    return Request.make("POST", f"/api/v2/experiments/{name}/logs/summary/?{query}", KEY, sent)


async def _summary(service: Service, report: Report, n: int, name: str) -> None:
    for what, query in (("all", ""), ("window", _WINDOW)):
        await run(service.port, [ask(name, query)] * 10, 1)
        result = await run(service.port, [ask(name, query)] * 200, 1)
        note = f"p99 {result.p99_ms:.1f} ms"
        report.add(f"summary of {n:,} traces, {what}: p50", result.p50_ms, "ms", target="under 5, flat", note=note)


async def _filtered(service: Service, report: Report, n: int, name: str, key: int) -> None:
    """By filter: the numeric measures alone, the score aggregates alone, and the whole answer over HTTP."""
    engine = create_engine(service.database_url)
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        floor = await _statement(
            tx, select(literal_column(_FOUR_SUMS)).select_from(traces).where(*within(key, Window(), ALL))
        )
        report.add(f"floor: four sums over {n:,} traces, bare index scan", floor * 1e9 / n, "ns per trace")
        for what, filters in FILTERS.items():
            made = _compiled(filters)
            parts = within(key, Window(), made.disjuncts)
            matching = await tx.connection.scalar(select(func.count()).select_from(rows_of(parts, _ONE).subquery()))
            target = "at most 500" if what.startswith("metadata") else "at most 120" if what in _COVERED else ""
            arm = Arm(key, Window(), made)
            answers = "from the traces" if await plan_of(tx, arm) is None else "from columns"
            plain, scored = sums_statement(parts), scored_statement(parts, _SCORE_COLUMNS)
            times = {"from the traces": (await _statement(tx, plain), await _statement(tx, scored))}
            if resolve(made.predicate, 1) is not None:
                plain_times, scored_times = (
                    await _from_columns(tx, arm, 0),
                    await _from_columns(tx, arm, _SCORE_COLUMNS),
                )
                times |= {
                    f"from columns, {kept}": (plain_times[i], scored_times[i])
                    for i, kept in enumerate(("cold", "warm"))
                }
            for form, (sums, with_scores) in times.items():
                by = f"filter by {what}, {form}"
                per_trace, more = (target, "at most 1,000 more") if form.startswith(answers) else ("", "")
                report.add(f"{by}: measures", sums * 1e9 / n, "ns per trace", per_trace, f"{matching:,} match")
                report.add(f"{by}: with scores, more", (with_scores - sums) * 1e9 / matching, "ns per match", more)
    await engine.dispose()


async def _whole_answers(service: Service, report: Report, n: int, name: str, *, only_columns: bool) -> None:
    """Over HTTP, with scores."""
    for what, filters in FILTERS.items():
        if resolve(_compiled(filters).predicate, 1) is not None or not only_columns:
            result: Result = await run(service.port, [ask(name, "", {"filters": filters})] * 5, 1)
            report.add(f"filter {n:,} traces by {what}: the whole answer", result.p50_ms, "ms")


async def _from_columns(tx: Transaction, arm: Arm, n_scores: int) -> tuple[float, float]:
    """Seconds of the sums with an empty cache, and the median with a warm one."""
    columns = Columns()
    times = []
    for _ in range(4):
        began = time.perf_counter()
        await filtered(columns, tx, arm, Estimates(n_scores))
        times.append(time.perf_counter() - began)
    return times[0], statistics.median(times[1:])


_COVERED = frozenset({"status", "cost", "tokens", "latency", "status and cost", "model"})
_FOUR_SUMS = "count(*), sum(cost_pd), sum(total_tokens), sum(latency_us)"


_ONE: ColumnElement[int] = literal_column("1")


def _compiled(filters: object) -> Filter:
    return compile_filter(EVERYTHING if (tree := read_filters({"filters": filters})) is None else bind(tree, TRACES), 1)


async def _statement(tx: Transaction, statement: Select[Any]) -> float:
    """Median seconds of the statement."""
    times = []
    for _ in range(4):
        began = time.perf_counter()
        (await tx.connection.execute(statement)).all()
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])
