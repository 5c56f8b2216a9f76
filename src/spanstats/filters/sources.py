"""What must be joined for a condition over spans: their payloads only where something looks at them."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, FromClause, and_
from sqlalchemy.sql import visitors

from ..store.tables import span_payloads, spans

_JOINED = spans.join(
    span_payloads,
    and_(
        spans.c.tenant_id == span_payloads.c.tenant_id,
        spans.c.trace_id == span_payloads.c.trace_id,
        spans.c.span_id == span_payloads.c.span_id,
    ),
)


def spans_source(where: Iterable[ColumnElement[bool]]) -> FromClause:
    """`spans`, joined to `span_payloads` where a condition needs that."""
    looked_at = (getattr(element, "table", None) for condition in where for element in visitors.iterate(condition))
    return _JOINED if any(table is span_payloads for table in looked_at) else spans
