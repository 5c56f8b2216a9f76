"""How much processor time was spent on a service: by all its processes, also those that ended.

The kernel keeps a clock of each process, in nanoseconds, and adds user and system time of a child that ended to its
parent, which waits for it. So the sum over the living, each with its ended children, misses nothing and counts nothing
twice.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
# Of /proc/PID/stat after the name: cutime, cstime.
_OF_ENDED_CHILDREN = slice(13, 15)


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of processor time: by the service with its workers, and by PostgreSQL."""

    service_s: float
    database_s: float

    @property
    def all_s(self) -> float:
        return self.service_s + self.database_s

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.service_s + other.service_s, self.database_s + other.database_s)

    def __mul__(self, factor: float) -> "Spent":
        return Spent(self.service_s * factor, self.database_s * factor)

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(self.service_s - other.service_s, self.database_s - other.database_s)


def spent(process: psutil.Process) -> Spent:
    """What the service that this process is the parent of has spent since it began."""
    totals = {True: 0.0, False: 0.0}
    for each in [process, *process.children(recursive=True)]:
        try:
            seconds = _spent_by(each.pid)
            is_database = "postgres" in each.name()
        except (OSError, psutil.NoSuchProcess):
            # It has ended since.
            continue
        totals[is_database] += seconds
    return Spent(totals[False], totals[True])


def _spent_by(pid: int) -> float:
    """Seconds of one process with its ended children. Raises `OSError` where it is gone."""
    # The number of a process's clock: see clock_getcpuclockid(3).
    own = time.clock_gettime(~pid << 3 | 2)
    stat = Path(f"/proc/{pid}/stat").read_text()
    return own + sum(map(int, stat.rsplit(")", 1)[1].split()[_OF_ENDED_CHILDREN])) * _TICK_S


_LOOK_S = 0.5
_QUIET = 0.06
"""Of one processor. The background tasks of a service without work look for some once a second."""
_LOOKS = 3


async def until_quiet(process: psutil.Process, at_most_s: float = 120) -> None:
    """Return once hardly anything is done in the background. Raises `TimeoutError`."""
    async with asyncio.timeout(at_most_s):
        quiet, before = 0, spent(process)
        while quiet < _LOOKS:
            await asyncio.sleep(_LOOK_S)
            now = spent(process)
            quiet = quiet + 1 if (now - before).all_s < _QUIET * _LOOK_S else 0
            before = now
