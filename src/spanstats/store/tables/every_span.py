"""The union of the two tables that spans are in because packed traces have tables of their own.

Spans are in `packed_spans` or in `spans`. PostgreSQL plans the union as one table with two parts, each with its own
indexes. It is no view: a view has to be created again with every column that is added.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Integer, MetaData, Table, Text, and_, cast, func, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler

from .span_tables import USUAL, spans

_NAMES = [column.name for column in spans.columns]
_KEY = ("tenant_id", "trace_id", "span_id")


def as_in_spans(names: Iterable[str]) -> str:
    """These columns of packed spans, with the values that they have in `spans`."""
    return ", ".join(f"coalesce({name}, {USUAL[name]}) AS {name}" if name in USUAL else name for name in names)


def every_span_with(*names: str) -> str:
    """What a statement reads these columns of spans from in the stead of `spans`; it needs a name behind it.

    It has tenant, trace and span id beside them. PostgreSQL plans a statement faster the fewer columns it names.
    """
    needed = list(dict.fromkeys((*_KEY, *names)))
    return f"(SELECT {', '.join(needed)} FROM {spans.name} UNION ALL SELECT {as_in_spans(needed)} FROM packed_spans)"


class _Union(Table):
    """A table by its name where columns are named, the union where rows are read."""

    inherit_cache = True


every_span: Table = _Union(
    "every_span", MetaData(), *(Column(c.name, c.type, nullable=c.nullable) for c in spans.columns)
)
"""As a table to select from, with the columns of `spans`."""


def has_span_id(tenant_id: int, span_id: str) -> ColumnElement[bool]:
    """The condition that `every_span` is the tenant's span with this id, as indexes of both tables answer it."""
    of_tenant = literal(tenant_id, Integer())
    return and_(every_span.c.tenant_id == of_tenant, every_span.c.span_id == span_id, digest_in([span_id], of_tenant))


def digest_in(span_ids: Sequence[str], tenant_id: ColumnElement[int]) -> ColumnElement[bool]:
    """A condition that the index of packed spans answers: it holds for the tenant's spans with these ids."""
    tenant = cast(tenant_id, BigInteger())
    return _DIGEST.in_([func.hashtextextended(literal(span_id, Text()), tenant) for span_id in span_ids])


_DIGEST: ColumnElement[int] = func.hashtextextended(every_span.c.span_id, cast(every_span.c.tenant_id, BigInteger()))


@compiles(_Union)
def _union_sql(table: _Union, compiler: SQLCompiler, *, asfrom: bool = False, **_: Any) -> str:
    if not asfrom:
        return table.name
    return f"{every_span_with(*_named(compiler))} AS {table.name}"


def _named(compiler: SQLCompiler) -> list[str]:
    """The columns of `every_span` that the statement names."""
    statement = compiler.statement
    if statement is None:
        return _NAMES
    names = {e.name for e in visitors.iterate(statement) if isinstance(e, Column) and e.table is every_span}
    return [name for name in _NAMES if name in names]
