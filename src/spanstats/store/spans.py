"""Read stored spans as `Span` values, within an open transaction."""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from sqlalchemy import LargeBinary

from ..domain.keys import SpanKey, TraceKey
from ..domain.span import Score, Span
from ..threads import beside_if_many
from .by_key import (
    SPAN_KEYS,
    TRACE_KEYS,
    packed_content,
    packed_with,
    row_of_span,
    rows_of_tenant,
    span_of_key,
    spans_of_tenant,
)
from .packed_format import Payload
from .packed_payloads import payloads_of, unpacked
from .session import Driver
from .tables import spans as spans_table

RENAMED = {"start_time": "start_us", "end_time": "end_us", "received_at": "received_us"}
"""Columns that are named for the database's type where the attribute is named for its unit."""

SPAN_LIST = ", ".join(
    f"encode(s.{c.name}, 'hex') AS {c.name}" if isinstance(c.type, LargeBinary) else f"s.{c.name}"
    for c in spans_table.columns
)
_COLUMNS = ", ".join(c.name for c in spans_table.columns)
LABELS_AND_METADATA = "coalesce(p.labels, c.labels) AS labels, coalesce(p.metadata, c.metadata) AS metadata"
PAYLOAD_OF_SPAN = f"""
LEFT JOIN {row_of_span("span_payloads", key="s")} p ON true LEFT JOIN {packed_with()} c ON true
"""
SPANS_OF_TRACES = f"""
SELECT {SPAN_LIST}, {LABELS_AND_METADATA} FROM {TRACE_KEYS}
CROSS JOIN {spans_of_tenant("trace_id", "k.trace_id", _COLUMNS)} s {PAYLOAD_OF_SPAN}
"""

SPANS_BY_KEY = f"""
SELECT {SPAN_LIST}, {LABELS_AND_METADATA} FROM {SPAN_KEYS}
CROSS JOIN {span_of_key(_COLUMNS)} s {PAYLOAD_OF_SPAN}
"""

# With what is packed of a trace, for one of its spans.
CONTENT = f"""
SELECT k.tenant_id, k.trace_id, k.span_id, coalesce(p.span_id, c.root_id) IS DISTINCT FROM k.span_id AS is_packed,
    c.packed, c.root_id, coalesce(p.input, c.root_input)::text, coalesce(p.output, c.root_output)::text,
    coalesce(p.target, c.root_target)::text, coalesce(p.attributes, c.root_attributes)::text, p.error
FROM unnest($1::int[], $2::text[], $3::text[], $4::bool[], $5::bool[])
    AS k(tenant_id, trace_id, span_id, is_root, unpacks)
LEFT JOIN {row_of_span("span_payloads")} p ON true LEFT JOIN {packed_content()} c ON true
"""

SCORE_COLUMNS = {name: "s.evaluator_key" if name == "key" else f"s.{name}" for name in Score.__struct_fields__}
"""The columns of `scores s` by the names of a `Score`."""
_SCORE_LIST = ", ".join(
    ["s.tenant_id, s.trace_id, s.span_id", *(f"{column} AS {name}" for name, column in SCORE_COLUMNS.items())]
)
_SCORE_ORDER = "ORDER BY s.tenant_id, s.trace_id, s.span_id, s.ordinal, s.evaluator_key"

SCORES_OF_TRACES = f"""
SELECT {_SCORE_LIST} FROM {TRACE_KEYS} CROSS JOIN {rows_of_tenant("scores", "trace_id", "k.trace_id")} s
{_SCORE_ORDER}
"""

SCORES_OF_SPANS = f"""
SELECT {_SCORE_LIST} FROM {SPAN_KEYS} CROSS JOIN {row_of_span("scores")} s {_SCORE_ORDER}
"""


def columns(keys: Collection[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows of keys as one list per column."""
    return [list(column) for column in zip(*keys, strict=True)]


async def spans_of_traces(driver: Driver, keys: Collection[TraceKey]) -> dict[SpanKey, Span]:
    """All spans of these traces, without their content and scores."""
    rows = await driver.fetch(SPANS_OF_TRACES, *columns(keys)) if keys else []
    return await beside_if_many(len(rows), _spans_by_key, rows)


async def spans_by_key(driver: Driver, keys: Collection[SpanKey]) -> dict[SpanKey, Span]:
    """Those of these spans that are stored, without their content and scores."""
    rows = await driver.fetch(SPANS_BY_KEY, *columns(keys)) if keys else []
    return await beside_if_many(len(rows), _spans_by_key, rows)


def _spans_by_key(rows: Iterable[Any]) -> dict[SpanKey, Span]:
    return {SpanKey(r["tenant_id"], r["trace_id"], r["span_id"]): span_of(r.items()) for r in rows}


def span_of(row: Iterable[tuple[str, Any]]) -> Span:
    """The span of a row's columns and their values."""
    return Span(**{RENAMED.get(k, k): v for k, v in row if v is not None and k != "tenant_id"})


async def add_content(driver: Driver, stored: dict[SpanKey, Span], keys: Collection[SpanKey]) -> None:
    """Add their content to these stored spans."""
    rows = await driver.fetch(CONTENT, *columns(keys), *_how_read(stored, keys)) if keys else []
    without_row: list[SpanKey] = []
    payloads: dict[SpanKey, Payload] = {}
    for tenant_id, trace_id, span_id, is_packed, packed, root_id, *content in rows:
        key = SpanKey(tenant_id, trace_id, span_id)
        if packed is not None:
            payloads |= unpacked(key.trace, packed, root_id, *content[:4])
        if is_packed:
            without_row.append(key)
        else:
            _put_content(stored[key], *content)
    # Where the span that would have unpacked them has a row of its own.
    left = [key for key in without_row if key not in payloads]
    payloads |= await payloads_of(driver, left) if left else {}
    for key in without_row:
        if payload := payloads.get(key):
            _put_content(stored[key], payload.input, payload.output, payload.target, payload.attributes)


def _how_read(stored: dict[SpanKey, Span], keys: Collection[SpanKey]) -> tuple[list[bool], list[bool]]:
    """Of each span whether it is a root, and whether it unpacks what is packed of its trace: the first other one."""
    roots = [stored[key].is_root for key in keys]
    others = {key.trace: key for key, is_root in zip(reversed(list(keys)), reversed(roots), strict=True) if not is_root}
    return roots, [others.get(key.trace) == key for key in keys]


def _put_content(
    span: Span,
    input_: str | None,
    output: str | None,
    target: str | None,
    attributes: str | None,
    error: str | None = None,
) -> None:
    span.input, span.output, span.target, span.error = input_, output, target, error
    if attributes is not None:
        span.attributes = msgspec.json.decode(attributes)


async def scores_of_traces(driver: Driver, keys: Collection[TraceKey]) -> dict[SpanKey, list[Score]]:
    """All scores of these traces by span, in their order within the span."""
    rows = await driver.fetch(SCORES_OF_TRACES, *columns(keys)) if keys else []
    return await beside_if_many(len(rows), _by_span, rows)


async def scores_of_spans(driver: Driver, keys: Collection[SpanKey]) -> dict[SpanKey, list[Score]]:
    """All scores of these spans, in their order."""
    return _by_span(await driver.fetch(SCORES_OF_SPANS, *columns(keys)) if keys else [])


def _by_span(rows: Any) -> dict[SpanKey, list[Score]]:
    by_span: dict[SpanKey, list[Score]] = {}
    for row in rows:
        values = dict(row)
        key = SpanKey(values.pop("tenant_id"), values.pop("trace_id"), values.pop("span_id"))
        by_span.setdefault(key, []).append(Score(**values))
    return by_span
