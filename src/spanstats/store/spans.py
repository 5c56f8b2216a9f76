"""Stored spans as `Span` values, read within an open transaction."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import LargeBinary

from ..domain.keys import SpanKey, TraceKey
from ..domain.span import Score, Span
from ..threads import beside_if_many
from .by_key import SPAN_KEYS, TRACE_KEYS, row_of_span, rows_of_tenant
from .session import Driver
from .tables import spans as spans_table

RENAMED = {"start_time": "start_us", "end_time": "end_us", "received_at": "received_us"}
"""Columns that are named for the database's type where the attribute is named for its unit."""

SPAN_LIST = ", ".join(
    f"encode(s.{c.name}, 'hex') AS {c.name}" if isinstance(c.type, LargeBinary) else f"s.{c.name}"
    for c in spans_table.columns
)
SPANS_OF_TRACES = f"""
SELECT {SPAN_LIST}, p.labels, p.metadata FROM {TRACE_KEYS}
CROSS JOIN {rows_of_tenant("span_payloads", "trace_id", "k.trace_id")} p CROSS JOIN {row_of_span("spans", key="p")} s
"""

_SPANS_BY_KEY = f"""
SELECT {SPAN_LIST}, p.labels, p.metadata FROM {SPAN_KEYS}
CROSS JOIN {row_of_span("spans")} s CROSS JOIN {row_of_span("span_payloads")} p
"""

CONTENT = f"""
SELECT p.tenant_id, p.trace_id, p.span_id, p.input::text, p.output::text, p.target::text, p.error, p.attributes
FROM {SPAN_KEYS} CROSS JOIN {row_of_span("span_payloads")} p
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

_SCORES_OF_SPANS = f"""
SELECT {_SCORE_LIST} FROM {SPAN_KEYS}
JOIN scores s ON s.tenant_id = k.tenant_id AND s.trace_id = k.trace_id AND s.span_id = k.span_id {_SCORE_ORDER}
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
    rows = await driver.fetch(_SPANS_BY_KEY, *columns(keys)) if keys else []
    return await beside_if_many(len(rows), _spans_by_key, rows)


def _spans_by_key(rows: Iterable[Any]) -> dict[SpanKey, Span]:
    return {SpanKey(r["tenant_id"], r["trace_id"], r["span_id"]): span_of(r.items()) for r in rows}


def span_of(row: Iterable[tuple[str, Any]]) -> Span:
    """The span of a row's columns and their values."""
    return Span(**{RENAMED.get(k, k): v for k, v in row if v is not None and k != "tenant_id"})


async def add_content(driver: Driver, stored: dict[SpanKey, Span], keys: Collection[SpanKey]) -> None:
    """Add their content to these stored spans."""
    for row in await driver.fetch(CONTENT, *columns(keys)) if keys else []:
        span = stored[SpanKey(row["tenant_id"], row["trace_id"], row["span_id"])]
        for name in ("input", "output", "target", "error"):
            setattr(span, name, row[name])
        if row["attributes"] is not None:
            span.attributes = row["attributes"]


async def scores_of_traces(driver: Driver, keys: Collection[TraceKey]) -> dict[SpanKey, list[Score]]:
    """All scores of these traces by span, in their order within the span."""
    rows = await driver.fetch(SCORES_OF_TRACES, *columns(keys)) if keys else []
    return await beside_if_many(len(rows), _by_span, rows)


async def scores_of_spans(driver: Driver, keys: Collection[SpanKey]) -> dict[SpanKey, list[Score]]:
    """All scores of these spans, in their order."""
    return _by_span(await driver.fetch(_SCORES_OF_SPANS, *columns(keys)) if keys else [])


def _by_span(rows: Any) -> dict[SpanKey, list[Score]]:
    found: dict[SpanKey, list[Score]] = {}
    for row in rows:
        values = dict(row)
        key = SpanKey(values.pop("tenant_id"), values.pop("trace_id"), values.pop("span_id"))
        found.setdefault(key, []).append(Score(**values))
    return found
