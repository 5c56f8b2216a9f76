"""Durable ingest over HTTP, against raw COPY of the same rows and a route that does nothing."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg

from . import bodies
from .load import Request, Result, run
from .report import Report
from .server import KEY, Service

_TABLES = ("spans", "span_payloads")
_PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True, slots=True)
class Batch:
    """A way of posting a hundred spans at once."""

    name: str
    path: str
    make: Callable[[int, int, str, int], Iterator[bytes]]
    kind: str = "application/json"


BATCHES = (
    Batch("flat JSON", "/api/v1/traces/ingest", bodies.flat),
    Batch("OTLP JSON", "/api/v2/traces", bodies.otlp_json),
    Batch("OTLP protobuf", "/api/v2/traces", bodies.otlp_protobuf, _PROTOBUF),
)


async def measure(service: Service, report: Report, scale: float) -> None:
    """All of it; `scale` shortens the runs."""
    await _singles(service, report, scale)
    rates = {batch.name: await _batches(service, report, batch, scale, n) for n, batch in enumerate(BATCHES, 1)}
    report.add("OTLP protobuf / OTLP JSON", rates["OTLP protobuf"] / rates["OTLP JSON"], "x", target="at least 0.75")
    floor, _ = await _copy_floor(service, int(20_000 * scale))
    report.add("floor: raw COPY, 100 rows a commit", floor, "spans/s")
    report.add("raw COPY / flat JSON", floor / rates["flat JSON"], "x", target="at most 3.5")
    await _long_trace(service, report, int(20_000 * scale), scored_every=0)
    await _long_trace(service, report, int(20_000 * scale), scored_every=7)
    report.add("memory of the worker after ingest", service.rss_mib(), "MiB", target="under 150")


async def measure_workers(service: Service, report: Report, scale: float, workers: int) -> None:
    """The two rates once more, for a service of several workers."""
    await run(service.port, _parea(2_000, "warm", 70_000_000), 64)
    single = await run(service.port, _parea(int(12_000 * scale), "singles", 0), 64)
    name = f"{workers} workers: one span a request, 64 connections"
    report.add(name, single.rate, "spans/s", target="at least 2,500", note=_spread(single))
    await _batches(service, report, BATCHES[0], scale, 1, f"{workers} workers: ")
    floor, _ = await _copy_floor(service, int(20_000 * scale))
    report.add("floor: raw COPY, 100 rows a commit", floor, "spans/s")


def _parea(count: int, experiment: str, offset: int) -> list[Request]:
    made = bodies.parea(count, experiment, offset)
    return [Request.make("POST", "/api/parea/v1/trace_log", KEY, body) for body in made]


async def _singles(service: Service, report: Report, scale: float) -> None:
    count = int(12_000 * scale)
    await run(service.port, _parea(500, "warm", 70_000_000), 8)
    noop = await run(service.port, [Request.make("GET", "/healthz", KEY)] * count, 64)
    report.add("floor: a route that does nothing, 64 connections", noop.rate, "requests/s")
    single = await run(service.port, _parea(count, "singles", 0), 64)
    report.add(
        "one span a request, 64 connections", single.rate, "spans/s", target="at least 2,500", note=_spread(single)
    )
    lone = await run(service.port, _parea(int(1_500 * scale), "lone", 80_000_000), 1)
    report.add("one span a request, 1 connection: p50", lone.p50_ms, "ms", target="under 3", note=_spread(lone))
    _, floor_ms = await _copy_floor(service, int(1_500 * scale), per_commit=1)
    report.add("floor: raw COPY, one row a commit: p50", floor_ms, "ms")
    report.add("one span a request, 1 connection / raw COPY", lone.p50_ms / floor_ms, "x", target="at most 2.5")


def _spread(result: Result) -> str:
    return f"p50 {result.p50_ms:.1f} ms, p99 {result.p99_ms:.1f} ms, longest {max(result.latencies) * 1000:.0f} ms"


async def _batches(
    service: Service, report: Report, batch: Batch, scale: float, number: int, prefix: str = ""
) -> float:
    count, offset = int(420 * scale) * 100, number * 10_000_000 * bodies.SPANS_PER_TRACE
    made = batch.make(count, 100, f"batches-{number}", offset)
    requests = [Request.make("POST", batch.path, KEY, body, batch.kind) for body in made]
    result = await run(service.port, requests, 8)
    rate = result.rate * 100
    target = "at least 12,000" if number == 1 else ""
    report.add(
        f"{prefix}{batch.name}, 100 spans a request, 8 connections",
        rate,
        "spans/s",
        target=target,
        note=_spread(result),
    )
    return rate


async def _copy_floor(service: Service, count: int, per_commit: int = 100) -> tuple[float, float]:
    """By COPY on one connection, both tables with the indexes of the real ones: spans a second, and the median
    milliseconds of a transaction."""
    connection = await asyncpg.connect(service.database_url.replace("+asyncpg", ""))
    try:
        rows: dict[str, list[Any]] = {}
        for table in _TABLES:
            await connection.execute(f"DROP TABLE IF EXISTS floor_{table}")
            await connection.execute(f"CREATE TABLE floor_{table} (LIKE {table} INCLUDING ALL)")
            rows[table] = await connection.fetch(f"SELECT * FROM {table} ORDER BY 1, 2, 3 LIMIT $1", count)
        took = []
        for begin in range(0, len(rows["spans"]), per_commit):
            # The loop's own clock counts whole milliseconds.
            began = time.perf_counter()
            async with connection.transaction():
                for table in _TABLES:
                    part = rows[table][begin : begin + per_commit]
                    await connection.copy_records_to_table(f"floor_{table}", records=part)
            took.append(time.perf_counter() - began)
        for table in _TABLES:
            await connection.execute(f"DROP TABLE floor_{table}")
        return len(rows["spans"]) / sum(took), statistics.median(took) * 1000
    finally:
        await connection.close()


async def _long_trace(service: Service, report: Report, count: int, scored_every: int) -> None:
    """A trace whose spans come one by one: the last thousand against the first."""
    part = count // 20
    made = bodies.long_trace(count, f"long-{scored_every}", scored_every)
    wires = [Request.make("POST", "/api/parea/v1/trace_log", KEY, body) for body in made]
    first = await run(service.port, wires[:part], 1)
    await run(service.port, wires[part:-part], 16)
    last = await run(service.port, wires[-part:], 1)
    name = f"a trace of {count:,} spans one by one" + (f", one in {scored_every} scored" if scored_every else "")
    note = f"first {first.p50_ms:.1f} ms, last {last.p50_ms:.1f} ms p50"
    target = "at most 1.5" if scored_every else "at most 5"
    report.add(f"{name}: last {part:,} / first {part:,}", last.elapsed_s / first.elapsed_s, "x", target, note)
