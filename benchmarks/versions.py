"""Two versions given the same work in turns: the processor time that each takes.

Wall time on a shared machine says what else it did. Processor time says what the program did, but for how quick the
processor is at the moment: so each turn of one version is set beside the turn of the other right next to it, the
order changes from pair to pair, and what is reported is the median over all pairs. A turn ends when the service has
done what the work left to its background tasks. The spread beside a ratio says how far it can be trusted: on a
machine that others load too, with few turns, it may be a third.
"""

import asyncio
import statistics
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
    """The first turn of each warms it up and is not told."""
    measured = [Turns() for _ in services]
    for turn in range(turns + 1):
        requests = work.requests(turn)
        for number in (0, 1) if turn % 2 else (1, 0):
            process = services[number].process
            before = spent(process)
            result = await run(services[number].port, requests, work.concurrency)
            if work.writes:
                await until_quiet(process)
            if turn > 0:
                measured[number].add(spent(process) - before, result.elapsed_s, work.count)
    return measured


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
