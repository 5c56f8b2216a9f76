"""The locked traces as they stand before the batch changes them, and what becomes of their spans."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from ..domain.growth import Relatives, grow
from ..domain.keys import ExperimentKey, SpanKey, TenantId, TraceKey
from ..domain.merge import Price, merge, settle, with_standalone
from ..domain.span import Score, Span
from ..domain.trace_fold import TraceFold, fold
from ..domain.usage import count_usage
from ..store.erase import erase_spans
from ..store.session import Driver
from ..store.spans import add_content, scores_of_traces, spans_of_traces
from . import changes, reading
from .arrivals import Arrival
from .batch import Batch, join_patches, patched
from .experiments import hold
from .reading import TraceAt
from .rows import unpack_fold


@dataclass(slots=True)
class Stored:
    """`at` of the traces that existed; `folds` of traces that go on from their stored fold; of the others `spans` by
    id and `scores` of every source."""

    at: dict[TraceKey, TraceAt] = field(default_factory=dict)
    spans: dict[TraceKey, dict[str, Span]] = field(default_factory=dict)
    scores: dict[SpanKey, list[Score]] = field(default_factory=dict)
    folds: dict[TraceKey, TraceFold] = field(default_factory=dict)
    dirty: set[TraceKey] = field(default_factory=set)
    """Traces that must be folded again."""


async def read_stored(
    driver: Driver,
    existing: Collection[TraceKey],
    touched: dict[TraceKey, list[Span]],
    held: set[ExperimentKey],
    whole: Collection[TraceKey] = (),
) -> Stored:
    """Read the locked traces: whole where asked for, and where the stored fold cannot be continued."""
    stored = Stored()
    if not existing:
        return stored
    stored.at, spans, scores = await reading.traces(driver, existing)
    folded = {key for key, at in stored.at.items() if at.fold is not None}
    _take(stored, stored.at.keys() - folded, spans, scores)
    emptied = await _erase_deleted(driver, stored, held)
    growing = [k for k in folded - emptied if touched[k] and k not in whole]
    folds = {k: f for k in growing if (f := unpack_fold(stored.at[k].fold)) is not None}
    relatives = await reading.relatives(driver, {k: (f.usage, touched[k]) for k, f in folds.items()})
    stored.folds = {k: f for k, f in folds.items() if _grows(f, touched[k], relatives[k])}
    await read_whole(driver, stored, folded - stored.folds.keys() - emptied)
    return stored


def _grows(state: TraceFold, spans: Sequence[Span], near: Relatives) -> bool:
    """Whether these spans can be added to the fold: none is stored already, nor changes what counts of others."""
    if any(span.span_id in near.spans for span in spans):
        return False
    for span in spans:
        if not grow(state.usage, span, near):
            return False
        near.add(span)
    return True


async def _erase_deleted(driver: Driver, stored: Stored, held: set[ExperimentKey]) -> set[TraceKey]:
    """A trace whose experiment is being deleted is emptied first: what comes after the deletion is a new trace."""
    doubtful = {key for at in stored.at.values() if (key := at.experiment_key) is not None} - held
    deleted = doubtful - await hold(driver, doubtful)
    emptied = {k for k, at in stored.at.items() if at.experiment_key in deleted}
    if emptied:
        await erase_spans(driver, sorted(emptied))
        stored.dirty |= emptied
        _take(stored, emptied, {}, {})
    return emptied


async def read_whole(driver: Driver, stored: Stored, keys: Collection[TraceKey]) -> None:
    """Read all spans and scores of these traces, which keep a fold."""
    spans = await spans_of_traces(driver, keys)
    scored = [k for k in keys if k not in stored.at or stored.at[k].scored]
    _take(stored, keys, spans, await scores_of_traces(driver, scored))


def _take(
    stored: Stored, keys: Collection[TraceKey], spans: dict[SpanKey, Span], scores: dict[SpanKey, list[Score]]
) -> None:
    """These are all spans of the traces, and the scores of these spans."""
    stored.scores = {key: of_span for key, of_span in stored.scores.items() if key[:2] not in keys} | scores
    for key in keys:
        stored.spans[key] = {}
        stored.folds.pop(key, None)
    for span_key, span in spans.items():
        span.scores = [s for s in scores.get(span_key, ()) if s.source != "api"] or None
        stored.spans[span_key.trace][span.span_id] = span


async def place_patches(driver: Driver, stored: Stored, batch: Batch, arrivals: list[Arrival]) -> list[Arrival]:
    """Store the patches of spans that are stored; each such span arrives again, as a repeat that carries nothing."""
    keys = [key for key in batch.placed_patches if key.span_id in stored.spans.get(key.trace, {})]
    earlier = await reading.patches(driver, keys)
    if keys:
        joined = {key: join_patches(earlier.get(key, {}), batch.placed_patches[key]) for key in keys}
        await changes.put_patches(driver, joined)
    again = set(keys) - {arrival.home for arrival in arrivals}
    return arrivals + [
        Arrival(key.tenant_id, Span(trace_id=key.trace_id, span_id=key.span_id), key, None) for key in sorted(again)
    ]


async def merge_arrivals(driver: Driver, stored: Stored, arrivals: list[Arrival], price: Price) -> changes.Changed:
    """Merge repeats into what is stored, move spans that now name another trace; the spans that are new or changed."""
    befores = {a.home: before for a in arrivals if (before := _at_home(stored, a)) is not None}
    await add_content(driver, befores, befores.keys())
    placed = await reading.patches(driver, [home for home, before in befores.items() if not before.by_span_id])
    changed: changes.Changed = []
    rescored: list[SpanKey] = []
    moved: list[tuple[SpanKey, str]] = []
    for arrival in arrivals:
        before = befores.get(arrival.home)
        after = arrival.span
        if before is not None:
            after = settle(patched(merge(before, arrival.span), arrival.patch or placed.get(arrival.home)), price)
            if after == before:
                continue
            if arrival.home in stored.scores:
                rescored.append(arrival.home)
            if after.trace_id != before.trace_id:
                moved.append((arrival.home, after.trace_id))
        changed.append((arrival.tenant_id, after))
    await changes.drop_own_scores(driver, rescored)
    await changes.move_spans(driver, moved)
    _apply(stored, changed, moved)
    return changed


def _at_home(stored: Stored, arrival: Arrival) -> Span | None:
    return stored.spans.get(arrival.home.trace, {}).get(arrival.home.span_id)


def _apply(stored: Stored, changed: changes.Changed, moved: Iterable[tuple[SpanKey, str]]) -> None:
    """Bring what was read in step with what is about to be written."""
    for home, target in moved:
        del stored.spans[home.trace][home.span_id]
        scores = stored.scores.pop(home, None)
        if scores is not None:
            stored.scores[home._replace(trace_id=target)] = scores
        stored.dirty |= {home.trace, home.trace._replace(trace_id=target)}
    for tenant_id, span in changed:
        key = TraceKey(tenant_id, span.trace_id)
        stored.spans.setdefault(key, {})[span.span_id] = span
        if key in stored.at:
            stored.dirty.add(key)


async def count_again(driver: Driver, stored: Stored, changed: changes.Changed) -> None:
    """Find of each span of the dirty traces what of it counts; store it, unless the span is about to be written."""
    recounted: dict[SpanKey, int] = {}
    for key in stored.dirty - stored.folds.keys():
        spans = [*stored.spans.get(key, {}).values()]
        before = [span.uncounted for span in spans]
        count_usage(spans, keeps_tree=False)
        for span, uncounted in zip(spans, before, strict=True):
            if span.uncounted != uncounted:
                recounted[SpanKey(*key, span.span_id)] = span.uncounted
    written = {SpanKey(tenant_id, span.trace_id, span.span_id) for tenant_id, span in changed} if recounted else set()
    await changes.put_uncounted(driver, {k: bits for k, bits in recounted.items() if k not in written})


def fold_trace(stored: Stored, key: TraceKey) -> TraceFold:
    """The trace as it is after the batch: its fold continued, or folded again from all its spans."""
    spans = [_with_standalone_scores(stored, key[0], span) for span in stored.spans.get(key, {}).values()]
    state = stored.folds.get(key)
    if state is None:
        return fold(spans)
    for span in spans:
        state.add(span)
    return state


def _with_standalone_scores(stored: Stored, tenant_id: TenantId, span: Span) -> Span:
    scores = stored.scores.get(SpanKey(tenant_id, span.trace_id, span.span_id), ())
    return with_standalone(span, [score for score in scores if score.source == "api"])
