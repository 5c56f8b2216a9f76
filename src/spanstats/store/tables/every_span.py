"""The union of the spans of packed traces (`packed_spans`) and of all other traces (`spans`).

PostgreSQL plans such a union as one table with two parts, each with its own indexes. It is no view: a view has to be
created again with every column that is added.
"""

from typing import Any

from sqlalchemy import Column, MetaData, Table
from sqlalchemy.ext.compiler import compiles

from .span_tables import packed_spans, spans

_LIST = ", ".join(column.name for column in spans.columns)

EVERY_SPAN = f"(SELECT {_LIST} FROM {spans.name} UNION ALL SELECT {_LIST} FROM {packed_spans.name})"
"""What a statement reads from in the stead of `spans`; it needs a name behind it."""


class _Union(Table):
    """A table by its name where columns are named, the union where rows are read."""

    inherit_cache = True


@compiles(_Union)
def _union_sql(table: _Union, _compiler: object, *, asfrom: bool = False, **_: Any) -> str:
    return f"{EVERY_SPAN} AS {table.name}" if asfrom else table.name


every_span = _Union("every_span", MetaData(), *(Column(c.name, c.type, nullable=c.nullable) for c in spans.columns))
"""As a table to select from, with the columns of `spans`."""
