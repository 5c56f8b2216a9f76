"""What a write must know of the store before it changes it. Every statement here runs after the locks it relies on.

Statements that every write runs are planned once, maybe while the tables are small: see `by_key.py`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ..domain.growth import Relatives, Usage
from ..domain.keys import ExperimentKey, GlobalSpanKey, NamedExperiment, SpanKey, TraceKey
from ..domain.span import Score, Span
from ..domain.trace_fold import SpanScores
from ..domain.usage import told
from ..store.by_key import SPAN_KEYS, TRACE_KEYS, row_of_span, rows_of_tenant
from ..store.session import Driver
from ..store.spans import SCORE_COLUMNS, SPAN_LIST, columns, span_of
from .batch import lock_number
from .rows import unpack_scores

# $1, $2: loose spans; $3, $4: experiments by name. KEY SHARE: any number of writers at once, but a deletion (which
# locks the row FOR UPDATE) waits for all of them.
_EXPERIMENT = rows_of_tenant("experiments", "id", "k.id", "*", "AND deleted_at IS NULL", "FOR KEY SHARE")
_STORED = rows_of_tenant("spans", "span_id", "k.span_id", "trace_id", "AND by_span_id")
FIND_STATEMENT = f"""
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

PATCHES_STATEMENT = f"""
SELECT p.tenant_id, p.trace_id, p.span_id, p.fields FROM {SPAN_KEYS} CROSS JOIN {row_of_span("patches")} p
"""

# Values travel as they are: JSON has no negative zero.
_SCORE = ", ".join(f"'{name}', {column}" for name, column in SCORE_COLUMNS.items() if name != "value")
_IN_ORDER = "s.ordinal, s.evaluator_key"
# A row for each span, with its scores, of a trace that keeps no fold; one row for a trace that does.
TRACES_STATEMENT = f"""
SELECT t.tenant_id AS at_tenant, t.trace_id AS at_trace, t.experiment_key AS at_experiment, t.start_time AS at_start,
    t.score_keys IS NOT NULL AS scored, t.fold, c.scores, c.values, {SPAN_LIST}, p.labels, p.metadata
FROM {TRACE_KEYS} CROSS JOIN {rows_of_tenant("traces", "trace_id", "k.trace_id")} t
LEFT JOIN {rows_of_tenant("span_payloads", "trace_id", "k.trace_id", "*", "AND t.fold IS NULL")} p ON true
LEFT JOIN {row_of_span("spans", key="p")} s ON true
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object({_SCORE}) ORDER BY {_IN_ORDER}) AS scores,
        array_agg(s.value ORDER BY {_IN_ORDER}) AS values
    FROM scores s WHERE s.tenant_id = p.tenant_id AND s.trace_id = p.trace_id AND s.span_id = p.span_id
) c ON t.score_keys IS NOT NULL
"""
_OF_TRACE = 8

FOLD_SCORES_STATEMENT = f"""
SELECT t.tenant_id, t.trace_id, t.fold_scores FROM {TRACE_KEYS}
CROSS JOIN {rows_of_tenant("traces", "trace_id", "k.trace_id", "*", "AND fold_scores IS NOT NULL")} t
"""

_RELATED = (
    *("trace_id", "span_id", "parent_id", "by_span_id", "kind", "model", "start_time", "end_time", "filled"),
    *("prompt_tokens", "completion_tokens", "total_tokens", "cost_pd", "response_id", "usage_once", "uncounted"),
    *("cache_read_tokens", "cache_write_tokens"),
)
# The stored ones of these spans, and all above them: a circle of parents ends where it began.
ABOVE_STATEMENT = f"""
WITH RECURSIVE above AS (
    SELECT tenant_id, trace_id COLLATE "C" AS trace_id, span_id COLLATE "C" AS span_id FROM {SPAN_KEYS}
    UNION SELECT s.tenant_id, s.trace_id, s.parent_id FROM above k CROSS JOIN {row_of_span("spans")} s
    WHERE s.parent_id IS NOT NULL
)
SELECT s.tenant_id, {", ".join(f"s.{name}" for name in _RELATED)} FROM above k CROSS JOIN {row_of_span("spans")} s
"""

# All spans of these traces are looked at: only long traces ask, and these rarely share an id.
SAME_IDS_STATEMENT = f"""
SELECT s.tenant_id, s.trace_id, s.span_id, s.response_id FROM {TRACE_KEYS}
CROSS JOIN {rows_of_tenant("spans", "trace_id", "k.trace_id", "*", "AND response_id = ANY ($3::text[])")} s
"""


def serialising(ids: Collection[GlobalSpanKey]) -> str:
    """The statement that makes the writers of these loose spans wait for each other, before any row is locked.

    Numbers need no placeholders: it can travel together with other statements.
    """
    numbers = sorted({lock_number(*key) for key in ids})
    return f"SELECT pg_advisory_xact_lock(n) FROM unnest('{{{','.join(map(str, numbers))}}}'::bigint[]) AS n"


async def find(
    driver: Driver, ids: Collection[GlobalSpanKey], named: Collection[NamedExperiment] = ()
) -> tuple[dict[GlobalSpanKey, str], dict[GlobalSpanKey, dict[str, Any]], dict[NamedExperiment, ExperimentKey]]:
    """Of the spans that are found by their span id alone, the trace ids of those stored and the fields of the patches.

    Also the keys of the named experiments that exist, held.
    """
    given = [columns(keys) if keys else [[], []] for keys in (ids, named)]
    homes: dict[GlobalSpanKey, str] = {}
    patches_: dict[GlobalSpanKey, dict[str, Any]] = {}
    held: dict[NamedExperiment, ExperimentKey] = {}
    for tenant_id, name, experiment_key, trace_id, fields in await driver.fetch(FIND_STATEMENT, *given[0], *given[1]):
        if trace_id is not None:
            homes[GlobalSpanKey(tenant_id, name)] = trace_id
        if fields is not None:
            patches_[GlobalSpanKey(tenant_id, name)] = _patch(fields)
        if experiment_key is not None:
            held[NamedExperiment(tenant_id, name)] = experiment_key
    return homes, patches_, held


async def patches(driver: Driver, keys: Collection[SpanKey]) -> dict[SpanKey, dict[str, Any]]:
    """The fields of the stored patches; the trace id is empty where the span id alone is the identity."""
    rows = await driver.fetch(PATCHES_STATEMENT, *columns(keys)) if keys else []
    return {SpanKey(r["tenant_id"], r["trace_id"], r["span_id"]): _patch(r["fields"]) for r in rows}


def _patch(fields: dict[str, Any]) -> dict[str, Any]:
    if fields.get("scores"):
        fields["scores"] = msgspec.convert(fields["scores"], list[Score])
    return fields


class TraceAt(NamedTuple):
    """What a write must know of a stored trace; its start in microseconds."""

    experiment_key: ExperimentKey | None
    start_us: int
    scored: bool
    fold: bytes | None


async def traces(
    driver: Driver, keys: Collection[TraceKey]
) -> tuple[dict[TraceKey, TraceAt], dict[SpanKey, Span], dict[SpanKey, list[Score]]]:
    """The locked traces; of traces that keep no fold also their spans, without content, and the scores of these."""
    found: dict[TraceKey, TraceAt] = {}
    spans: dict[SpanKey, Span] = {}
    scores: dict[SpanKey, list[Score]] = {}
    for row in await driver.fetch(TRACES_STATEMENT, *columns(keys)):
        tenant_id, trace_id, *at, sent, values = row[:_OF_TRACE]
        found[TraceKey(tenant_id, trace_id)] = TraceAt(*at)
        if row["span_id"] is not None:
            span = span_of(list(row.items())[_OF_TRACE:])
            key = SpanKey(tenant_id, trace_id, span.span_id)
            spans[key] = span
            if sent:
                valued = [{**score, "value": value} for score, value in zip(sent, values, strict=True)]
                scores[key] = msgspec.convert(valued, list[Score])
    return found, spans, scores


async def relatives(
    driver: Driver, growing: Mapping[TraceKey, tuple[Usage, Sequence[Span]]]
) -> dict[TraceKey, Relatives]:
    """What `grow` must know of these traces to add these spans to them; spans that are stored already are there too."""
    found = {key: Relatives() for key in growing}
    keys = [(*key, name) for key, (usage, spans) in growing.items() for name in sorted(_looked_up(usage, spans))]
    for row in await driver.fetch(ABOVE_STATEMENT, *columns(keys)) if keys else []:
        span = span_of(row.items())
        found[TraceKey(row["tenant_id"], span.trace_id)].spans[span.span_id] = span
    asking = {key: [s.response_id for s in spans if s.response_id] for key, (_, spans) in growing.items()}
    asked = sorted({name for names in asking.values() for name in names})
    if asked:
        traces_ = columns([key for key, names in asking.items() if names])
        for tenant_id, trace_id, span_id, response_id in await driver.fetch(SAME_IDS_STATEMENT, *traces_, asked):
            found[TraceKey(tenant_id, trace_id)].ids.setdefault(response_id, set()).add(span_id)
    return found


def _looked_up(usage: Usage, spans: Sequence[Span]) -> set[str]:
    """The spans themselves, and the parents of spans that may change what counts above them."""
    names = {span.span_id for span in spans}
    if usage.awaited is None:
        return names
    telling = spans if len(spans) > 1 else [s for s in spans if s.span_id in usage.awaited or told(s)]
    return names | {span.parent_id for span in telling if span.parent_id}


async def fold_scores(driver: Driver, keys: Collection[TraceKey]) -> dict[TraceKey, list[SpanScores]]:
    """The scores of the spans of these traces, which keep a fold."""
    rows = await driver.fetch(FOLD_SCORES_STATEMENT, *columns(keys)) if keys else []
    return {TraceKey(r["tenant_id"], r["trace_id"]): unpack_scores(r["fold_scores"]) for r in rows}
