"""Bound predicates as SQL. They cannot fail here.

A filter only narrows: what is compiled is one condition, to be ANDed to the tenant and experiment conditions that the
caller adds outside. It reads further rows only of the same tenant and trace, and only inside EXISTS.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, assert_never

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Exists,
    FromClause,
    Integer,
    Text,
    and_,
    false,
    literal,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy import any_ as any_element

from ..domain.keys import TenantId
from ..store.tables import span_payloads, spans, traces
from .fields import FieldSpec, Scope
from .json_values import equals_json
from .kinds import KINDS
from .negation import Demand, demands
from .operators import Operator, OperatorSpec, Reads
from .predicate import Bound, Test

_ONE: ColumnElement[int] = literal_column("1")
_NOTHING: ColumnElement[int] = literal_column("0")
Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Whose rows they are, and of which columns (`FieldSpec.summary`) it is known that none of them says "differ"."""

    tenant: BindParameter[int]
    alike: frozenset[ColumnElement[bool]]


def compile_predicate(
    predicate: Bound, tenant_id: TenantId, *, alike: frozenset[ColumnElement[bool]] = frozenset()
) -> Condition:
    """The condition over a row of the table that the predicate was bound to: `traces`, or `spans` joined to
    `span_payloads`. True, or else false or null.

    It is only asked of rows for which none of the columns `alike`, second of a `FieldSpec.summary` each, holds.
    """
    return _node(predicate, _Rows(literal(tenant_id, Integer()), alike))


def _node(predicate: Bound, rows: _Rows) -> Condition:
    if isinstance(predicate, Test):
        return _test(predicate, rows)
    members = map(partial(_node, rows=rows), predicate.members)
    return and_(true(), *members) if predicate.connector == "AND" else or_(false(), *members)


def _test(test: Test, rows: _Rows) -> Condition:
    demanded = [_demand(demand, rows) for demand in demands(test)]
    return _hinted(test, demanded[0] if len(demanded) == 1 else and_(*demanded))


def _demand(demand: Demand, rows: _Rows) -> Condition:
    some = _some(demand.field, demand.operator, demand.operands, rows)
    if demand.holds:
        return some
    never_null = isinstance(some, Exists) or (demand.operator.name is Operator.EXISTS and demand.field.has is None)
    return ~some if never_null else some.is_not(true())


def hint_of(test: Test) -> Condition | None:
    """What an index can say of the test: it holds wherever the test does."""
    if test.negated or test.field.hint is None or test.operator.name is not Operator.EQUALS:
        return None
    return test.field.hint(test.operands)


def _hinted(test: Test, passes: Condition) -> Condition:
    """The test, beside what an index can say of it."""
    return passes if (hint := hint_of(test)) is None else and_(passes, hint)


def _some(field: FieldSpec, spec: OperatorSpec, operands: tuple[Any, ...], rows: _Rows) -> Condition:
    """Some value of the field passes the positive test; false or null where it has none."""
    if spec.reads is Reads.PRESENCE and field.has is not None:
        return field.has
    kind, column = field.side(spec.reads)
    type_ = KINDS[kind].sql
    if field.json is not None and spec.name is Operator.EQUALS:
        return _within(field, equals_json(field.json, operands), rows.tenant)
    within = _within(field, spec.build(column, operands, type_), rows.tenant)
    if field.summary is None:
        return within
    the_one, differ = field.summary
    of_all = spec.build(the_one, operands, type_)
    return of_all if differ in rows.alike else or_(of_all, and_(differ, within))


def _within(field: FieldSpec, passes: Condition, tenant: BindParameter[int]) -> Condition:
    """The test on whatever the scope quantifies over."""
    c = field.table.c
    match field.scope:
        case Scope.ROW:
            return passes if field.elements is None else _exists((field.elements,), passes)
        case Scope.ANY_SPAN:
            of_trace = (c.tenant_id == tenant, c.trace_id == traces.c.trace_id)
            return _exists(_sources(field), *of_trace, passes, rarely=field.summary is not None)
        case Scope.ROOT_SPAN:
            is_root = c.span_id == traces.c.root_span_id
            return _exists(_sources(field), c.tenant_id == tenant, c.trace_id == traces.c.trace_id, is_root, passes)
        case Scope.TRACE_SCORES:
            return _exists(_sources(field)[1:], _one_of_keys(field), passes)
        case Scope.SPAN_SCORES:
            same_span = (c.trace_id == spans.c.trace_id, c.span_id == spans.c.span_id)
            counts = true() if field.only is None else field.only
            return _exists(_sources(field), c.tenant_id == tenant, *same_span, _one_of_keys(field), counts, passes)
        case _ as unreachable:
            assert_never(unreachable)


def _sources(field: FieldSpec) -> tuple[FromClause, ...]:
    return (field.table,) if field.elements is None else (field.table, field.elements)


def _one_of_keys(field: FieldSpec) -> Condition:
    """Scores are there exactly where their evaluator's key is."""
    _, key = field.side(Reads.PRESENCE)
    return key == any_element(literal(sorted(field.keys), ARRAY(Text())))


def _exists(sources: tuple[FromClause, ...], *conditions: Condition, rarely: bool = False) -> Exists:
    """Whatever is not among the sources belongs to the row outside.

    Where it is `rarely` asked, an offset keeps PostgreSQL from reading all spans beforehand to answer for a few rows.
    """
    outside = {traces, spans, span_payloads} - set(sources)
    found = select(_ONE).select_from(*sources).where(*conditions).correlate(*outside)
    return (found.offset(_NOTHING) if rarely else found).exists()
