"""Two versions given the same work in turns: the processor time that each takes.

Wall time on a shared machine says what else it did. Processor time says what the program did, but for how quick the
processor is at the moment, which changes within seconds. So each turn is cut into slices of a tenth of a second, which
the two versions are given alternately, and the report has the median over all turns. A turn ends when both services
have done what the work left to their background tasks. The time that a service takes without work is measured before,
told by itself, and subtracted. The spread beside a ratio says how far it can be trusted.
"""

import asyncio
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.progress import Progress

from . import seed
from .checkout import Version, check_out, this_version
from .load import run
from .processor import Spent, spent, until_quiet
from .server import Service, serving
from .works import STATS_OF, Work, works

_HEAD = "| work | service, us | | PostgreSQL, us | | together, us | | new / base | spread | wall, us | |"
_RULE = "|---|---|---|---|---|---|---|---|---|---|---|"

_UNTIL_STORED_S = 45
"""Minutes rest for 15 seconds before their columns are stored, and are looked for every ten."""
_IDLE_S = 10


@dataclass(slots=True)
class Turns:
    """What the turns of one version took, for each span or answer in microseconds."""

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


async def compare(
    console: Console, base: str, scratch: Path, turns: int, only: str, traces: int, out: Path | None
) -> None:
    """Measure BASE and this tree; print a table, and append it to `out`."""
    versions = [check_out(base, scratch), this_version()]
    given = [work for work in works(traces) if only in work.name]
    rows = []
    with ExitStack() as stack:
        services = [stack.enter_context(serving(version=version)) for version in versions]
        for service in services:
            await _seed(console, service, sorted({STATS_OF, traces}))
        rows.append(_row_of_idle(*await _idle(services)))
        console.print(rows[-1])
        for work in given:
            measured = await _measure(services, work, turns)
            rows.append(_row(work, *measured))
            console.print(rows[-1])
    text = "\n".join([_heading(versions, turns), "", _HEAD, _RULE, *rows, ""])
    console.print(text)
    if out is not None:
        with out.open("a") as file:
            file.write("\n" + text)


async def _seed(console: Console, service: Service, sizes: list[int]) -> None:
    connection = await asyncpg.connect(service.database_url.replace("+asyncpg", ""))
    tenant = await connection.fetchval("SELECT id FROM tenants WHERE name = 'default'")
    with Progress(console=console) as progress:
        for size in sizes:
            await seed.experiment(connection, progress, tenant, size)
    await connection.execute("VACUUM (ANALYZE) traces")
    await connection.execute("CHECKPOINT")
    await connection.close()
    # Summaries read columns once these are stored, and traces until then.
    await asyncio.sleep(_UNTIL_STORED_S)
    await until_quiet(service.process)


async def _measure(services: list[Service], work: Work, turns: int) -> list[Turns]:
    """The first turn warms the services up and is not told."""
    measured = [Turns() for _ in services]
    idle = await _idle(services)
    for turn in range(turns + 1):
        took, wall_s = await _turn(services, work, turn, idle)
        for number in range(len(services)) if turn > 0 else ():
            measured[number].add(took[number], wall_s[number], work.count)
    return measured


async def _turn(services: list[Service], work: Work, turn: int, idle: list[Spent]) -> tuple[list[Spent], list[float]]:
    """What each service spent on the work, beyond what it spends without work, and in how many seconds."""
    took, wall_s = [Spent(0, 0) for _ in services], [0.0 for _ in services]
    for i, some in enumerate(work.slices(turn)):
        for number in (0, 1) if (turn + i) % 2 else (1, 0):
            before, began = spent(services[number].process), time.perf_counter()
            result = await run(services[number].port, some, work.concurrency)
            elapsed_s = time.perf_counter() - began
            took[number] += spent(services[number].process) - before - idle[number] * elapsed_s
            wall_s[number] += result.elapsed_s
    if work.writes:
        after = await asyncio.gather(*(_background(services[n], idle[n]) for n in range(len(services))))
        took = [a + b for a, b in zip(took, after, strict=True)]
    return took, wall_s


async def _background(service: Service, idle: Spent) -> Spent:
    """What the service spends until nothing is left to do, beyond what it spends without work."""
    before, began = spent(service.process), time.perf_counter()
    await until_quiet(service.process)
    return spent(service.process) - before - idle * (time.perf_counter() - began)


async def _idle(services: list[Service]) -> list[Spent]:
    """What each service spends in a second without work."""
    await asyncio.gather(*(until_quiet(service.process) for service in services))
    before, began = [spent(service.process) for service in services], time.perf_counter()
    await asyncio.sleep(_IDLE_S)
    elapsed_s = time.perf_counter() - began
    return [(spent(s.process) - b) * (1 / elapsed_s) for s, b in zip(services, before, strict=True)]


def _row_of_idle(base: Spent, new: Spent) -> str:
    pairs = [(base.service_s, new.service_s), (base.database_s, new.database_s), (base.all_s, new.all_s)]
    cells = [f"{seconds * 1e6:,.0f}" for pair in pairs for seconds in pair]
    return f"| no work, a second of it | {' | '.join(cells)} | {new.all_s / base.all_s:.3f} | | | |"


def _row(work: Work, base: Turns, new: Turns) -> str:
    ratios = [b / a for a, b in zip(base.all_us, new.all_us, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4)
    pairs = [(base.service_us, new.service_us), (base.database_us, new.database_us), (base.all_us, new.all_us)]
    cells = [f"{statistics.median(values):,.0f}" for pair in pairs for values in pair]
    cells += [f"{statistics.median(ratios):.3f}", f"{low:.2f} to {high:.2f}"]
    cells += [f"{statistics.median(turns.wall_us):,.0f}" for turns in (base, new)]
    return f"| {work.name} | {' | '.join(cells)} |"


def _heading(versions: list[Version], turns: int) -> str:
    base, new = (version.name for version in versions)
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{when}: base {base}, then {new}; medians of {turns} turns each, spread between quartiles of the pairs."
