"""The processor time of reads: by a version before packing, by this one, and by this one with all traces packed.

Three services hold the same traces. Each kind of read is given to all of them in turns, some requests at a time. The
report has medians of the turns, and medians of the quotients of each turn with their quartiles.
"""

import statistics
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from .checkout import check_out, this_version
from .load import Request, run
from .processor import spent
from .read_requests import Read, reads
from .server import Service, serving
from .traces_sent import send, some_ids

# Of a slice, so that the processor is as quick for all three.
_SLICE_S = 0.12
_MOST_REQUESTS = 200
_HEAD = "| read | base, us | new, us | packed, us | new / base | packed / base | spread | packed / new | spread |"
_RULE = "|---|---|---|---|---|---|---|---|---|"


@dataclass(slots=True)
class _Measured:
    """Microseconds of processor time of one answer, in each turn."""

    service_us: list[float] = field(default_factory=list)
    database_us: list[float] = field(default_factory=list)

    @property
    def all_us(self) -> list[float]:
        return [a + b for a, b in zip(self.service_us, self.database_us, strict=True)]


async def compare(
    console: Console, base: str, scratch: Path, turns: int, only: str, traces: int, homes: Path | None = None
) -> None:
    """Measure, and print a table. Directories of data in `homes`, if given, are made there, or used again."""
    versions = {"base": check_out(base, scratch), "new": this_version(), "packed": this_version()}
    with ExitStack() as stack:
        services = {}
        for name, version in versions.items():
            home = homes / name if homes else None
            is_new = home is None or not home.exists()
            if home:
                home.mkdir(parents=True, exist_ok=True)
            services[name] = stack.enter_context(serving(home, version=version))
            if is_new:
                await send(console, services[name], traces, is_packed=name == "packed")
        console.print(f"{_heading(versions['base'].name, versions['new'].name, traces, turns)}\n\n{_HEAD}\n{_RULE}")
        for read in reads(some_ids(traces)):
            if only in read.name:
                asked = {n: service for n, service in services.items() if n != "base" or not read.is_new}
                console.print(_row(read, await _measure(asked, read, turns)), soft_wrap=True)


async def _measure(services: dict[str, Service], read: Read, turns: int) -> dict[str, _Measured]:
    measured = {name: _Measured() for name in services}
    size = await _size_of_slice(services, read)
    for turn in range(turns):
        some = _some(read, size, turn * size)
        names = list(services)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            before = spent(services[name].process)
            await run(services[name].port, some, 1)
            took = spent(services[name].process) - before
            measured[name].service_us.append(took.service_s * 1e6 / size)
            measured[name].database_us.append(took.database_s * 1e6 / size)
    return measured


async def _size_of_slice(services: dict[str, Service], read: Read) -> int:
    """How many requests take as long as a slice; all services are warm then."""
    size = 10
    for _ in range(2):
        results = [await run(service.port, _some(read, size, 0), 1) for service in services.values()]
        slowest_s = max(statistics.median(result.latencies) for result in results)
        size = max(2, min(_MOST_REQUESTS, int(_SLICE_S / slowest_s)))
    return size


def _some(read: Read, count: int, offset: int) -> list[Request]:
    return [read.requests[(offset + n) % len(read.requests)] for n in range(count)]


def _row(read: Read, measured: dict[str, _Measured]) -> str:
    base, new, packed = (measured.get(name) for name in ("base", "new", "packed"))
    cells = [_told(one) for one in (base, new, packed)]
    cells += [_quotient(base, new)[0], *_quotient(base, packed), *_quotient(new, packed)]
    return f"| {read.name} | {' | '.join(cells)} |"


def _told(one: _Measured | None) -> str:
    """Both processes together, and the service and PostgreSQL alone."""
    if one is None:
        return ""
    service, database = statistics.median(one.service_us), statistics.median(one.database_us)
    return f"{statistics.median(one.all_us):,.0f} ({service:,.0f} + {database:,.0f})"


def _quotient(first: _Measured | None, second: _Measured | None) -> tuple[str, str]:
    if first is None or second is None:
        return "", ""
    quotients = [b / a for a, b in zip(first.all_us, second.all_us, strict=True)]
    low, middle, high = statistics.quantiles(quotients, n=4)
    return f"{middle:.2f}", f"{low:.2f} to {high:.2f}"


def _heading(base: str, new: str, traces: int, turns: int) -> str:
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{when}: base {base}, {new} not packed and packed; {traces:,} traces, {turns} turns (service + PostgreSQL)."
