"""Write standalone scores to their spans. The spans are stored, and their traces are locked."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..domain.keys import LogKey, ScoreKey, SpanKey, TenantId, TraceKey
from ..domain.span import Span
from ..domain.standalone import Outcome, StandaloneScore
from ..store.session import Driver
from ..store.spans import columns
from . import rows
from .pending import MAX_OF_SPAN, PendingScore, check_pending, crowded, delete_pending

_STORED = """
SELECT s.tenant_id, s.trace_id, s.span_id, s.evaluator_key, s.ordinal, s.id, s.log_id, s.scorer
FROM unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)
JOIN scores s ON s.tenant_id = k.tenant_id AND s.trace_id = k.trace_id AND s.source = 'api'
"""

_DELETE = """
DELETE FROM scores WHERE tenant_id = $1 AND trace_id = $2 AND span_id = $3 AND source = 'api' AND evaluator_key = $4
    AND ordinal = $5
"""

_UPSERT = """
INSERT INTO scores (tenant_id, trace_id, span_id, source, evaluator_key, ordinal, value, value_type, text, reason,
    evaluator_id, slug, name, created_at, id, log_id, scorer, details)
VALUES ($1, $2, $3, 'api', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (tenant_id, trace_id, span_id, source, evaluator_key, ordinal) DO UPDATE SET value = excluded.value,
    value_type = excluded.value_type, text = excluded.text, reason = excluded.reason,
    evaluator_id = coalesce(excluded.evaluator_id, scores.evaluator_id), slug = coalesce(excluded.slug, scores.slug),
    name = coalesce(excluded.name, scores.name), details = excluded.details
"""

Outcomes = dict[ScoreKey, Outcome]


class _Row(NamedTuple):
    """A stored standalone score: its span, which score of that it is, and by whom."""

    span: SpanKey
    evaluator_key: str
    ordinal: int
    id: str
    log_id: str | None
    scorer: str | None

    @property
    def key(self) -> tuple[TenantId, str, str, str, int]:
        return (*self.span, self.evaluator_key, self.ordinal)


@dataclass(slots=True)
class Written:
    """The outcomes of the batch's own scores, and the traces whose scores changed."""

    outcomes: Outcomes
    traces: set[TraceKey]


async def write_scores(
    driver: Driver,
    pending: list[PendingScore],
    new: Collection[tuple[TenantId, StandaloneScore]],
    spans: Mapping[TraceKey, Mapping[str, Span]],
) -> Written:
    """Write the pending scores whose span is stored, and delete them from the pending ones.

    `new` are the batch's own, which are among the pending ones; `spans` the stored spans of the pending scores' traces.
    Raises `InvalidInput` where the batch brings a span, or a log that scores are pending of, more than the limit.
    """
    own = {ScoreKey(tenant_id, score.id) for tenant_id, score in new}
    with_span = [(each, span_id) for each in pending if (span_id := _span_of(spans, each)) is not None]
    scores = await _read(driver, {each.trace for each, _ in with_span})
    ids: dict[ScoreKey, str] = {}
    for each, span_id in with_span:
        key = ScoreKey(each.trace.tenant_id, each.score.id)
        ids[key] = await _write(driver, scores, each.score, SpanKey(*each.trace, span_id), key in own)
    outcomes = {key: Outcome(ids.get(key, key.score_id), key not in ids) for key in own}
    deleted = {ScoreKey(tenant_id, score.id) for tenant_id, score in new if score.deleted}
    await delete_pending(driver, ids.keys() | deleted)
    still_pending = {LogKey(t, score.log_id) for t, score in new if outcomes[ScoreKey(t, score.id)].is_pending}
    await check_pending(driver, still_pending)
    return Written(outcomes, {each.trace for each, _ in with_span})


def as_spans(pending: Iterable[PendingScore]) -> list[tuple[TenantId, Span]]:
    """The scores as if spans had brought them, for `Evaluators`."""
    return [(each.trace.tenant_id, Span(trace_id="", span_id="", scores=[each.score.score])) for each in pending]


def _span_of(spans: Mapping[TraceKey, Mapping[str, Span]], pending: PendingScore) -> str | None:
    """The span of this id, else the root of the trace of this id, else its earliest span."""
    of_trace, log_id = spans.get(pending.trace, {}), pending.score.log_id
    if log_id in of_trace:
        return log_id
    if log_id != pending.trace.trace_id or not of_trace:
        return None
    first = min(of_trace.values(), key=lambda s: (not s.is_root, s.root_order))
    return first.span_id


async def _read(driver: Driver, traces: Collection[TraceKey]) -> list[_Row]:
    scores = await driver.fetch(_STORED, *columns(traces)) if traces else []
    return [_Row(SpanKey(*row[:3]), *row[3:]) for row in map(tuple, scores)]


async def _write(driver: Driver, scores: list[_Row], score: StandaloneScore, span: SpanKey, is_new: bool) -> str:
    """Insert, update or delete the score; its id. `scores`, the stored ones of its trace, are kept up to date.

    Raises `InvalidInput` where a new one is one too many.
    """
    row = _stored(scores, score, span)
    if score.deleted:
        if row is not None:
            scores.remove(row)
            await driver.execute(_DELETE, *row.key)
        return score.id
    if row is None:
        row = _new(scores, score, span, is_new)
        scores.append(row)
    s = score.score
    values = (s.value, s.value_type, s.text, s.reason, s.evaluator_id, s.slug, s.name)
    details = rows.to_json(score.details) if score.details else None
    await driver.execute(_UPSERT, *row.key, *values, score.created_us, row.id, score.log_id, score.scorer, details)
    return row.id


def _of_evaluator(scores: list[_Row], score: StandaloneScore, span: SpanKey) -> list[_Row]:
    return [row for row in scores if (row.span.trace, row.evaluator_key) == (span.trace, score.score.key)]


def _stored(scores: list[_Row], score: StandaloneScore, span: SpanKey) -> _Row | None:
    """The score that this one updates: of the same log, evaluator and scorer."""
    for row in _of_evaluator(scores, score, span):
        is_same_log = row.id == score.id or row.log_id == score.log_id or row.span == span
        if row.scorer == score.scorer and is_same_log:
            return row
    return None


def _new(scores: list[_Row], score: StandaloneScore, span: SpanKey, is_new: bool) -> _Row:
    """The row of another score of the span. Raises `InvalidInput` where a new one is one too many."""
    if is_new and sum(row.span == span for row in scores) >= MAX_OF_SPAN:
        raise crowded()
    ordinals = [row.ordinal for row in _of_evaluator(scores, score, span) if row.span == span]
    return _Row(span, score.score.key, max(ordinals, default=-1) + 1, score.id, score.log_id, score.scorer)
