"""The one write transaction: exact whatever the order of arrival, for any number of writers at once.

Everyone takes locks in one order: loose span ids (advisory, sorted), experiments (shared), traces (in key order). Under
the trace locks the stored spans are read, merged with the new ones, and every touched trace is folded from its spans.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..domain.merge import Price
from ..domain.span import Score, Span
from ..domain.trace import Trace, TraceFold, finish, fold
from ..errors import invalid
from ..store.erase import erase_traces
from ..store.session import Driver
from ..store.spans import TraceKey
from . import changes, posted
from .arrivals import arrive, by_trace, find_loose, name_experiments
from .batch import Batch
from .evaluators import Evaluators
from .experiments import hold
from .rows import TraceRow, trace_row
from .stored import Stored, fold_trace, merge_arrivals, place_patches, read_stored, read_whole

Render = Callable[[Trace], str]
"""A trace's part of a stats answer, as text that is ready to send."""

MAX_SPANS_OF_TRACE = 100_000
MAX_TOTAL = 2**63 - 1
FOLD_FROM = 64
"""A trace of so many spans keeps its fold: adding a span to it then reads none of the others."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a write needs beside the database."""

    price: Price
    render: Render
    evaluators: Evaluators
    max_spans_of_trace: int | None = None
    """`MAX_SPANS_OF_TRACE` where it is not said."""


async def write_batch(driver: Driver, batch: Batch, tools: Tools, now_us: int) -> dict[tuple[int, str], Score]:
    """Store the batch within the open transaction. Returns what `Evaluators.learn` takes after the commit.

    Raises `InvalidInput` where a trace would leave its limits.
    """
    loose = await find_loose(driver, batch)
    held = await name_experiments(driver, batch)
    arrivals = arrive(batch, loose, tools.price, now_us)
    logs = await posted.find_logs(driver, batch.logs)
    touched = by_trace(arrivals, {*logs.values(), *(key[:2] for key in batch.placed_patches)})
    inserted = await _lock(driver, touched, tools) if touched else set()
    early = await posted.take_early(driver, batch, arrivals, logs)
    whole = {(e.tenant_id, e.trace_id) for e in early} | {key[:2] for key in batch.placed_patches}
    stored = await read_stored(driver, touched.keys() - inserted, touched, held, whole)
    arrivals = await place_patches(driver, stored, batch, arrivals)
    changed = await merge_arrivals(driver, stored, arrivals, tools.price)
    await changes.put_spans(driver, changed)
    scored = await posted.apply(driver, stored, batch, early)
    await _rewrite(driver, stored, held, tools)
    return await tools.evaluators.remember(driver, changed + scored)


# What a trace is locked as that this batch brings no span for; it is never kept.
_NOBODY = Span(trace_id="", span_id="", start_us=0, end_us=0, status="success")


async def _lock(driver: Driver, touched: dict[TraceKey, list[Span]], tools: Tools) -> set[TraceKey]:
    """Lock the touched traces, inserting those that are new as the batch alone makes them; the keys of the inserted."""
    stand_in = next((spans[0] for spans in touched.values() if spans), _NOBODY)
    as_new = [made_row(key, fold(spans or [stand_in]), tools) for key, spans in touched.items()]
    inserted = await changes.lock_or_insert_traces(driver, as_new)
    # A span was about to leave a trace that has been deleted since.
    await erase_traces(driver, [key for key in inserted if not touched[key]])
    return inserted


def made_row(key: TraceKey, state: TraceFold, tools: Tools) -> TraceRow:
    """The row of a trace that is folded so. Raises `InvalidInput` where it would leave its limits."""
    tenant_id, trace_id = key
    limit = tools.max_spans_of_trace or MAX_SPANS_OF_TRACE
    if state.n_spans > limit:
        raise invalid(f"a trace holds at most {limit} spans", "trace_id", kind="too_many")
    if max(state.cost_pd, state.prompt_tokens, state.completion_tokens, state.total_tokens) > MAX_TOTAL:
        raise invalid("the sum over the trace's spans is out of range", "trace_id", kind="out_of_range")
    trace = finish(trace_id, state)
    entry = tools.render(trace) if trace.has_root else None
    return trace_row(tenant_id, trace, entry, state if state.n_spans >= FOLD_FROM else None)


async def _rewrite(driver: Driver, stored: Stored, held: set[int], tools: Tools) -> None:
    """Make the rows of the changed traces anew and mark the minutes that they stood in and stand in now."""
    states = {key: fold_trace(stored, key) for key in sorted(stored.dirty)}
    filled = {key: made_row(key, state, tools) for key, state in states.items() if state.n_spans}
    filled |= await _without_deleted(driver, stored, filled, held, tools)
    before = [(row["experiment_key"], row["start_time"]) for key, row in stored.rows.items() if key in states]
    await changes.update_traces(driver, list(filled.values()), before)
    await erase_traces(driver, states.keys() - filled.keys())


async def _without_deleted(
    driver: Driver, stored: Stored, filled: dict[TraceKey, TraceRow], held: set[int], tools: Tools
) -> dict[TraceKey, TraceRow]:
    """The rows of those traces that would fall to a deleted experiment, made anew as if no span had named it."""
    known = held | {row["experiment_key"] for row in stored.rows.values()}
    doubtful = {key for t in filled.values() if (key := t.experiment_key) is not None} - known
    deleted = doubtful - await hold(driver, doubtful)
    fallen = [key for key, t in filled.items() if t.experiment_key in deleted]
    await read_whole(driver, stored, fallen)
    for span in (span for key in fallen for span in stored.spans[key].values()):
        span.experiment_key = None if span.experiment_key in deleted else span.experiment_key
    return {key: made_row(key, fold_trace(stored, key), tools) for key in fallen}
