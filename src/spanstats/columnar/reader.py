"""The one entry to columns: read the traces of a question in one snapshot, and compute with them off the event loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from ..errors import Unavailable
from ..store.session import Database, Kind, Timeouts, Transaction
from . import memory
from .arms import Arm, rows_beside, rows_of
from .cache import DEFAULT_BYTES, ColumnCache
from .chunk import Chunk, SpanSums
from .cuts import has_traces_of_several_models, is_cut, needs_of, rows_that_count
from .fetch import fetch_chunks
from .format import FORMAT, SPAN_SUMS
from .from_traces import chunks_of_traces
from .masks import mask_of
from .needs import Needs
from .numbering import Numbering
from .plan import FromColumns, plan_of
from .predicate import EVERY_TRACE
from .probe import Passing, Probe
from .segments import Segment
from .selection import Check, ChunkView, Selection, view_of
from .snapshot import ColumnSnapshot, StoredChunk, ranges_to_read, read_snapshot
from .span_sums import read_span_sums

T = TypeVar("T")

_BATCH_CHUNKS, _BATCH_TRACES = 256, 2**20
"""At most this many chunks, or traces, are worked on together, where a question can be answered in parts."""


class Columns:
    """What a process needs to answer from columns: a cache of them, and a thread that works on one question at a time.

    `question_bytes` is how much columns the questions may hold that are being answered.
    """

    def __init__(self, cache_bytes: int = DEFAULT_BYTES, question_bytes: int = memory.DEFAULT_BYTES) -> None:
        self.cache = ColumnCache(cache_bytes)
        self.memory = memory.Memory(question_bytes)
        self._probe, self._numbering = Probe(), Numbering()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="columns")

    async def answer(
        self,
        database: Database,
        arms: Sequence[Arm],
        needs: Needs,
        work: Callable[[list[Selection]], T],
    ) -> T:
        """The result of `work` on the traces of each arm. It runs in a thread and may take some time.

        `needs` are the columns that it looks at; all arms are read in one snapshot. Raises `Unavailable` where the
        database is away, all of it takes longer than a read may, or its columns take more memory than there is.
        """
        async with database.transaction(Kind.SNAPSHOT) as tx:
            selections = await self.select(tx, arms, needs)
        return await self.run(lambda: work(selections))

    async def run(self, work: Callable[[], T]) -> T:
        """Work on selections, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    async def select(self, tx: Transaction, arms: Sequence[Arm], needs: Needs) -> list[Selection]:
        """The traces of each arm in the snapshot of a transaction (`Kind.SNAPSHOT`), with these columns."""
        check, reservation = time_limit(tx.timeouts), self.memory.begin()
        selections = []
        for arm in arms:
            plan, views = await plan_of(tx, arm), list[ChunkView]()
            async for batch in self.batches(tx, arm, needs, plan, check):
                reservation.add(batch.views)
                views += batch.views
            selections.append(Selection(views, check, reservation, self._numbering))
        return selections

    async def batches(
        self, tx: Transaction, arm: Arm, needs: Needs, plan: FromColumns | None, check: Check
    ) -> AsyncIterator[Selection]:
        """The same of one arm, a bounded number of traces at a time, as the plan says."""
        if plan is None:
            async for chunk in chunks_of_traces(tx, rows_of(arm), needs):
                yield Selection([ChunkView(chunk)], check)
            return
        self.cache.begin()
        not_served: list[Segment] = []
        of_several_models = False
        for chunks in _in_batches(plan.snapshot.chunks):
            check()
            fetched = await self._fetched(tx, plan, chunks, needs)
            without = {chunk.segment for chunk in chunks if chunk.id not in fetched}
            not_served += without
            served = {chunk: fetched[chunk.id] for chunk in chunks if chunk.segment not in without}
            if plan.predicate.uniform:
                of_several_models = of_several_models or any(map(has_traces_of_several_models, served.values()))
            passing = await self._probe.ask(tx, plan.predicate.text_tests(), {c.id: served[c] for c in served})
            makers = [partial(_view, plan, chunk, served[chunk], passing[chunk.id]) for chunk in served]
            yield Selection(await self.run(partial(_each, makers)), check)
        ranges = ranges_to_read(plan.snapshot, not_served)
        beside = rows_beside(arm, ranges, of_several_models=of_several_models)
        async for chunk in chunks_of_traces(tx, beside, needs):
            check()
            yield Selection([ChunkView(chunk)], check)

    async def span_sums(self, tx: Transaction, arm: Arm, column: str) -> list[SpanSums] | None:
        """Sums of the spans of all traces of an arm without a filter by a column of `SPAN_SUMS`; `None` where they must
        be read one by one."""
        name = SPAN_SUMS[column]
        snapshot = await read_snapshot(tx.driver, arm.experiment_key, arm.window)
        whole = [chunk for chunk in snapshot.chunks if chunk.format <= FORMAT and not is_cut(chunk, snapshot)]
        chunks = await fetch_chunks(tx.driver, self.cache, [chunk.id for chunk in whole], Needs(frozenset({name})))
        sums = {chunk: chunks[chunk.id].columns.get(name) for chunk in whole}
        lacking = {c.segment for c in snapshot.chunks if not isinstance(sums.get(c), SpanSums)}
        beside = await read_span_sums(tx.driver, arm.experiment_key, _ranges_outside(snapshot, lacking), [column])
        if column not in beside:
            return None
        of_chunks = (s for c, s in sums.items() if isinstance(s, SpanSums) and c.segment not in lacking)
        return [beside[column], *of_chunks]

    async def _fetched(
        self, tx: Transaction, plan: FromColumns, chunks: Sequence[StoredChunk], needs: Needs
    ) -> dict[int, Chunk]:
        """The chunks that have all that is needed; others were written by another version, or omit too large
        columns."""
        every_need = needs | plan.predicate.needs
        by_id: dict[int, Chunk] = {}
        for cut in (False, True):
            ours = [c for c in chunks if c.format <= FORMAT and is_cut(c, plan.snapshot) is cut]
            of_cut = every_need | needs_of(ours[0], plan.snapshot) if ours else every_need
            by_id |= await fetch_chunks(tx.driver, self.cache, [chunk.id for chunk in ours], of_cut)
        return {i: chunk for i, chunk in by_id.items() if all(map(chunk.info.has, every_need.columns))}


def _ranges_outside(snapshot: ColumnSnapshot, lacking: Collection[Segment]) -> list[Segment]:
    """The window without the segments of chunks that do not lack anything."""
    start, end = snapshot.window
    ranges, at = list[Segment](), start
    for lo, hi in sorted({chunk.segment for chunk in snapshot.chunks} - {*lacking}):
        ranges.append((at, lo))
        at = hi
    return [(lo, hi) for lo, hi in [*ranges, (at, end)] if lo < hi]


def _in_batches(chunks: Sequence[StoredChunk]) -> Iterator[list[StoredChunk]]:
    """Chunks of one segment stay together: either all of them answer for it, or the traces do."""
    batch: list[StoredChunk] = []
    for _, of_segment in groupby(chunks, key=attrgetter("segment")):
        batch += of_segment
        if len(batch) >= _BATCH_CHUNKS or sum(chunk.n for chunk in batch) >= _BATCH_TRACES:
            yield batch
            batch = []
    if batch:
        yield batch


def _each(makers: Sequence[Callable[[], ChunkView]]) -> list[ChunkView]:
    return [make() for make in makers]


def _view(plan: FromColumns, row: StoredChunk, chunk: Chunk, passing: Passing) -> ChunkView:
    rows = rows_that_count(chunk, row.segment, plan.snapshot) if is_cut(row, plan.snapshot) else None
    if plan.predicate is not EVERY_TRACE:
        mask = mask_of(plan.predicate, chunk, passing)
        rows = mask if rows is None else rows & mask
    return ChunkView(chunk) if rows is None else view_of(chunk, rows)


def time_limit(timeouts: Timeouts) -> Check:
    """Raises `Unavailable` once a read has taken as long as it may."""
    deadline = time.monotonic() + (timeouts.read_s or float("inf"))

    def check() -> None:
        if time.monotonic() > deadline:
            raise Unavailable("the answer took longer than this service allows")

    return check
