"""The one entry to columns: which traces a question is about, read in one snapshot, and work on them off the loop."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, true
from sqlalchemy.ext.asyncio import AsyncEngine

from ..domain.window import Window
from ..errors import Unavailable
from ..filters.parts import Filter
from ..store.session import Kind, Timeouts, Transaction, transaction
from ..store.tables import traces
from .from_traces import chunks_of_traces
from .needs import Needs
from .selection import Check, Part, Selection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Arm:
    """Traces of one experiment that start in a window and match a filter."""

    experiment_key: int
    window: Window = field(default_factory=Window)
    matching: Filter | None = None


class Columns:
    """What a process needs to answer from columns. One question is worked on at a time, which bounds memory."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="columns")

    async def answer(
        self,
        engine: AsyncEngine,
        timeouts: Timeouts,
        arms: Sequence[Arm],
        needs: Needs,
        work: Callable[[list[Selection]], T],
    ) -> T:
        """What `work` makes of the traces of each arm; it runs in a thread and may take some time.

        `needs` are the columns that it looks at; all arms are read in one snapshot. Raises `Unavailable` where the
        database is away, or all of it takes longer than a read may.
        """
        async with transaction(engine, Kind.SNAPSHOT, timeouts) as tx:
            selections = await self.select(tx, timeouts, arms, needs)
        return await self.run(lambda: work(selections))

    async def select(self, tx: Transaction, timeouts: Timeouts, arms: Sequence[Arm], needs: Needs) -> list[Selection]:
        """The traces of each arm in the snapshot of a transaction (`Kind.SNAPSHOT`), with these columns."""
        check = _time_limit(timeouts)
        return [await self._selected(tx, arm, needs, check) for arm in arms]

    async def run(self, work: Callable[[], T]) -> T:
        """Work on selections, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    async def _selected(self, tx: Transaction, arm: Arm, needs: Needs, check: Check) -> Selection:
        parts = []
        async for chunk in chunks_of_traces(tx, _conditions(arm), needs):
            check()
            parts.append(Part(chunk))
        return Selection(parts, check)


def _time_limit(timeouts: Timeouts) -> Check:
    deadline = time.monotonic() + (timeouts.read_s or float("inf"))

    def check() -> None:
        if time.monotonic() > deadline:
            raise Unavailable("the answer took longer than this service allows")

    return check


def _conditions(arm: Arm) -> list[ColumnElement[bool]]:
    inside = [traces.c.experiment_key == arm.experiment_key]
    if arm.window.start_us is not None:
        inside.append(traces.c.start_time >= arm.window.start_us)
    if arm.window.end_us is not None:
        inside.append(traces.c.start_time < arm.window.end_us)
    parts = [true()] if arm.matching is None else arm.matching.parts
    return [and_(*inside, part) for part in parts]
