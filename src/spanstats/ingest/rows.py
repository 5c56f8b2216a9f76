"""How spans, payloads, scores and traces become rows, and the statements that write them.

Rows travel as one array per column (`unnest`), so a statement has one text for any number of rows and is prepared once.
Arrays inside a row travel as PostgreSQL array literals, as an array of arrays would be flattened.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from ..domain.span import Score, Span
from ..domain.trace import Trace, TraceFold
from ..domain.values import billionths
from ..store import tables
from ..store.spans import RENAMED

Columns = list[list[Any]]

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(TraceFold).decode

_LITERAL_ARRAYS = frozenset({"score_keys", "score_values", "score_kinds"})
_OWN_JSON = frozenset({"metadata", "labels", "attributes"})

_KEY = ("tenant_id", "trace_id", "span_id")
SPAN_COLUMNS = tuple(c.name for c in tables.spans.columns)
PAYLOAD_COLUMNS = tuple(c.name for c in tables.span_payloads.columns)
TRACE_COLUMNS = tuple(c.name for c in tables.traces.columns)
_OF_POSTS = frozenset({"created_at", "id", "log_id", "scorer", "details"})
SCORE_COLUMNS = tuple(c.name for c in tables.scores.columns if c.name not in _OF_POSTS)
SCORE_NUMBER, SCORE_BOOLEAN, SCORE_TEXT = 0, 1, 2

_score_fields = attrgetter(*SCORE_COLUMNS[6:])

# A fold of another shape is not read but made anew.
_FOLD_VERSION = b"\x01"


def _type(table: Table, column: str) -> str:
    return table.c[column].type.compile(_DIALECT).replace(' COLLATE "C"', "")


def _source(table: Table, columns: Sequence[str]) -> str:
    types = ("TEXT" if c in _LITERAL_ARRAYS else _type(table, c) for c in columns)
    return f"unnest({', '.join(f'${i}::{t}[]' for i, t in enumerate(types, 1))}) AS u({', '.join(columns)})"


def _value(table: Table, column: str) -> str:
    return f"u.{column}::{_type(table, column)}" if column in _LITERAL_ARRAYS else f"u.{column}"


def _insert(table: Table, columns: Sequence[str], key: Sequence[str], on_conflict: str) -> str:
    """Inserts in key order, so that concurrent writers that meet on rows meet in one order."""
    order = ", ".join(f"u.{c}" if c in ("tenant_id", "ordinal") else f'u.{c} COLLATE "C"' for c in key)
    return (
        f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT {', '.join(_value(table, c) for c in columns)} "
        f"FROM {_source(table, columns)} ORDER BY {order} ON CONFLICT ({', '.join(key)}) {on_conflict}"
    )


def _replacing(columns: Sequence[str], key: Sequence[str]) -> str:
    return "DO UPDATE SET " + ", ".join(f"{c} = excluded.{c}" for c in columns if c not in key)


PUT_SPANS = _insert(tables.spans, SPAN_COLUMNS, _KEY, _replacing(SPAN_COLUMNS, _KEY))
PUT_PAYLOADS = _insert(tables.span_payloads, PAYLOAD_COLUMNS, _KEY, _replacing(PAYLOAD_COLUMNS, _KEY))
_SCORE_KEY = (*_KEY, "source", "evaluator_key", "ordinal")
PUT_SCORES = _insert(tables.scores, SCORE_COLUMNS, _SCORE_KEY, _replacing(SCORE_COLUMNS, _SCORE_KEY))

# New traces are written whole; those that exist are only locked, in key order, and not returned.
LOCK_OR_INSERT_TRACES = (
    _insert(tables.traces, TRACE_COLUMNS, _KEY[:2], "DO UPDATE SET n_spans = traces.n_spans WHERE false")
    + " RETURNING tenant_id, trace_id"
)
UPDATE_TRACES = (
    "UPDATE traces SET "
    + ", ".join(f"{c} = {_value(tables.traces, c)}" for c in TRACE_COLUMNS if c not in _KEY)
    + f" FROM {_source(tables.traces, TRACE_COLUMNS)} "
    + "WHERE traces.tenant_id = u.tenant_id AND traces.trace_id = u.trace_id"
)


def to_json(value: object) -> str:
    """The value as a JSON document, as the driver takes it."""
    return _encode(value).decode()


def span_rows(spans: Sequence[tuple[int, Span]]) -> Columns:
    """The spans of (tenant id, span) as columns of `spans`."""
    only = [s for _, s in spans]
    rest = [[getattr(s, a) for s in only] for a in (RENAMED.get(c, c) for c in SPAN_COLUMNS[1:])]
    return [[t for t, _ in spans], *rest]


def payload_rows(spans: Sequence[tuple[int, Span]]) -> Columns:
    """The payloads of (tenant id, span) as columns of `span_payloads`; what is empty is null."""
    columns: Columns = [[t for t, _ in spans]]
    for name in PAYLOAD_COLUMNS[1:]:
        values = [getattr(s, name) for _, s in spans]
        columns.append([to_json(v) if v else None for v in values] if name in _OWN_JSON else values)
    return columns


def score_rows(spans: Iterable[tuple[int, Span]]) -> Columns:
    """The scores that came with these spans as columns of `scores`."""
    rows = [
        (tenant, span.trace_id, span.span_id, score.source, score.key, ordinal, *_score_fields(score))
        for tenant, span in spans
        for ordinal, score in enumerate(span.scores or ())
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def trace_rows(traces: Sequence[tuple[int, Trace, str | None, bytes | None]]) -> Columns:
    """(tenant id, trace, stats entry, packed fold) as columns of `traces`."""
    columns: Columns = [[t for t, _, _, _ in traces]]
    for name in TRACE_COLUMNS[1:]:
        if name == "entry":
            columns.append([e for _, _, e, _ in traces])
        elif name == "fold":
            columns.append([f for _, _, _, f in traces])
        elif name in _LITERAL_ARRAYS:
            columns.append([_SCORE_ARRAY[name](t.scores) if t.scores else None for _, t, _, _ in traces])
        else:
            values = [getattr(t, RENAMED.get(name, name)) for _, t, _, _ in traces]
            columns.append([to_json(v) if v else None for v in values] if name in _OWN_JSON else values)
    return columns


def _score_keys(scores: Sequence[Score]) -> str:
    quoted = ('"' + s.key.replace("\\", "\\\\").replace('"', '\\"') + '"' for s in scores)
    return "{" + ",".join(quoted) + "}"


def _score_values(scores: Sequence[Score]) -> str:
    values = (billionths(s.value) for s in scores)
    return "{" + ",".join("NULL" if v is None else str(v) for v in values) + "}"


def _score_kind(score: Score) -> int:
    if score.value is None:
        return SCORE_TEXT
    return SCORE_BOOLEAN if score.value_type == "boolean" else SCORE_NUMBER


def _score_kinds(scores: Sequence[Score]) -> str | None:
    kinds = [_score_kind(s) for s in scores]
    return "{" + ",".join(map(str, kinds)) + "}" if any(kinds) else None


_SCORE_ARRAY = {"score_keys": _score_keys, "score_values": _score_values, "score_kinds": _score_kinds}


def pack_fold(state: TraceFold) -> bytes:
    return _FOLD_VERSION + _pack(state)


def unpack_fold(packed: bytes | None) -> TraceFold | None:
    """The stored fold, or `None` where there is none that this code can go on with."""
    if packed is None or not packed.startswith(_FOLD_VERSION):
        return None
    return _unpack(packed[len(_FOLD_VERSION) :])
