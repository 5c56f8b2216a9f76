"""The third step of a write: read the locked traces as they are stored."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ..domain.growth import Relatives, grow
from ..domain.keys import ExperimentKey, SpanKey, TenantId, TraceKey
from ..domain.merge import with_standalone
from ..domain.score_blocks import Insertion, added_scores
from ..domain.span import Score, Span
from ..domain.trace_fold import TraceFold, fold
from ..store.session import Driver
from ..store.spans import scores_of_traces, spans_of_traces
from . import reading, score_blocks
from .experiments import lock_experiments
from .reading import TraceBefore
from .relatives import read_relatives
from .rows import unpack_fold


@dataclass(slots=True)
class Stored:
    """Locked traces: first as they are stored, and after `merge_batch` as the write leaves them.

    `folds` are those of traces to which spans are only added. Of the other traces there are `spans` by id, and the
    `scores` of every source.
    """

    before: dict[TraceKey, TraceBefore] = field(default_factory=dict)
    spans: dict[TraceKey, dict[str, Span]] = field(default_factory=dict)
    scores: dict[SpanKey, list[Score]] = field(default_factory=dict)
    folds: dict[TraceKey, TraceFold] = field(default_factory=dict)
    insertions: dict[TraceKey, Insertion] = field(default_factory=dict)
    """Where the scores of new spans go, in traces of `folds` whose scores are in blocks."""
    deleted: set[TraceKey] = field(default_factory=set)
    """Traces of deleted experiments. Their rows are to be erased: what comes after the deletion is a new trace."""
    to_fold: set[TraceKey] = field(default_factory=set)
    """Traces whose row changes."""

    @property
    def n_spans_to_fold(self) -> int:
        """The spans of these traces, as far as they are loaded."""
        return sum(len(self.spans.get(key, ())) for key in self.to_fold)


async def load(
    driver: Driver,
    spans: dict[TraceKey, list[Span]],
    existing: Collection[TraceKey],
    whole: Collection[TraceKey],
    experiments: set[ExperimentKey],
) -> Stored:
    """Read the existing traces: `whole` ones with all spans, and so others whose fold the new `spans` are not added to.

    Locks their experiments against deletion; `experiments` are locked already.
    """
    stored = Stored()
    if not existing:
        return stored
    stored.before, of_traces, scores = await reading.unpack_and_read_traces(driver, existing)
    folded = {key for key, trace in stored.before.items() if trace.fold is not None}
    _put_whole(stored, stored.before.keys() - folded, of_traces, scores)
    stored.deleted = await _lock_experiments(driver, stored, experiments)
    if stored.deleted:
        _put_whole(stored, stored.deleted, {}, {})
        stored.to_fold |= stored.deleted
    growing = [k for k in folded - stored.deleted if spans[k] and k not in whole]
    folds = {k: f for k in growing if (f := unpack_fold(stored.before[k].fold)) is not None}
    relatives = await read_relatives(driver, {k: (f.usage, spans[k]) for k, f in folds.items()})
    stored.folds = {k: f for k, f in folds.items() if _grow(f, spans[k], relatives[k])}
    await _load_insertions(driver, stored, spans)
    await load_whole(driver, stored, folded - stored.folds.keys() - stored.deleted)
    return stored


def _grow(state: TraceFold, spans: Sequence[Span], relatives: Relatives) -> bool:
    """Prepare a fold for these spans, which are added later.

    False where that is not possible: one is stored already, or changes what counts of others.
    """
    if any(span.span_id in relatives.spans for span in spans):
        return False
    for span in spans:
        if not grow(state.usage, span, relatives):
            return False
        relatives.add(span)
    return True


async def _load_insertions(driver: Driver, stored: Stored, spans: dict[TraceKey, list[Span]]) -> None:
    """Leave out of `stored.folds` traces with blocks that the new scores are not inserted into."""
    added = {k: added_scores(f, spans[k]) for k, f in stored.folds.items() if f.in_blocks}
    insertions = await score_blocks.find_insertions(driver, {k: scores for k, scores in added.items() if scores})
    stored.insertions = {k: insertion for k, insertion in insertions.items() if insertion is not None}
    for key in [k for k, scores in added.items() if scores is None or (scores and k not in stored.insertions)]:
        del stored.folds[key]


async def _lock_experiments(driver: Driver, stored: Stored, locked: set[ExperimentKey]) -> set[TraceKey]:
    """Lock the experiments of the traces; the traces whose experiment is deleted."""
    unlocked = {key for trace in stored.before.values() if (key := trace.experiment_key) is not None} - locked
    deleted = unlocked - await lock_experiments(driver, unlocked)
    return {key for key, trace in stored.before.items() if trace.experiment_key in deleted}


async def load_whole(driver: Driver, stored: Stored, keys: Collection[TraceKey]) -> None:
    """Read all spans and scores of these traces into `stored`."""
    spans = await spans_of_traces(driver, keys)
    scored = [k for k in keys if k not in stored.before or stored.before[k].scored]
    _put_whole(stored, keys, spans, await scores_of_traces(driver, scored))


async def load_scores(driver: Driver, stored: Stored, keys: Collection[TraceKey]) -> None:
    """Read all scores of these traces into `stored`."""
    if keys:
        stored.scores = {key: scores for key, scores in stored.scores.items() if key.trace not in keys}
        stored.scores |= await scores_of_traces(driver, keys)


def _put_whole(
    stored: Stored, keys: Collection[TraceKey], spans: dict[SpanKey, Span], scores: dict[SpanKey, list[Score]]
) -> None:
    """These are all spans of the traces, and the scores of these spans."""
    stored.scores = {key: of_span for key, of_span in stored.scores.items() if key[:2] not in keys} | scores
    for key in keys:
        stored.spans[key] = {}
        stored.folds.pop(key, None)
        stored.insertions.pop(key, None)
    for span_key, span in spans.items():
        span.scores = [s for s in scores.get(span_key, ()) if s.source != "api"] or None
        stored.spans[span_key.trace][span.span_id] = span


def fold_trace(stored: Stored, key: TraceKey) -> TraceFold:
    """The trace as it is after the batch: its fold continued, or folded again from all its spans."""
    spans = [_with_standalone_scores(stored, key.tenant_id, span) for span in stored.spans.get(key, {}).values()]
    state = stored.folds.get(key)
    if state is None:
        return fold(spans)
    for span in spans:
        state.add(span)
    return state


def _with_standalone_scores(stored: Stored, tenant_id: TenantId, span: Span) -> Span:
    scores = stored.scores.get(SpanKey(tenant_id, span.trace_id, span.span_id), ())
    return with_standalone(span, [score for score in scores if score.source == "api"])
