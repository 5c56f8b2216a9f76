"""The one write transaction: exact whatever the order of arrival, for any number of writers at once.

Everyone takes locks in one order: loose span ids (advisory, sorted), experiments (shared), traces (in key order). Under
the trace locks the stored spans are read, merged with the new ones, and every touched trace is folded from its spans.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..domain.keys import ExperimentKey, TenantId, TraceKey
from ..domain.merge import Price
from ..domain.span import Score, Span
from ..domain.trace import Trace, finish
from ..domain.trace_fold import KEPT_FROM, TraceFold, fold
from ..errors import invalid
from ..store.erase import erase_traces
from ..store.session import Driver
from . import changes, reading, standalone
from .arrivals import arrive, by_trace, find
from .batch import Batch
from .evaluators import Evaluators
from .experiments import hold
from .moves import tell_moved
from .rows import TraceRow, row_bytes, trace_row
from .stored import Stored, count_again, fold_trace, merge_arrivals, place_patches, read_stored, read_whole

Render = Callable[[Trace], str]
"""A trace's part of a stats answer, as text that is ready to send."""

MAX_SPANS_OF_TRACE = 100_000
MAX_TOTAL = 2**63 - 1
MAX_BYTES_OF_TRACE = 8 * 2**20
"""Of what spans add to the row of their trace, which is written again with every span that comes."""
FOLD_FROM = KEPT_FROM
"""A trace of this many spans keeps its fold: adding a span to it then reads none of the others."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a write needs beside the database."""

    price: Price
    render: Render
    evaluators: Evaluators
    max_spans_of_trace: int | None = None
    """`MAX_SPANS_OF_TRACE` where it is not said."""


def locks(batch: Batch) -> str | None:
    """The statement that `write_batch`'s transaction begins with, if any."""
    return reading.serialising(ids) if (ids := batch.loose_ids) else None


@dataclass(frozen=True, slots=True)
class Written:
    """What a transaction did, which holds once it is committed."""

    evaluators: dict[tuple[TenantId, str], Score]
    """What `Evaluators.learn` takes."""
    outcomes: standalone.Outcomes


async def write_batch(driver: Driver, batch: Batch, tools: Tools, now_us: int) -> Written:
    """Store the batch within the open transaction, which began with `locks`.

    Raises `InvalidInput` where a trace would leave its limits.
    """
    loose, held = await find(driver, batch)
    arrivals = arrive(batch, loose, tools.price, now_us)
    logs = await standalone.find_logs(driver, batch.logs)
    touched = by_trace(arrivals, {*logs.values(), *(key.trace for key in batch.placed_patches)})
    inserted, any_early = await _lock(driver, touched, tools) if touched else (set(), False)
    early = await standalone.take_early(driver, batch, arrivals, logs, any_early)
    whole = {e.trace for e in early} | {key.trace for key in batch.placed_patches}
    stored = await read_stored(driver, touched.keys() - inserted, touched, held, whole)
    arrivals = await place_patches(driver, stored, batch, arrivals)
    changed = await merge_arrivals(driver, stored, arrivals, tools.price)
    await count_again(driver, stored, changed)
    scored, outcomes = changed, standalone.Outcomes()
    if early or batch.scores:
        # Their spans are stored before they are.
        await changes.put(driver, changed)
        outcomes = await standalone.apply(driver, stored, batch, early)
        scored, changed = changed + standalone.as_spans(early), []
    await _rewrite(driver, stored, changed, held, tools)
    return Written(await tools.evaluators.remember(driver, scored), outcomes)


# What a trace is locked as that this batch brings no span for; it is never kept.
_NOBODY = Span(trace_id="", span_id="", start_us=0, end_us=0, status="success")


async def _lock(driver: Driver, touched: dict[TraceKey, list[Span]], tools: Tools) -> tuple[set[TraceKey], bool]:
    """Lock the touched traces, inserting new ones as the batch alone makes them.

    The keys of the inserted, and whether any standalone score is pending.
    """
    stand_in = next((spans[0] for spans in touched.values() if spans), _NOBODY)
    as_new = [made_row(key, fold(spans or [stand_in]), tools) for key, spans in touched.items()]
    inserted, any_early = await changes.lock_or_insert_traces(driver, as_new)
    # A span was about to leave a trace that has been deleted since.
    await erase_traces(driver, [key for key in inserted if not touched[key]])
    return inserted, any_early


def made_row(key: TraceKey, state: TraceFold, tools: Tools, before: Trace | None = None) -> TraceRow:
    """The row of a trace that is folded so. Raises `InvalidInput` where it would leave its limits.

    Where the fold lacks the scores that are stored, these stay; `before` is then the stored trace without them.
    """
    tenant_id, trace_id = key
    limit = tools.max_spans_of_trace or MAX_SPANS_OF_TRACE
    if state.n_spans > limit:
        raise invalid(f"a trace holds at most {limit} spans", "trace_id", kind="too_many")
    if max(state.cost_pd, state.prompt_tokens, state.completion_tokens, state.total_tokens) > MAX_TOTAL:
        raise invalid("the sum over the trace's spans is out of range", "trace_id", kind="out_of_range")
    trace = finish(trace_id, state)
    entry = tools.render(trace) if trace.has_root else None
    row = trace_row(tenant_id, trace, entry, state if state.n_spans >= FOLD_FROM else None)
    if before is not None and not state.has_all_scores:
        _keep_scores(row, tools.render(before) if before.has_root else None)
    if row_bytes(row) > MAX_BYTES_OF_TRACE:
        message = f"metadata, labels and scores of a trace's spans may have {MAX_BYTES_OF_TRACE} bytes together"
        raise invalid(message, "trace_id", kind="too_large")
    return row


_END_OF_ENTRY = "]}"
"""What follows the scores, which are the last of an entry."""


def _keep_scores(row: TraceRow, entry_before: str | None) -> None:
    """Leave the scores as they are stored. Both entries here are rendered without scores."""
    row.keeps_scores = True
    if row.entry == entry_before:
        row.entry = None
    elif row.entry is not None and entry_before is not None:
        row.entry = row.entry.removesuffix(_END_OF_ENTRY)
        row.entry_from = len(entry_before.removesuffix(_END_OF_ENTRY)) + 1


async def _fold_traces(
    driver: Driver, stored: Stored, tools: Tools
) -> tuple[dict[TraceKey, TraceFold], dict[TraceKey, TraceRow]]:
    """The traces that the batch changes: their folds, in key order, and the rows of traces that have spans left.

    The scores of a long trace are read only where a new span has some, or another order of theirs.
    """
    before = {
        key: finish(key.trace_id, state)
        for key, state in stored.folds.items()
        if key in stored.dirty and not state.has_all_scores
    }
    states = {key: fold_trace(stored, key) for key in sorted(stored.dirty)}
    rescored = [
        key for key, trace in before.items() if states[key].scores or _root_of(states[key]) != trace.root_span_id
    ]
    for key, scores in (await reading.fold_scores(driver, rescored)).items():
        states[key].scores = scores + states[key].scores
    return states, {key: made_row(key, s, tools, before.get(key)) for key, s in states.items() if s.n_spans}


def _root_of(state: TraceFold) -> str | None:
    return None if state.root is None else state.root.span_id


async def _rewrite(
    driver: Driver, stored: Stored, changed: changes.Changed, held: set[ExperimentKey], tools: Tools
) -> None:
    """Write the spans, fold the changed traces again, and invalidate their minutes, before and now."""
    states, filled = await _fold_traces(driver, stored, tools)
    fallen = await _fallen(driver, stored, filled, held)
    if fallen:
        # Their other spans are read again, from the store.
        await changes.put(driver, changed)
        changed = []
        filled |= await _without(driver, stored, fallen, tools)
    before = [(at.experiment_key, at.start_us) for key, at in stored.at.items() if key in states]
    await changes.put(driver, changed, list(filled.values()), before)
    await tell_moved(driver, stored.at, filled)
    await erase_traces(driver, states.keys() - filled.keys())


async def _fallen(
    driver: Driver, stored: Stored, filled: dict[TraceKey, TraceRow], held: set[ExperimentKey]
) -> dict[TraceKey, set[ExperimentKey]]:
    """Those traces that would fall to a deleted experiment, each with the deleted experiments."""
    known = held | {at.experiment_key for at in stored.at.values()}
    doubtful = {key for t in filled.values() if (key := t.experiment_key) is not None} - known
    deleted = doubtful - await hold(driver, doubtful)
    return {key: deleted for key, t in filled.items() if t.experiment_key in deleted}


async def _without(
    driver: Driver, stored: Stored, fallen: dict[TraceKey, set[ExperimentKey]], tools: Tools
) -> dict[TraceKey, TraceRow]:
    """The rows of these traces, folded again as if no span had named the deleted experiments."""
    await read_whole(driver, stored, fallen.keys())
    for key, deleted in fallen.items():
        for span in stored.spans[key].values():
            span.experiment_key = None if span.experiment_key in deleted else span.experiment_key
    return {key: made_row(key, fold_trace(stored, key), tools) for key in fallen}
