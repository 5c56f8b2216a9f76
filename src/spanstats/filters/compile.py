"""Bound predicates as SQL: the back end for rows, beside that for columns in chunks (`columnar/predicate.py`).

A filter only narrows: what is compiled is one condition, to be ANDed to the tenant and experiment conditions that the
caller adds outside. It reads further rows only of the same tenant and trace, and only inside EXISTS. It cannot fail
here; only a regular expression can be refused by the database (`patterns.py`).
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, assert_never

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Exists,
    FromClause,
    Integer,
    ScalarSelect,
    Table,
    and_,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)

from ..domain.keys import TenantId
from ..store.sql_types import SqlCondition, SqlValue
from ..store.tables import digest_in, every_span, packed_payloads, scores, span_payloads, traces
from . import scores_sql
from .containment import contains_equal
from .field_types import FIELD_TYPES, FieldType
from .fields import (
    MemberField,
    Members,
    Mixed,
    Plain,
    Quantifier,
    RowField,
    SpanField,
    SpanScores,
    TraceScores,
    UniformField,
    Value,
    compared,
)
from .json_values import equals_json
from .many_traces import AnySpan
from .negation import Demand, demands
from .operators import Operator, OperatorSpec, Reads
from .predicate import Bound, Test

_ONE: ColumnElement[int] = literal_column("1")
_NOTHING: ColumnElement[int] = literal_column("0")


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is known of the rows that are asked. `narrowed` are those for which an inclusive condition holds."""

    tenant: BindParameter[int]
    uniform: bool
    by_index: bool
    narrowed: bool = False


def compile_predicate(
    predicate: Bound, tenant_id: TenantId, *, uniform: bool = False, by_index: bool = True
) -> SqlCondition:
    """The condition over a row of the table that the predicate was bound to: `traces`, or `spans` joined to
    `span_payloads`. True, or else false or null.

    Where `uniform`, it is only asked of traces for which no `UniformField` differs. Without `by_index` nothing is added
    for an index of metadata.
    """
    return _node(predicate, _Rows(literal(tenant_id, Integer()), uniform, by_index))


def _node(predicate: Bound, rows: _Rows) -> SqlCondition:
    if isinstance(predicate, Test):
        return _test(predicate, rows)
    members = map(partial(_node, rows=rows), predicate.members)
    return and_(true(), *members) if predicate.connector == "AND" else or_(false(), *members)


def _test(test: Test, rows: _Rows) -> SqlCondition:
    """The test, and beside it the inclusive condition that an index answers."""
    inclusive = inclusive_condition(test) if rows.by_index else None
    rows = rows if inclusive is None else replace(rows, narrowed=True)
    demanded = [_demand(demand, rows) for demand in demands(test)]
    exact = demanded[0] if len(demanded) == 1 else and_(*demanded)
    return exact if inclusive is None else and_(exact, inclusive)


def inclusive_condition(test: Test) -> SqlCondition | None:
    """A condition that an index answers: it holds wherever the test does, and perhaps elsewhere. Else `None`."""
    field = test.field.in_trace if isinstance(test.field, SpanField) else test.field
    if not isinstance(field, MemberField) or not field.is_indexed:
        return None
    if test.negated or test.operator.name is not Operator.EQUALS:
        return None
    return contains_equal(field.container, field.key, test.operands)


def _demand(demand: Demand, rows: _Rows) -> SqlCondition:
    some = _some(demand, rows)
    if demand.holds:
        return some
    is_presence = demand.operator.name is Operator.EXISTS and not isinstance(demand.field, TraceScores)
    never_null = isinstance(some, Exists) or is_presence
    return ~some if never_null else some.is_not(true())


def _some(demand: Demand, rows: _Rows) -> SqlCondition:
    """Some value of the field passes the positive test; false or null where it has none."""
    field, operator, operands = demand.field, demand.operator, demand.operands
    match field:
        case RowField() | MemberField():
            passes = _passes(field.value, operator, operands, rows)
            return passes if not isinstance(field.value, Members) else _exists(_sources(field.value), passes)
        case SpanField(quantifier=Quantifier.ANY_SPAN):
            passes = _passes(field.value, operator, operands, rows)
            return _any_span(field.table, field.value, passes, rows, by_id=_is_by_id(field.value, operator))
        case SpanField(packed=Plain() | Mixed() | Members() as packed):
            # To look up the second only where there is no first takes less time than their union.
            own = _of_root(span_payloads, span_payloads.c.span_id, field.value, demand, rows)
            return func.coalesce(
                own, _of_root(packed_payloads, packed_payloads.c.root_id, packed, demand, rows), false()
            )
        case SpanField():
            is_root = field.table.c.span_id == traces.c.root_span_id
            passes = _passes(field.value, operator, operands, rows)
            return _exists(_sources(field.value, field.table), *_of_trace(field.table, rows), is_root, passes)
        case UniformField():
            return _uniform(field, operator, operands, rows)
        case TraceScores():
            return _trace_scores(field, operator, operands)
        case SpanScores():
            return _span_scores(field, operator, operands, rows)
        case _ as unreachable:
            assert_never(unreachable)


def _passes(value: Value, operator: OperatorSpec, operands: tuple[Any, ...], rows: _Rows) -> SqlCondition:
    """The test of one value."""
    if isinstance(value, Mixed) and value.document is not None and operator.name is Operator.EQUALS:
        return equals_json(value.document, value.column, operands, narrowed=rows.narrowed)
    type_, column = compared(value, operator.reads is Reads.NUMBER)
    passes = operator.build(column, operands, FIELD_TYPES[type_].sql)
    return and_(passes, digest_in(operands, rows.tenant)) if _is_by_id(value, operator) else passes


def _is_by_id(value: Value, operator: OperatorSpec) -> bool:
    """Whether an index of their ids leads to the spans with this value."""
    is_id = isinstance(value, Plain) and value.column is every_span.c.span_id
    return is_id and operator.name is Operator.EQUALS


def _of_root(table: Table, span_id: SqlValue, value: Value, demand: Demand, rows: _Rows) -> ScalarSelect[bool]:
    """Whether the value of the root's row in this table passes the positive test; null where there is no row."""
    passes = _passes(value, demand.operator, demand.operands, rows)
    some = _exists(_sources(value), passes) if isinstance(value, Members) else func.coalesce(passes, false())
    of_root = *_of_trace(table, rows), span_id == traces.c.root_span_id
    return select(some).select_from(table).where(*of_root).correlate(traces).scalar_subquery()


def _uniform(field: UniformField, operator: OperatorSpec, operands: tuple[Any, ...], rows: _Rows) -> SqlCondition:
    of_all = operator.build(field.of_trace, operands, FIELD_TYPES[field.type].sql)
    if rows.uniform:
        return of_all
    passes = _passes(field.value, operator, operands, rows)
    return or_(of_all, and_(field.differs, _any_span(field.table, field.value, passes, rows, rarely=True)))


def _any_span(table: Table, value: Value, passes: SqlCondition, rows: _Rows, **how: bool) -> SqlCondition:
    return _exists(_sources(value, table), *_of_trace(table, rows), passes, **how)


def _of_trace(table: Table, rows: _Rows) -> tuple[SqlCondition, SqlCondition]:
    return table.c.tenant_id == rows.tenant, table.c.trace_id == traces.c.trace_id


def _trace_scores(field: TraceScores, operator: OperatorSpec, operands: tuple[Any, ...]) -> SqlCondition:
    if operator.reads is Reads.PRESENCE:
        return scores_sql.trace_has(field.keys)
    type_, each = FIELD_TYPES[FieldType.SCORE].sql, scores_sql.OF_TRACE
    passes = operator.build(each.c.value, operands, type_)
    some = _exists((each,), scores_sql.one_of(each.c.key, field.keys), passes)
    if len(field.keys) > 1:
        return some
    first, has_more = scores_sql.first_of_trace(*field.keys)
    return or_(operator.build(first, operands, type_), and_(has_more, some))


def _span_scores(field: SpanScores, operator: OperatorSpec, operands: tuple[Any, ...], rows: _Rows) -> SqlCondition:
    c = scores.c
    of_span = (c.tenant_id == rows.tenant, c.trace_id == every_span.c.trace_id, c.span_id == every_span.c.span_id)
    # A text score has no number, but it is there.
    column = c.evaluator_key if operator.reads is Reads.PRESENCE else c.value
    passes = operator.build(column, operands, FIELD_TYPES[FieldType.REAL].sql)
    return _exists((scores,), *of_span, scores_sql.one_of(c.evaluator_key, field.keys), scores_sql.COUNTS, passes)


def _sources(value: Value, *tables: Table) -> tuple[FromClause, ...]:
    return (*tables, value.rows) if isinstance(value, Members) else tables


def _exists(
    sources: tuple[FromClause, ...], *conditions: SqlCondition, rarely: bool = False, by_id: bool = False
) -> Exists:
    """A row of the sources for which all conditions hold. Other tables belong to the row outside.

    `by_id`: among the sources are spans, to which an index of ids leads. Where it is `rarely` asked, an offset keeps
    PostgreSQL from reading all spans beforehand to answer for a few rows.
    """
    outside = {traces, every_span, span_payloads, packed_payloads} - set(sources)
    selected = select(_ONE).select_from(*sources).where(*conditions).correlate(*outside)
    rows = selected.offset(_NOTHING) if rarely else selected
    return AnySpan(rows, by_id) if every_span in sources else rows.exists()
