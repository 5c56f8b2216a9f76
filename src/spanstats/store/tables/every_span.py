"""The unions of what is in two tables because packed traces have tables of their own.

Spans are in `packed_spans` or in `spans`; payloads of roots are in `packed_payloads` or in `span_payloads`. PostgreSQL
plans such a union as one table with two parts, each with its own indexes. It is no view: a view has to be created again
with every column that is added.
"""

from typing import Any

from sqlalchemy import Column, MetaData, Table
from sqlalchemy.ext.compiler import compiles

from .span_tables import packed_payloads, packed_spans, span_payloads, spans

_LIST = ", ".join(column.name for column in spans.columns)

EVERY_SPAN = f"(SELECT {_LIST} FROM {spans.name} UNION ALL SELECT {_LIST} FROM {packed_spans.name})"
"""What a statement reads from in the stead of `spans`; it needs a name behind it."""

_PAYLOAD = ", ".join(column.name for column in span_payloads.columns)
# Without a condition, which would keep PostgreSQL from looking up single rows: where the root has none, its id is null.
_ROOT_PAYLOAD = f"""
(SELECT {_PAYLOAD} FROM {span_payloads.name}
UNION ALL SELECT tenant_id, trace_id, root_id, root_input, root_output, root_target, NULL::text COLLATE "C", metadata,
    labels, root_attributes FROM {packed_payloads.name})
"""


class _Union(Table):
    """A table by its name where columns are named, the union where rows are read."""

    inherit_cache = True


def _like(table: Table, name: str) -> Table:
    return _Union(name, MetaData(), *(Column(c.name, c.type, nullable=c.nullable) for c in table.columns))


every_span = _like(spans, "every_span")
"""As a table to select from, with the columns of `spans`."""

root_payloads = _like(span_payloads, "root_payloads")
"""The payloads of spans that have a row of their own, and of all roots, with the columns of `span_payloads`."""

_ROWS = {every_span.name: EVERY_SPAN, root_payloads.name: _ROOT_PAYLOAD}


@compiles(_Union)
def _union_sql(table: _Union, _compiler: object, *, asfrom: bool = False, **_: Any) -> str:
    return f"{_ROWS[table.name]} AS {table.name}" if asfrom else table.name
