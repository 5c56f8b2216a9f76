"""Read stored spans and traces before a write changes them. Every statement runs after the locks that it relies on.

Statements that every write runs are planned once, perhaps while the tables are small: see `by_key.py`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from ..domain.growth import Relatives
from ..domain.keys import ExperimentKey, GlobalSpanKey, NamedExperiment, SpanKey, TraceKey
from ..domain.reported_usage import Usage
from ..domain.reports import reports_of
from ..domain.span import Score, Span
from ..domain.trace_fold import SpanScores
from ..store.by_key import SPAN_KEYS, TRACE_KEYS, row_of_span, rows_of_tenant, spans_of_tenant
from ..store.packed_spans import unpack_spans
from ..store.session import Driver
from ..store.spans import SCORE_COLUMNS, SPAN_LIST, columns, span_of, spans_of_traces
from ..threads import beside_if_many
from .batch import lock_number
from .rows import unpack_scores

# $1, $2: spans with global ids; $3, $4: experiments by name. KEY SHARE: any number of writers at once, but a deletion
# (which locks the row FOR UPDATE) waits for all of them.
_EXPERIMENT = rows_of_tenant(
    "experiments", "id", "k.id", "tenant_id, id, key", "AND deleted_at IS NULL", "FOR KEY SHARE"
)
_STORED = spans_of_tenant("span_id", "k.span_id", "trace_id", "AND by_span_id")
IDENTIFY_STATEMENT = f"""
WITH held AS MATERIALIZED (
    SELECT e.tenant_id, e.id, e.key FROM unnest($3::int[], $4::text[]) AS k(tenant_id, id) CROSS JOIN {_EXPERIMENT} e
)
SELECT k.tenant_id, k.span_id AS id, NULL::bigint AS experiment_key, s.trace_id, p.fields
FROM unnest($1::int[], $2::text[]) AS k(tenant_id, span_id)
LEFT JOIN {_STORED} s ON true
LEFT JOIN LATERAL (
    SELECT fields FROM patches WHERE tenant_id = k.tenant_id AND trace_id = '' AND span_id = k.span_id OFFSET 0
) p ON true
UNION ALL SELECT held.tenant_id, held.id, held.key, NULL, NULL FROM held
"""

OVERRIDES_STATEMENT = f"""
SELECT p.tenant_id, p.trace_id, p.span_id, p.fields FROM {SPAN_KEYS} CROSS JOIN {row_of_span("patches")} p
"""

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

_RELATED = (
    *("trace_id", "span_id", "parent_id", "by_span_id", "kind", "model", "start_time", "end_time", "filled"),
    *("prompt_tokens", "completion_tokens", "total_tokens", "cost_pd", "response_id", "usage_once", "uncounted"),
    *("cache_read_tokens", "cache_write_tokens"),
)
# The stored ones of these spans, and all their ancestors: a circle of parents ends where it began.
ANCESTORS_STATEMENT = f"""
WITH RECURSIVE ancestors AS (
    SELECT tenant_id, trace_id COLLATE "C" AS trace_id, span_id COLLATE "C" AS span_id FROM {SPAN_KEYS}
    UNION SELECT s.tenant_id, s.trace_id, s.parent_id FROM ancestors k CROSS JOIN {row_of_span("spans")} s
    WHERE s.parent_id IS NOT NULL
)
SELECT s.tenant_id, {", ".join(f"s.{name}" for name in _RELATED)} FROM ancestors k CROSS JOIN {row_of_span("spans")} s
"""

# By the index of digests, the only one in whose order they are asked for (`by_key.py`): a response id may be of any
# length.
_DIGEST = "hashtextextended({0}response_id, hashtextextended({0}trace_id, {0}tenant_id::bigint))".format
SAME_IDS_STATEMENT = f"""
SELECT s.tenant_id, s.trace_id, s.span_id, s.response_id
FROM unnest($1::int[], $2::text[], $3::text[]) AS k(tenant_id, trace_id, response_id) CROSS JOIN LATERAL (
    SELECT * FROM spans WHERE tenant_id = k.tenant_id AND trace_id = k.trace_id AND response_id = k.response_id
    AND {_DIGEST("")} BETWEEN {_DIGEST("k.")} AND {_DIGEST("k.")} ORDER BY {_DIGEST("")} OFFSET 0
) s
"""


def lock_of_global_ids(ids: Collection[GlobalSpanKey]) -> str:
    """The statement by which writers of spans with these ids wait for each other, before any row is locked.

    Its numbers need no placeholders, so it can travel together with other statements.
    """
    numbers = sorted({lock_number(*key) for key in ids})
    if len(numbers) == 1:
        # It is planned each time: without rows to take the numbers from in half the time.
        return f"SELECT pg_advisory_xact_lock({numbers[0]})"
    return f"SELECT pg_advisory_xact_lock(n) FROM unnest('{{{','.join(map(str, numbers))}}}'::bigint[]) AS n"


@dataclass(slots=True)
class Identified:
    """The trace ids of stored spans with global ids, the overrides of such spans, and the keys of experiments."""

    traces: dict[GlobalSpanKey, str] = field(default_factory=dict)
    overrides: dict[GlobalSpanKey, dict[str, Any]] = field(default_factory=dict)
    experiments: dict[NamedExperiment, ExperimentKey] = field(default_factory=dict)


async def identify(
    driver: Driver, ids: Collection[GlobalSpanKey], names: Collection[NamedExperiment] = ()
) -> Identified:
    """Find the stored spans and overrides, and the named experiments, which it locks against deletion."""
    result = Identified()
    span_columns, name_columns = [columns(keys) if keys else [[], []] for keys in (ids, names)]
    rows = await driver.fetch(IDENTIFY_STATEMENT, *span_columns, *name_columns)
    for tenant_id, name, experiment_key, trace_id, fields in rows:
        if trace_id is not None:
            result.traces[GlobalSpanKey(tenant_id, name)] = trace_id
        if fields is not None:
            result.overrides[GlobalSpanKey(tenant_id, name)] = _override(fields)
        if experiment_key is not None:
            result.experiments[NamedExperiment(tenant_id, name)] = experiment_key
    return result


async def read_overrides(driver: Driver, keys: Collection[SpanKey]) -> dict[SpanKey, dict[str, Any]]:
    """The fields of the stored overrides; the trace id is empty where the span id alone is the identity."""
    rows = await driver.fetch(OVERRIDES_STATEMENT, *columns(keys)) if keys else []
    return {SpanKey(r["tenant_id"], r["trace_id"], r["span_id"]): _override(r["fields"]) for r in rows}


def _override(fields: dict[str, Any]) -> dict[str, Any]:
    if fields.get("scores"):
        fields["scores"] = msgspec.convert(fields["scores"], list[Score])
    return fields


class TraceBefore(NamedTuple):
    """A trace before a write; its start in microseconds."""

    experiment_key: ExperimentKey | None
    start_us: int
    scored: bool
    fold: bytes | None


async def read_traces(
    driver: Driver, keys: Collection[TraceKey]
) -> tuple[dict[TraceKey, TraceBefore], dict[SpanKey, Span], dict[SpanKey, list[Score]]]:
    """The locked traces; of traces that keep no fold also their spans, without content, and the scores of these.

    Packed traces get their spans back where they are written.
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


async def read_relatives(
    driver: Driver, growing: Mapping[TraceKey, tuple[Usage, Sequence[Span]]]
) -> dict[TraceKey, Relatives]:
    """The relatives that `grow` needs to add these spans to these traces; among them these spans, if stored."""
    relatives = {key: Relatives() for key in growing}
    keys = [(*key, name) for key, (usage, spans) in growing.items() for name in sorted(_looked_up(usage, spans))]
    for row in await driver.fetch(ANCESTORS_STATEMENT, *columns(keys)) if keys else []:
        span = span_of(row.items())
        relatives[TraceKey(row["tenant_id"], span.trace_id)].spans[span.span_id] = span
    responses = {(*key, s.response_id) for key, (_, spans) in growing.items() for s in spans if s.response_id}
    rows = await driver.fetch(SAME_IDS_STATEMENT, *columns(sorted(responses))) if responses else []
    for tenant_id, trace_id, span_id, response_id in rows:
        relatives[TraceKey(tenant_id, trace_id)].ids.setdefault(response_id, set()).add(span_id)
    return relatives


def _looked_up(usage: Usage, spans: Sequence[Span]) -> set[str]:
    """The spans themselves, and the parents of spans that may change what counts above them."""
    names = {span.span_id for span in spans}
    if usage.missing is None:
        return names
    reporting = spans if len(spans) > 1 else [s for s in spans if s.span_id in usage.missing or reports_of(s)]
    return names | {span.parent_id for span in reporting if span.parent_id}


async def read_fold_scores(driver: Driver, keys: Collection[TraceKey]) -> dict[TraceKey, list[SpanScores]]:
    """The scores of the spans of these traces, which keep a fold."""
    rows = await driver.fetch(FOLD_SCORES_STATEMENT, *columns(keys)) if keys else []
    return {TraceKey(r["tenant_id"], r["trace_id"]): unpack_scores(r["fold_scores"]) for r in rows}
