"""The statements that write spans and traces.

All rows of a statement travel as one JSON document: the driver encodes one text instead of an array per column, and
PostgreSQL reads it faster than arrays. Integers, texts and shortest floats survive JSON unchanged; times are whole
microseconds. A statement has one text for any number of rows and is prepared once.
"""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from ..store import tables
from ..store.spans import RENAMED

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]

_KEY = ("tenant_id", "trace_id", "span_id")


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
    type_ = _type(table, column)
    if type_ == "JSON":
        return f"u.{column}::{type_}"
    if type_ == "BYTEA":
        return f"decode(u.{column}, 'hex')"
    zero = "false" if type_ == "BOOLEAN" else "0"
    return f"u.{column}" if table.c[column].nullable or type_ in ("TEXT",) else f"coalesce(u.{column}, {zero})"


def _columns(table: Table) -> list[str]:
    return [c.name for c in table.columns]


def _insert_new(table: Table, source: str) -> str:
    names = _columns(table)
    values = ", ".join(_taken(table, c) for c in names)
    return f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {values} FROM {source}"


def _insert(table: Table, source: str, key: Sequence[str], on_conflict: str) -> str:
    """Inserts in key order, so that concurrent writers that meet on rows meet in one order."""
    order = ", ".join(f"u.{c}" if c == "tenant_id" else f'u.{c} COLLATE "C"' for c in key)
    return f"{_insert_new(table, source)} ORDER BY {order} ON CONFLICT ({', '.join(key)}) {on_conflict}"


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

_INSERT_SCORES = f"""
INSERT INTO scores ({", ".join(_SCORE_KEY)}, {", ".join(_SCORE_COLUMNS)})
SELECT u.tenant_id, u.trace_id, u.span_id, coalesce(s.source, 'span'), s.key, s.ordinal - 1, s.value,
    coalesce(s.value_type, 'numerical'), s.text, s.reason, s.metric_id, s.evaluator_id, s.slug, s.name
FROM u CROSS JOIN LATERAL ROWS FROM (json_to_recordset(u.scores) AS (
    source text, key text, value double precision, value_type text, text text, reason text, metric_id bigint,
    evaluator_id text, slug text, name text
)) WITH ORDINALITY AS s(source, key, {", ".join(_SCORE_COLUMNS)}, ordinal)
WHERE u.scores IS NOT NULL
"""

_PUT_SCORES = f"{_INSERT_SCORES} ON CONFLICT ({', '.join(_SCORE_KEY)}) {_replacing(_SCORE_COLUMNS, ())}"

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


_INSERTS = {
    # To look for conflicts takes a sixth of the time of an insert.
    True: (_insert_new(tables.spans, "u"), _insert_new(tables.span_payloads, "u"), _INSERT_SCORES),
    False: (_PUT_SPANS, _PUT_PAYLOADS, _PUT_SCORES),
}

_UPDATE_TRACES = f"""
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


@cache
def write_statement(*, are_new: bool, have_scores: bool, have_traces: bool) -> str:
    """The statement that writes spans, their payloads and, where they have some, their scores; and traces.

    $1, $2: the spans and their tenants. Where there are traces, $3: the traces, as a JSON array; $4, $5: the
    experiments and starts that the traces had. Old and new minutes are invalidated. To begin a step takes as long as a
    row of it, so a statement has no step that nothing is for.
    """
    spans, payloads, scores = _INSERTS[are_new]
    steps = [_SPANS_SENT, f"put_spans AS ({spans})"]
    steps += [f"put_scores AS ({scores})"] if have_scores else []
    if have_traces:
        return f"WITH {', '.join([*steps, f'put_payloads AS ({payloads})', _UPDATE_TRACES])}"
    return f"WITH {', '.join(steps)} {payloads}"
