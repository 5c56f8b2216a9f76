"""A predicate over traces as disjuncts, so that an index of traces answers as much of each as it can."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, assert_never

from sqlalchemy import ColumnElement, and_, or_, true

from ..domain.keys import TenantId
from ..store.sql_types import SqlCondition
from ..store.tables import MEASURED, traces
from .compile import compile_predicate, inclusive_condition
from .field_types import FIELD_TYPES
from .fields import MemberField, RowField, SpanField, SpanScores, TraceScores, UniformField, compared
from .operators import OPERATORS, Operator, Reads
from .predicate import Bound, Junction, Test, each_test


@dataclass(frozen=True, slots=True)
class Filter:
    """A predicate of a tenant, compiled: it holds for a trace where one of the `disjuncts` does, and two never do.

    All `inclusive` conditions hold wherever the predicate does, and an index answers each of them.
    """

    predicate: Bound
    tenant_id: TenantId
    disjuncts: list[SqlCondition]
    inclusive: tuple[SqlCondition, ...] = ()


@dataclass(frozen=True, slots=True)
class _Compiling:
    tenant_id: TenantId
    by_index: bool

    def exact(self, predicate: Bound) -> SqlCondition:
        """Over traces for which no uniform field differs."""
        return compile_predicate(predicate, self.tenant_id, uniform=True, by_index=self.by_index)


def compile_filter(predicate: Bound, tenant_id: TenantId) -> Filter:
    """The predicate over `traces`."""
    return Filter(predicate, tenant_id, compile_disjuncts(predicate, tenant_id), tuple(_inclusive(predicate)))


def _inclusive(predicate: Bound) -> Iterator[SqlCondition]:
    for test in _conjuncts(predicate):
        if isinstance(test, Test) and (condition := inclusive_condition(test)) is not None:
            yield condition


def _conjuncts(predicate: Bound) -> tuple[Bound, ...]:
    """Members that must all hold."""
    is_and = isinstance(predicate, Junction) and predicate.connector == "AND"
    return predicate.members if isinstance(predicate, Junction) and is_and else (predicate,)


def compile_disjuncts(predicate: Bound, tenant_id: TenantId, *, by_index: bool = True) -> list[SqlCondition]:
    """Conditions over `traces` of which one holds for a row exactly where the predicate does, and never two.

    The first is about traces whose own columns decide; a second one, if it is needed, about traces whose spans differ.
    Without `by_index` nothing is added for an index of metadata.
    """
    compiling = _Compiling(tenant_id, by_index)
    differ = frozenset(t.field.differs for t in each_test(predicate) if isinstance(t.field, UniformField))
    uniform = and_(_for_one_key(predicate, compiling), *(_not_looked_up(~column) for column in differ))
    if not differ:
        return [uniform]
    return [uniform, and_(or_(*differ), compile_predicate(predicate, tenant_id, by_index=by_index))]


def _for_one_key(predicate: Bound, compiling: _Compiling) -> SqlCondition:
    """At most one comparison is left for the index to look up; the others are made on the rows that it finds.

    One comparison spares the rows for which it does not hold, and costs nothing where it does. A second one makes
    PostgreSQL 18 try to skip from value to value, which takes as long as the rest of the scan where most rows match.
    """
    members = _conjuncts(predicate)
    best = min(members, key=_fitness, default=None)
    key = best if isinstance(best, Test) and _fitness(best) is not _Fitness.NONE else None
    looked_up = [] if key is None else _by_key(key, compiling)
    return and_(true(), *looked_up, *(_beside_key(m, compiling) for m in members if m is not key))


class _Fitness(IntEnum):
    """How fit a member is to be looked up. The fewer rows it is likely to leave, the better; the best comes first."""

    EQUALITY = 0
    ORDER = 1
    NONE = 2


def _fitness(member: Bound) -> _Fitness:
    if not isinstance(member, Test) or member.negated or not member.operands or _column(member) not in _KEYS:
        return _Fitness.NONE
    if member.operator.name is Operator.EQUALS:
        return _Fitness.EQUALITY
    return _Fitness.ORDER if member.operator.reads is Reads.NUMBER else _Fitness.NONE


# The start comes right after the experiment in the index: to bound it costs nothing.
_KEYS = frozenset(next(i for i in traces.indexes if i.name == MEASURED).columns) - {traces.c.start_time}


def _by_key(test: Test, compiling: _Compiling) -> list[SqlCondition]:
    """The test; of several values their range is looked up, as each would be with a scan of its own."""
    exact, column = compiling.exact(test), _column(test)
    if test.operator.name is not Operator.EQUALS or len(test.operands) == 1 or column is None:
        return [exact]
    ends = min(test.operands), max(test.operands)
    return [OPERATORS[Operator.BETWEEN].build(column, ends, FIELD_TYPES[test.field.type].sql), _not_looked_up(exact)]


def _beside_key(member: Bound, compiling: _Compiling) -> SqlCondition:
    """A bound of the start, and what another index answers, may be looked up besides."""
    condition = compiling.exact(member)
    return condition if _may_be_looked_up(member, compiling) else _not_looked_up(condition)


def _may_be_looked_up(member: Bound, compiling: _Compiling) -> bool:
    if not isinstance(member, Test) or member.negated:
        return False
    has_index = isinstance(member.field, MemberField) and member.field.is_indexed
    return (has_index and compiling.by_index) or _column(member) is traces.c.start_time


def _column(test: Test) -> ColumnElement[Any] | None:
    """The column of `traces` that is compared where no uniform field differs; `None` where none is."""
    match test.field:
        case RowField() | MemberField():
            return compared(test.field.value, test.operator.reads is Reads.NUMBER)[1]
        case UniformField():
            return test.field.of_trace
        case SpanField() | TraceScores() | SpanScores():
            return None
        case _ as unreachable:
            assert_never(unreachable)


def _not_looked_up(condition: SqlCondition) -> SqlCondition:
    """The same condition in a form that no index has."""
    return condition.is_(true())
