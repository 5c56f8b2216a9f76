"""The second step of a write: lock the traces and the pending scores that it changes."""

from collections.abc import Collection
from dataclasses import dataclass, field

from ..domain.keys import TraceKey
from ..domain.span import Span
from ..domain.trace_fold import fold
from ..store.erase import erase_traces
from ..store.session import Driver
from ..threads import beside_if_many
from . import changes
from .batch import Batch
from .pending import PendingScore, insert_and_lock_pending
from .resolve import Incoming, Resolved
from .rows import TraceRow
from .tools import Tools
from .trace_rows import row_of_fold


@dataclass(slots=True)
class Locked:
    """The traces of a write with their new spans, and the pending scores whose traces are known."""

    spans: dict[TraceKey, list[Span]] = field(default_factory=dict)
    """In key order. A trace that spans leave is there without them."""
    inserted: set[TraceKey] = field(default_factory=set)
    """The traces that did not exist."""
    pending: list[PendingScore] = field(default_factory=list)


async def lock(driver: Driver, batch: Batch, resolved: Resolved, tools: Tools) -> Locked:
    """Lock the traces in key order, and insert new ones with the row that the batch alone gives.

    Then insert the batch's standalone scores as pending, and lock all pending scores whose trace is known now.
    """
    others = {*resolved.logs.values(), *(key.trace for key in batch.stored_overrides)}
    spans = _by_trace(resolved.incoming, others)
    inserted, any_pending = await _lock_traces(driver, spans, tools) if spans else (set(), False)
    if not (any_pending or batch.scores):
        return Locked(spans, inserted)
    return Locked(spans, inserted, await insert_and_lock_pending(driver, batch.scores, resolved.traces_by_log()))


def _by_trace(incoming: list[Incoming], others: Collection[TraceKey]) -> dict[TraceKey, list[Span]]:
    """The spans by the trace that they belong to, and the traces that they leave, and the others."""
    by_trace: dict[TraceKey, list[Span]] = {key: [] for key in others}
    for each in incoming:
        before, trace_id = each.stored_key.trace, each.span.trace_id
        spans = by_trace.setdefault(before, [])
        if trace_id != before.trace_id:
            spans = by_trace.setdefault(TraceKey(each.tenant_id, trace_id), [])
        spans.append(each.span)
    return dict(sorted(by_trace.items()))


# Makes the row that a trace is locked with where the batch has no span at all. It is never kept.
_ANY_SPAN = Span(trace_id="", span_id="", start_us=0, end_us=0, status="success")


def _rows_of_new(spans: dict[TraceKey, list[Span]], tools: Tools) -> list[TraceRow]:
    any_span = next((of_trace[0] for of_trace in spans.values() if of_trace), _ANY_SPAN)
    return [row_of_fold(key, fold(of_trace or [any_span]), tools) for key, of_trace in spans.items()]


async def _lock_traces(driver: Driver, spans: dict[TraceKey, list[Span]], tools: Tools) -> tuple[set[TraceKey], bool]:
    """The keys of the inserted traces, and whether any standalone score of any trace is pending."""
    as_new = await beside_if_many(sum(map(len, spans.values())), _rows_of_new, spans, tools)
    inserted, any_pending = await changes.lock_or_insert_traces(driver, as_new)
    # A span was about to leave a trace that has been deleted since.
    await erase_traces(driver, [key for key in inserted if not spans[key]])
    return inserted, any_pending
