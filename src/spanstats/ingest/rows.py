"""The statements that write spans and traces, and the documents that they read their rows from.

All rows of a statement travel as one JSON document: the driver encodes one text instead of an array per column, and
PostgreSQL reads it faster than arrays. Integers, texts and shortest floats survive JSON unchanged; times are whole
microseconds. A statement has one text for any number of rows and is prepared once.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from ..domain.keys import ExperimentKey, TenantId
from ..domain.span import Score, ScoreKind
from ..domain.trace import Trace
from ..domain.trace_fold import SpanScores, TraceFold
from ..domain.values import billionths
from ..store import tables
from ..store.score_blocks import IN_BLOCKS
from ..store.spans import RENAMED

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(TraceFold).decode
_unpack_scores = msgspec.msgpack.Decoder(list[SpanScores]).decode

_KEY = ("tenant_id", "trace_id", "span_id")
# A fold of another shape is not read: its trace is folded from its spans. So it is where entries have another shape.
_WITHOUT_BLOCKS = b"\x03"


def to_json(value: object) -> str:
    """The value as a JSON document, as the driver takes it."""
    return _encode(value).decode()


def _type(table: Table, column: str) -> str:
    return table.c[column].type.compile(_DIALECT).replace(' COLLATE "C"', "")


def _sent(table: Table, column: str) -> str:
    """The column of the document: name and type."""
    if column in RENAMED:
        return f"{RENAMED[column]} bigint"
    return f"{column} {'text' if _type(table, column) in ('JSON', 'BYTEA') else _type(table, column)}"


def _taken(table: Table, column: str) -> str:
    """The value of the column from what was sent; what is not sent is the column's zero, or null."""
    if column in RENAMED:
        # Exact: both factors and their product are whole and below 2^53.
        return f"'1970-01-01Z'::timestamptz + u.{RENAMED[column]} * interval '1 microsecond'"
    kind = _type(table, column)
    if kind == "JSON":
        return f"u.{column}::{kind}"
    if kind == "BYTEA":
        return f"decode(u.{column}, 'hex')"
    zero = "false" if kind == "BOOLEAN" else "0"
    return f"u.{column}" if table.c[column].nullable or kind in ("TEXT",) else f"coalesce(u.{column}, {zero})"


def _columns(table: Table) -> list[str]:
    return [c.name for c in table.columns]


def _insert(table: Table, source: str, key: Sequence[str], on_conflict: str) -> str:
    """Inserts in key order, so that concurrent writers that meet on rows meet in one order."""
    names = _columns(table)
    order = ", ".join(f"u.{c}" if c == "tenant_id" else f'u.{c} COLLATE "C"' for c in key)
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {', '.join(_taken(table, c) for c in names)} "
        f"FROM {source} ORDER BY {order} ON CONFLICT ({', '.join(key)}) {on_conflict}"
    )


def _replacing(names: Sequence[str], key: Sequence[str]) -> str:
    return "DO UPDATE SET " + ", ".join(f"{c} = excluded.{c}" for c in names if c not in key)


_SPAN_COLUMNS = [c for c in _columns(tables.spans) if c != "tenant_id"]
_PAYLOAD_COLUMNS = [c for c in _columns(tables.span_payloads) if c not in _KEY]
_SENT_SPAN = [_sent(tables.spans, c) for c in _SPAN_COLUMNS]
_SENT_SPAN += [_sent(tables.span_payloads, c) for c in _PAYLOAD_COLUMNS]
_SCORE_COLUMNS = ("value", "value_type", "text", "reason", "metric_id", "evaluator_id", "slug", "name")
_SCORE_KEY = (*_KEY, "source", "evaluator_key", "ordinal")

# $1 the spans as a JSON array, $2 the tenant of each.
_SPANS_SENT = f"""
u AS MATERIALIZED (
    SELECT * FROM ROWS FROM (json_to_recordset($1) AS ({", ".join(_SENT_SPAN)}, scores json), unnest($2::int[]))
        AS u({", ".join(RENAMED.get(c, c) for c in [*_SPAN_COLUMNS, *_PAYLOAD_COLUMNS])}, scores, tenant_id)
)
"""
_PUT_SPANS = _insert(tables.spans, "u", _KEY, _replacing(_columns(tables.spans), _KEY))
_PUT_PAYLOADS = _insert(tables.span_payloads, "u", _KEY, _replacing(_columns(tables.span_payloads), _KEY))
_PUT_SCORES = f"""
INSERT INTO scores ({", ".join(_SCORE_KEY)}, {", ".join(_SCORE_COLUMNS)})
SELECT u.tenant_id, u.trace_id, u.span_id, coalesce(s.source, 'span'), s.key, s.ordinal - 1, s.value,
    coalesce(s.value_type, 'numerical'), s.text, s.reason, s.metric_id, s.evaluator_id, s.slug, s.name
FROM u CROSS JOIN LATERAL ROWS FROM (json_to_recordset(u.scores) AS (
    source text, key text, value double precision, value_type text, text text, reason text, metric_id bigint,
    evaluator_id text, slug text, name text
)) WITH ORDINALITY AS s(source, key, {", ".join(_SCORE_COLUMNS)}, ordinal)
WHERE u.scores IS NOT NULL
ON CONFLICT ({", ".join(_SCORE_KEY)}) {_replacing(_SCORE_COLUMNS, ())}
"""

_TRACE_COLUMNS = ", ".join(_sent(tables.traces, c) for c in _columns(tables.traces))
_INVALIDATE = "INSERT INTO rollup_marks SELECT DISTINCT experiment_key, date_trunc('minute', start_time, 'UTC') FROM"
_WHERE_SUMMED = "WHERE experiment_key IS NOT NULL"
# New traces are written whole and invalidate their minutes; traces that exist are only locked, in key order, and not
# returned.
_INSERT_TRACES = _insert(
    tables.traces,
    f"json_to_recordset($1) AS u({_TRACE_COLUMNS})",
    _KEY[:2],
    "DO UPDATE SET n_spans = traces.n_spans WHERE false",
)
# $1 the traces as a JSON array. Whether scores are pending is read after `traces` is locked as a table.
LOCK_OR_INSERT_TRACES = f"""
WITH inserted AS ({_INSERT_TRACES} RETURNING tenant_id, trace_id, experiment_key, start_time),
invalidated AS ({_INVALIDATE} inserted {_WHERE_SUMMED})
SELECT EXISTS (SELECT 1 FROM early_scores), array_agg(tenant_id), array_agg(trace_id) FROM inserted
"""
_UPDATED = {c: _taken(tables.traces, c) for c in _columns(tables.traces) if c not in _KEY}
_ZEROS = "array_fill(0::smallint, ARRAY[cardinality({}.score_keys)])".format
_KINDS = f"coalesce(traces.score_kinds, {_ZEROS('traces')})", f"coalesce(u.score_kinds, {_ZEROS('u')})"


def _inserting(whole: str, new: str) -> str:
    return f"({whole})[:u.scores_at] || {new} || ({whole})[u.scores_at + 1:]"


_INSERTED = {c: _inserting(f"traces.{c}", f"u.{c}") for c in ("score_keys", "score_values")}
_INSERTED["score_kinds"] = f"""
    CASE WHEN coalesce(traces.score_kinds, u.score_kinds) IS NOT NULL THEN {_inserting(*_KINDS)} END
"""
_INSERTED["fold_scores"] = "NULL"
# A value that is kept is not read: the row goes on pointing to it.
_UPDATED |= {
    c: f"CASE WHEN u.keeps_scores THEN traces.{c} WHEN u.scores_at IS NOT NULL THEN {inserted} ELSE {_UPDATED[c]} END"
    for c, inserted in _INSERTED.items()
}
_UPDATED["entry"] = """CASE WHEN u.entry_from > 0 THEN u.entry || substr(traces.entry, u.entry_from)
    WHEN u.keeps_entry THEN traces.entry ELSE u.entry END"""
_UPDATES = ", ".join(f"{column} = {value}" for column, value in _UPDATED.items())
_NOT_STORED = "keeps_scores boolean, scores_at integer, keeps_entry boolean, entry_from integer"
# $1, $2: the spans and their tenants. $3: the traces, as a JSON array. $4, $5: the experiments and starts that the
# traces had. Old and new minutes are invalidated.
WRITE_SPANS_AND_TRACES = f"""
WITH {_SPANS_SENT}, put_spans AS ({_PUT_SPANS}), put_payloads AS ({_PUT_PAYLOADS}), put_scores AS ({_PUT_SCORES}),
updated AS (
    UPDATE traces SET {_UPDATES}
    FROM json_to_recordset($3) AS u({_TRACE_COLUMNS}, {_NOT_STORED})
    WHERE traces.tenant_id = u.tenant_id AND traces.trace_id = u.trace_id
    RETURNING traces.experiment_key, traces.start_time
)
{_INVALIDATE} (
    SELECT experiment_key, start_time FROM updated
    UNION ALL SELECT * FROM unnest($4::bigint[], $5::timestamptz[])
) AS minutes (experiment_key, start_time) {_WHERE_SUMMED}
"""


class TraceRow(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A row of `traces`, as it is sent; times in microseconds since 1970."""

    tenant_id: TenantId
    trace_id: str
    experiment_key: ExperimentKey | None = None
    start_us: int
    end_us: int
    latency_us: int | None = None
    ttft_us: int | None = None
    tps: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cost_pd: int | None = None
    n_spans: int = 0
    n_errors: int = 0
    n_llm_calls: int = 0
    n_unpriced: int = 0
    has_root: bool = False
    many_models: bool = False
    status: str
    model: str | None = None
    name: str | None = None
    root_span_id: str | None = None
    labels: dict[str, str] | None = None
    metadata: dict[str, Any] | None = None
    score_keys: list[str] | None = None
    score_values: list[int | None] | None = None
    score_kinds: list[int] | None = None
    entry: str | None = None
    fold: str | None = None
    fold_scores: str | None = None
    keeps_scores: bool = False
    """`score_keys` and so on stay as they are stored."""
    scores_at: int | None = None
    """The scores of the row come behind this number of the stored ones."""
    keeps_entry: bool = False
    entry_from: int = 0
    """Where not 0, the entry is the one here and what is stored from this character on, counted from 1."""
    item_key: str | None = None
    target_key: int | None = None


_FROM_TRACE = tuple(f for f in Trace.__struct_fields__ if f in TraceRow.__struct_fields__)
_from_trace = attrgetter(*_FROM_TRACE)


def trace_row(tenant_id: TenantId, trace: Trace, entry: str | None, state: TraceFold | None) -> TraceRow:
    """The row of this trace, with its part of a stats answer and the fold that it keeps."""
    row = TraceRow(tenant_id=tenant_id, entry=entry, **dict(zip(_FROM_TRACE, _from_trace(trace), strict=True)))
    row.labels, row.metadata = trace.labels or None, trace.metadata or None
    set_scores(row, trace.scores)
    if state is not None:
        row.fold = pack_fold(state).hex()
        row.fold_scores = pack_scores(state.scores).hex() if state.scores and not state.in_blocks else None
    return row


def set_scores(row: TraceRow, scores: Sequence[Score]) -> None:
    """Let the row have these scores alone."""
    kinds = [_score_kind(s) for s in scores]
    row.score_keys = [s.key for s in scores] or None
    row.score_values = [billionths(s.value) for s in scores] or None
    row.score_kinds = kinds if any(kinds) else None


def row_bytes(row: TraceRow) -> int:
    """How long the parts of a row are that grow with every span: metadata and labels, the entry, the fold.

    What stays as it is stored is not counted.
    """
    folded = len(row.fold or "") + len(row.fold_scores or "")
    return len(_encode((row.labels, row.metadata))) + len(row.entry or "") + folded // 2


def _score_kind(score: Score) -> int:
    if score.value is None:
        return ScoreKind.TEXT
    return ScoreKind.BOOLEAN if score.value_type == "boolean" else ScoreKind.NUMBER


def pack_fold(state: TraceFold) -> bytes:
    """With the root's scores where the others are in blocks, else without scores, which have a column of their own."""
    if state.in_blocks:
        return IN_BLOCKS + _pack(state)
    return _WITHOUT_BLOCKS + _pack(msgspec.structs.replace(state, scores=[]))


def pack_scores(scores: Sequence[SpanScores]) -> bytes:
    """Scores of a fold, as `unpack_scores` reads them."""
    return _pack(scores)


def unpack_scores(packed: bytes) -> list[SpanScores]:
    """The scores that were packed."""
    return _unpack_scores(packed)


def unpack_fold(packed: bytes | None) -> TraceFold | None:
    """The stored fold, or `None` where there is none that this code can go on with."""
    if packed is None or packed[:1] not in (_WITHOUT_BLOCKS, IN_BLOCKS):
        return None
    return _unpack(packed[1:])
