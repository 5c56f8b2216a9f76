"""What a span and an answer may take: processor time of all processes, and answers against the floors under them."""

import statistics
import time
from collections.abc import Awaitable, Callable

import asyncpg
from rich.console import Console

from .answers import ROWS_SCANNED
from .floor import NOTHING, ONE_ROW, ask_floor, serving_floor
from .load import Request, run
from .report import Report
from .server import KEY, Service
from .turns import Given, Turns, measure, measure_idle, seed_experiments
from .works import STATS_OF, Work, by_model, stats, summary, works

_TURNS = 5
_ROUNDS = 9
_AT_ONCE = 40
_TRACES = 100_000
_AT_MOST_US = {"Parea span, 64 connections": 550, "flat JSON span, 100 a request": 95}


async def measure_budgets(service: Service, report: Report, console: Console) -> None:
    """All of it, over experiments that it makes."""
    await seed_experiments(console, service, [STATS_OF, _TRACES])
    idle = await measure_idle([service])
    await _answers(service, report)
    for work in works(_TRACES):
        (took,) = await measure([Given(service, work)], _TURNS, idle)
        _add(report, work, took)


def _add(report: Report, work: Work, took: Turns) -> None:
    low, middle, high = statistics.quantiles(took.all_us, n=4)
    parts = [statistics.median(each) for each in (took.service_us, took.database_us, took.wall_us)]
    note = "service {:,.0f}, PostgreSQL {:,.0f}, wall {:,.0f}; quartiles {:,.0f} to {:,.0f}".format(*parts, low, high)
    target = f"at most {_AT_MOST_US[work.name]}" if work.name in _AT_MOST_US else ""
    report.add(f"processor time: {work.name}", middle, "us", target, note)


async def _answers(service: Service, report: Report) -> None:
    """Over one connection, all in turns: answers of the service, of a server without it, and the scan of the rows."""
    connection = await asyncpg.connect(service.database_url.replace("+asyncpg", ""))
    key = await connection.fetchval("SELECT key FROM experiments WHERE id = $1", f"seeded-{STATS_OF}")
    with serving_floor(service.database_url) as floor:
        times = await _in_turns(
            {
                "nothing": _ask(floor, ask_floor(NOTHING)),
                "no-op": _ask(service.port, Request.make("GET", "/healthz", KEY)),
                "no-op of 64": _ask_at_once(service.port, Request.make("GET", "/healthz", KEY)),
                "one row": _ask(floor, ask_floor(ONE_ROW)),
                "scan": lambda: _scan(connection, key),
                "summary": _ask(service.port, summary(_TRACES)),
                "stats": _ask(service.port, stats()),
                "filtered": _ask(service.port, by_model(_TRACES)),
            }
        )
    await connection.close()
    _compare(report, times)


def _compare(report: Report, times: dict[str, float]) -> None:
    row = times["one row"] - times["nothing"]
    with_row = times["no-op"] + row
    note = f"the HTTP server alone {times['nothing']:.3f} ms, the row {row:.3f} ms"
    report.add("floor: a route that does nothing, and one row of the database", with_row, "ms", note=note)
    note = f"{times['summary']:.2f} ms"
    report.add(f"summary of {_TRACES:,} traces / that", times["summary"] / with_row, "x", "at most 2.5", note)
    note = f"{times['stats']:.2f} ms; scan {times['scan']:.2f} ms"
    of_stats = times["stats"] / (with_row + times["scan"])
    report.add(f"stats of {STATS_OF} roots / that and the scan of their rows", of_stats, "x", "at most 3", note)
    note = f"{times['filtered']:.1f} ms; each of 64 requests at once {times['no-op of 64']:.3f} ms"
    of_filtered = times["filtered"] / times["no-op of 64"]
    report.add(f"summary of {_TRACES:,} traces by model / the route alone", of_filtered, "x", "at most 33", note)


async def _in_turns(asked: dict[str, Callable[[], Awaitable[float]]]) -> dict[str, float]:
    """Medians of all rounds; the first one warms up."""
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(_ROUNDS + 1):
        for name, ask in asked.items():
            took = await ask()
            if number > 0:
                taken[name].append(took)
    return {name: statistics.median(each) for name, each in taken.items()}


def _ask(port: int, request: Request) -> Callable[[], Awaitable[float]]:
    async def ask() -> float:
        return (await run(port, [request] * _AT_ONCE, 1)).p50_ms

    return ask


def _ask_at_once(port: int, request: Request) -> Callable[[], Awaitable[float]]:
    """Milliseconds of each of many requests over 64 connections, as if it had been alone."""

    async def ask() -> float:
        return (await run(port, [request] * 1_000, 64)).elapsed_s * 1000 / 1_000

    return ask


async def _scan(connection: asyncpg.Connection, key: int) -> float:
    times = []
    for _ in range(_AT_ONCE):
        began = time.perf_counter()
        await connection.fetch(ROWS_SCANNED, key)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000
