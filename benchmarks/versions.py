"""Two versions given the same work in turns: the processor time that each takes.

Wall time on a shared machine says what else it did. The report has the median of all turns (`turns.py`), and what each
version takes without work. The spread beside a ratio says how far it can be trusted.
"""

import statistics
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from .checkout import Version, check_out, this_version
from .processor import Spent
from .server import serving
from .turns import Given, Turns, measure, measure_idle, seed_experiments
from .works import STATS_OF, Work, works

_HEAD = "| work | service, us | | PostgreSQL, us | | together, us | | new / base | spread | wall, us | |"
_RULE = "|---|---|---|---|---|---|---|---|---|---|---|"


async def compare(
    console: Console, base: str, scratch: Path, turns: int, only: str, traces: int, out: Path | None
) -> None:
    """Measure BASE and this tree; print a table, and append it to `out`."""
    versions = [check_out(base, scratch), this_version()]
    named = [work for work in works(traces) if only in work.name]
    rows = []
    with ExitStack() as stack:
        services = [stack.enter_context(serving(version=version)) for version in versions]
        for service in services:
            await seed_experiments(console, service, sorted({STATS_OF, traces}))
        idle = await measure_idle(services)
        rows.append(_row_of_idle(*idle))
        console.print(rows[-1])
        for work in named:
            measured = await measure([Given(service, work) for service in services], turns, idle)
            rows.append(_row(work, *measured))
            console.print(rows[-1])
    text = "\n".join([_heading(versions, turns), "", _HEAD, _RULE, *rows, ""])
    console.print(text)
    if out is not None:
        with out.open("a") as file:
            file.write("\n" + text)


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
