"""Read locked traces before a write changes them: their spans and scores, or their fold.

Every write runs these statements: they are planned once, perhaps while the tables are small (`by_key.py`).
"""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from ..domain.keys import ExperimentKey, SpanKey, TraceKey
from ..domain.span import Score, Span
from ..domain.trace_fold import SpanScores
from ..store.by_key import TRACE_KEYS, row_of_span, rows_of_tenant
from ..store.packed_spans import unpack_spans
from ..store.session import Driver
from ..store.spans import SCORE_COLUMNS, SPAN_LIST, columns, span_of, spans_of_traces
from ..threads import beside_if_many
from .rows import unpack_scores

# Values as texts: JSON has no negative zero.
_SCORE = ", ".join(
    f"'{name}', x{column[1:]}{'::text' if name == 'value' else ''}" for name, column in SCORE_COLUMNS.items()
)
# Asked only of a trace that keeps a fold: of any other its spans are read, and a packed one has none in `spans`.
_IS_PACKED = """
CASE WHEN fold IS NOT NULL THEN (SELECT true FROM packed_spans WHERE tenant_id = traces.tenant_id
    AND trace_id BETWEEN traces.trace_id AND traces.trace_id ORDER BY trace_id LIMIT 1) END AS is_packed
"""
_TRACE = f"tenant_id, trace_id, experiment_key, start_time, score_keys IS NOT NULL AS scored, fold, {_IS_PACKED}"
# A row for each span, with its scores, of a trace that keeps no fold; one row for a trace that does, or is packed. To
# begin a join takes as long as to read a span, so packed payloads, which few traces have, are read by a statement of
# their own; and every column of a step takes time to begin, so each step names what it needs.
TRACES_STATEMENT = f"""
SELECT t.tenant_id AS at_tenant, t.trace_id AS at_trace, t.experiment_key AS at_experiment, t.start_time AS at_start,
    t.scored, t.fold, t.is_packed, p.span_id IS NULL AS lacks_payload,
    CASE WHEN t.scored THEN (
        SELECT json_agg(json_build_object({_SCORE}) ORDER BY x.ordinal, x.evaluator_key) FROM scores x
        WHERE x.tenant_id = s.tenant_id AND x.trace_id = s.trace_id AND x.span_id = s.span_id
    ) END AS scores, {SPAN_LIST}, p.labels, p.metadata
FROM {TRACE_KEYS} CROSS JOIN {rows_of_tenant("traces", "trace_id", "k.trace_id", _TRACE)} t
LEFT JOIN {rows_of_tenant("spans", "trace_id", "k.trace_id", "*", "AND t.fold IS NULL")} s ON true
LEFT JOIN {row_of_span("span_payloads", "span_id, labels, metadata", key="s")} p ON true
"""
_OF_TRACE = 9

FOLD_SCORES_STATEMENT = f"""
SELECT t.tenant_id, t.trace_id, t.fold_scores FROM {TRACE_KEYS}
CROSS JOIN {rows_of_tenant("traces", "trace_id", "k.trace_id", "*", "AND fold_scores IS NOT NULL")} t
"""


class TraceBefore(NamedTuple):
    """A trace before a write; its start in microseconds."""

    experiment_key: ExperimentKey | None
    start_us: int
    scored: bool
    fold: bytes | None


async def unpack_and_read_traces(
    driver: Driver, keys: Collection[TraceKey]
) -> tuple[dict[TraceKey, TraceBefore], dict[SpanKey, Span], dict[SpanKey, list[Score]]]:
    """The locked traces; of traces that keep no fold also their spans, without content, and the scores of these.

    The spans of packed traces are first moved back to `spans`, where writes change them.
    """
    rows = await driver.fetch(TRACES_STATEMENT, *columns(keys))
    packed = {TraceKey(row["at_tenant"], row["at_trace"]) for row in rows if _is_packed(row)}
    if packed:
        await unpack_spans(driver, packed)
        rows = await driver.fetch(TRACES_STATEMENT, *columns(keys))
    traces, spans, scores, incomplete = await beside_if_many(len(rows), _traces_of, rows)
    return traces, spans | await spans_of_traces(driver, incomplete), scores


def _is_packed(row: Any) -> bool:
    return row["is_packed"] if row["fold"] is not None else row["span_id"] is None


def _traces_of(
    rows: Iterable[Any],
) -> tuple[dict[TraceKey, TraceBefore], dict[SpanKey, Span], dict[SpanKey, list[Score]], set[TraceKey]]:
    """The traces, their spans, the scores of these, and the traces some of whose spans lack their payload here."""
    traces: dict[TraceKey, TraceBefore] = {}
    spans: dict[SpanKey, Span] = {}
    scores: dict[SpanKey, list[Score]] = {}
    incomplete: set[TraceKey] = set()
    for row in rows:
        tenant_id, trace_id, *trace, _, lacks_payload, of_span = row[:_OF_TRACE]
        trace_key = TraceKey(tenant_id, trace_id)
        traces[trace_key] = TraceBefore(*trace)
        if row["span_id"] is not None:
            span = span_of(list(row.items())[_OF_TRACE:])
            key = SpanKey(tenant_id, trace_id, span.span_id)
            spans[key] = span
            if of_span:
                scores[key] = [_score_of(fields) for fields in of_span]
            if lacks_payload:
                incomplete.add(trace_key)
    return traces, spans, scores, incomplete


def _score_of(fields: dict[str, Any]) -> Score:
    if fields["value"] is not None:
        fields["value"] = float(fields["value"])
    return Score(**fields)


async def read_fold_scores(driver: Driver, keys: Collection[TraceKey]) -> dict[TraceKey, list[SpanScores]]:
    """The scores of the spans of these traces, which keep a fold."""
    rows = await driver.fetch(FOLD_SCORES_STATEMENT, *columns(keys)) if keys else []
    return {TraceKey(r["tenant_id"], r["trace_id"]): unpack_scores(r["fold_scores"]) for r in rows}
