"""Fixed work given to services in turns: the processor time and the wall time that it takes each of them.

Processor time says what a program did, but for how quick the processor is at the moment, which changes within seconds.
So each turn is cut into slices of a tenth of a second, which the services are given alternately. A turn ends when all
have done what the work left to their background tasks. The time that a service takes without work is measured before
and subtracted.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg
from rich.console import Console
from rich.progress import Progress

from . import seed
from .load import Request, run
from .processor import Spent, spent, until_quiet
from .server import Service
from .works import Work

_UNTIL_STORED_S = 45
"""Minutes rest for 15 seconds before their columns are stored, and are looked for every ten."""
_LEFT_TO_DO = ("rollup_marks", "slice_marks", "column_invalidations")
"""Tables, of this version or an earlier one, that are empty once the background has done its work."""
_IDLE_S = 10


@dataclass(slots=True)
class Turns:
    """What the turns of one service took, for each span or answer in microseconds."""

    service_us: list[float] = field(default_factory=list)
    database_us: list[float] = field(default_factory=list)
    wall_us: list[float] = field(default_factory=list)

    def add(self, took: Spent, wall_s: float, count: int) -> None:
        self.service_us.append(took.service_s * 1e6 / count)
        self.database_us.append(took.database_s * 1e6 / count)
        self.wall_us.append(wall_s * 1e6 / count)

    @property
    def all_us(self) -> list[float]:
        return [a + b for a, b in zip(self.service_us, self.database_us, strict=True)]


@dataclass(frozen=True, slots=True)
class Given:
    """A service, and the work that it is given."""

    service: Service
    work: Work


async def measure(given: Sequence[Given], turns: int, idle: Sequence[Spent]) -> list[Turns]:
    """`idle` is what each service spends in a second without work. The first turn warms the services up."""
    measured = [Turns() for _ in given]
    for turn in range(turns + 1):
        took, wall_s = await _turn(given, turn, idle)
        for number in range(len(given)) if turn > 0 else ():
            measured[number].add(took[number], wall_s[number], given[number].work.count)
    return measured


async def _turn(given: Sequence[Given], turn: int, idle: Sequence[Spent]) -> tuple[list[Spent], list[float]]:
    """What each service spent on its work, beyond what it spends without work, and in how many seconds."""
    took, wall_s = [Spent(0, 0) for _ in given], [0.0 for _ in given]
    for i, slices in enumerate(zip(*(each.work.slices(turn) for each in given), strict=True)):
        numbers = range(len(given))
        for number in numbers if (turn + i) % 2 else reversed(numbers):
            spent_s, elapsed_s = await _slice(given[number], slices[number], idle[number])
            took[number] += spent_s
            wall_s[number] += elapsed_s
    after = await asyncio.gather(*(_background(each, own) for each, own in zip(given, idle, strict=True)))
    return [a + b for a, b in zip(took, after, strict=True)], wall_s


async def _slice(given: Given, requests: list[Request], idle: Spent) -> tuple[Spent, float]:
    before, began = spent(given.service.process), time.perf_counter()
    result = await run(given.service.port, requests, given.work.concurrency)
    elapsed_s = time.perf_counter() - began
    return spent(given.service.process) - before - idle * elapsed_s, result.elapsed_s


async def _background(given: Given, idle: Spent) -> Spent:
    """What the service spends until nothing of its work is left to do, beyond what it spends without work."""
    if not given.work.writes:
        return Spent(0, 0)
    before, began = spent(given.service.process), time.perf_counter()
    await until_quiet(given.service.process)
    return spent(given.service.process) - before - idle * (time.perf_counter() - began)


async def measure_idle(services: Sequence[Service]) -> list[Spent]:
    """What each service spends in a second without work.

    To be measured before any work: what work leaves for later takes half a minute to begin.
    """
    await asyncio.gather(*(until_quiet(service.process) for service in services))
    before, began = [spent(service.process) for service in services], time.perf_counter()
    await asyncio.sleep(_IDLE_S)
    elapsed_s = time.perf_counter() - began
    return [(spent(s.process) - b) * (1 / elapsed_s) for s, b in zip(services, before, strict=True)]


async def seed_experiments(console: Console, service: Service, sizes: Sequence[int]) -> None:
    """Make an experiment of each size, and wait until its columns are stored."""
    connection = await asyncpg.connect(service.database_url.replace("+asyncpg", ""))
    tenant = await connection.fetchval("SELECT id FROM tenants WHERE name = 'default'")
    with Progress(console=console) as progress:
        for size in sizes:
            await seed.experiment(connection, progress, tenant, size)
    await connection.execute("VACUUM (ANALYZE) traces")
    await connection.execute("CHECKPOINT")
    # Summaries read columns once these are stored, and traces until then.
    await asyncio.sleep(_UNTIL_STORED_S)
    for table in _LEFT_TO_DO:
        if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table):
            while await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM {table})"):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
    await connection.close()
    await until_quiet(service.process)
