"""What rows are read for conditions over spans: those of payloads only where a condition looks at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Table, and_, cast, exists, literal_column, null
from sqlalchemy.sql import visitors

from ..domain.keys import TenantId
from ..store.sql_types import SqlCondition
from ..store.tables import every_span, packed_payloads, span_payloads


@dataclass(frozen=True, slots=True)
class SpanRows:
    """Some of the spans for which conditions hold: all rows of `source` that meet `where`. `keys` has their keys."""

    source: FromClause
    where: list[SqlCondition]
    keys: Table = every_span


@dataclass(frozen=True, slots=True)
class SpansMatching:
    """The spans for which conditions over `spans` and `span_payloads` hold; none is in two of `parts`.

    `payloads` are the payloads of the first part, where no condition looks at the spans themselves: every payload is of
    a span, so what reads keys alone need not read spans.
    """

    parts: list[SpanRows]
    payloads: SpanRows | None = None

    @property
    def keys(self) -> list[SpanRows]:
        """The same for what reads keys alone."""
        return self.parts if self.payloads is None else [self.payloads, *self.parts[1:]]


def _same(table: Table, *names: str) -> SqlCondition:
    return and_(*(every_span.c[name] == table.c[name] for name in names))


_SAME_SPAN = _same(span_payloads, "tenant_id", "trace_id", "span_id")
_WITH_PAYLOADS = every_span.join(span_payloads, _SAME_SPAN)
_PACKED = every_span.join(packed_payloads, _same(packed_payloads, "tenant_id", "trace_id"))
_IS_PACKED = ~exists(literal_column("1")).where(_SAME_SPAN).correlate(every_span)
OF_PACKED = {
    column: packed_payloads.c[column.name] if column.name in packed_payloads.c else cast(null(), column.type)
    for column in span_payloads.c
    if column.name not in every_span.c
}
"""What packed payloads have for each column of payloads: the same for all spans of a trace, or null."""


def spans_matching(tenant_id: TenantId, where: Sequence[SqlCondition]) -> SpansMatching:
    """The tenant's spans for which the conditions hold."""
    of_tenant = every_span.c.tenant_id == tenant_id
    tables = {e.table for condition in where for e in visitors.iterate(condition) if isinstance(e, Column)}
    if span_payloads not in tables:
        return SpansMatching([SpanRows(every_span, [of_tenant, *where])])
    of_packed = [adapted(condition, OF_PACKED) for condition in where]
    parts = SpanRows(_WITH_PAYLOADS, [of_tenant, *where]), SpanRows(_PACKED, [_IS_PACKED, of_tenant, *of_packed])
    payloads = SpanRows(span_payloads, [span_payloads.c.tenant_id == tenant_id, *where], span_payloads)
    return SpansMatching([*parts], None if every_span in tables else payloads)


def adapted(expression: Any, columns: Mapping[Any, ColumnElement[Any]]) -> Any:
    """The expression with other columns for these."""

    def replaced(element: Any, **_: Any) -> ColumnElement[Any] | None:
        return columns.get(element) if isinstance(element, Column) else None

    return visitors.replacement_traverse(expression, {}, replaced)
