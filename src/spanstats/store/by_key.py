"""SQL fragments by which a statement that is planned once finds rows by their key, with any statistics of the table.

In a table of a few hundred rows any index that begins with the tenant looks as good to the planner as the key itself.
Such a plan reads the whole tenant once the table has grown. So each key is looked up on its own (`LATERAL`, `OFFSET
0`), and its rows are read in an order that only one index has: a transaction that avoids sorting (`Kind.INGEST`,
`Kind.KEYS`) can use no other index. The key is a range of one value, because an order by a constant would be dropped.
"""

from .tables import as_in_spans

_DIGEST = "hashtextextended(span_id, tenant_id::bigint)"

TRACE_KEYS = "unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)"
SPAN_KEYS = "unnest($1::int[], $2::text[], $3::text[]) AS k(tenant_id, trace_id, span_id)"


def rows_of_tenant(table: str, column: str, value: str, columns: str = "*", rest: str = "", lock: str = "") -> str:
    """The rows of `k.tenant_id` that have this value, by the index on tenant and column."""
    condition = f"tenant_id = k.tenant_id AND {column} BETWEEN {value} AND {value} {rest}"
    return f"LATERAL (SELECT {columns} FROM {table} WHERE {condition} ORDER BY {column} OFFSET 0 {lock})"


def row_of_span(table: str, columns: str = "*", key: str = "k", rest: str = "") -> str:
    """The rows of the span with the three columns of this key, by the primary key."""
    columns_of_key, values = "(trace_id, span_id)", f"({key}.trace_id, {key}.span_id)"
    condition = f"tenant_id = {key}.tenant_id AND {columns_of_key} >= {values} AND {columns_of_key} <= {values} {rest}"
    return f"LATERAL (SELECT {columns} FROM {table} WHERE {condition} ORDER BY trace_id, span_id OFFSET 0)"


def spans_of_tenant(column: str, value: str, columns: str, rest: str = "") -> str:
    """The spans of `k.tenant_id` that have this value, of packed traces and of others; the columns by their names."""
    packed = _packed_span(value, columns, rest) if column == "span_id" else ""
    return _both(
        rows_of_tenant("spans", column, value, columns, rest),
        packed or rows_of_tenant("packed_spans", column, value, _packed_columns(columns), rest),
    )


def _packed_span(span_id: str, columns: str, rest: str) -> str:
    """The packed spans of `k.tenant_id` with this id, by the index of digests."""
    digest = f"hashtextextended({span_id}, k.tenant_id::bigint)"
    condition = f"tenant_id = k.tenant_id AND span_id = {span_id} AND {_DIGEST} BETWEEN {digest} AND {digest} {rest}"
    return (
        f"LATERAL (SELECT {_packed_columns(columns)} FROM packed_spans WHERE {condition} ORDER BY {_DIGEST} OFFSET 0)"
    )


def _packed_columns(columns: str) -> str:
    return as_in_spans(columns.split(", "))


def has_id(tenant_id: str, span_id: str) -> str:
    """The condition that `s`, a span of any trace, has this id, as indexes of both tables answer it."""
    digest = f"hashtextextended({span_id}, {tenant_id}::int::bigint)"
    same = "hashtextextended(s.span_id, s.tenant_id::bigint)"
    return f"(s.tenant_id = {tenant_id} AND s.span_id = {span_id} AND {same} = {digest})"


def span_of_key(columns: str) -> str:
    """The span with the key `k`, of a packed trace or of another."""
    of_packed = rows_of_tenant(
        "packed_spans", "trace_id", "k.trace_id", _packed_columns(columns), "AND span_id = k.span_id"
    )
    return _both(row_of_span("spans", columns), of_packed)


def _both(first: str, second: str) -> str:
    return f"LATERAL ({first.removeprefix('LATERAL ')} UNION ALL {second.removeprefix('LATERAL ')})"


def packed_content(span: str = "k", payload: str = "p") -> str:
    """What is packed of a span that has no row in `span_payloads`: of a root its payload, which has columns, of a span
    that `unpacks` those of its whole trace."""
    of_root = f"{span}.is_root AND root_id = {span}.span_id"
    columns = "root_id, root_input, root_output, root_target, root_attributes"
    condition = f"tenant_id = {span}.tenant_id AND trace_id = {span}.trace_id AND {payload}.span_id IS NULL"
    return (
        f"LATERAL (SELECT {columns}, CASE WHEN {span}.unpacks THEN packed END AS packed FROM packed_payloads "
        f"WHERE {condition} AND ({span}.unpacks OR {of_root}) OFFSET 0)"
    )


def packed_with(span: str = "s", payload: str = "p") -> str:
    """The packed payloads that that of a span is among, looked for only where it has no row in `span_payloads`."""
    condition = f"tenant_id = {span}.tenant_id AND trace_id = {span}.trace_id AND {payload}.span_id IS NULL"
    return f"LATERAL (SELECT metadata, labels FROM packed_payloads WHERE {condition} OFFSET 0)"
