"""A predicate over traces in parts, each of which an index of traces can answer for as far as that goes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, and_, or_, true

from ..domain.keys import TenantId
from ..store.tables import MEASURED, traces
from .compile import Condition, compile_predicate, hint_of
from .kinds import KINDS
from .operators import OPERATORS, Operator, Reads
from .predicate import Bound, Junction, Test, each_test

Columns: TypeAlias = frozenset[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Filter:
    """A predicate of a tenant, ready to be asked: it holds for a trace where one of the `parts` does, and never two do.
    `hints` all hold wherever the predicate does, and an index has them."""

    predicate: Bound
    tenant_id: TenantId
    parts: list[Condition]
    hints: tuple[Condition, ...] = ()


def compile_filter(predicate: Bound, tenant_id: TenantId) -> Filter:
    """The predicate over `traces`."""
    return Filter(predicate, tenant_id, compile_parts(predicate, tenant_id), tuple(_hints(predicate)))


def without_hints(predicate: Bound) -> Bound:
    """The same predicate, in which nothing is for another index to look up."""
    if isinstance(predicate, Test):
        return replace(predicate, field=replace(predicate.field, hint=None))
    return Junction(predicate.connector, tuple(map(without_hints, predicate.members)))


def _hints(predicate: Bound) -> Iterator[Condition]:
    for test in _conjuncts(predicate):
        if isinstance(test, Test) and (hint := hint_of(test)) is not None:
            yield hint


def _conjuncts(predicate: Bound) -> tuple[Bound, ...]:
    """Members that must all hold."""
    is_and = isinstance(predicate, Junction) and predicate.connector == "AND"
    return predicate.members if isinstance(predicate, Junction) and is_and else (predicate,)


def compile_parts(predicate: Bound, tenant_id: TenantId) -> list[Condition]:
    """Conditions over `traces` of which one holds for a row exactly where the predicate does, and never two.

    The first asks traces whose own columns say it all; a second one, if there is need of it, those whose spans differ.
    """
    summaries = (t.field.summary for t in each_test(predicate) if t.field.summary is not None)
    differ = frozenset(column for _, column in summaries if column in _KEYS)
    alike = and_(_for_one_key(predicate, tenant_id, differ), *(_not_looked_up(~column) for column in differ))
    return [alike, and_(or_(*differ), compile_predicate(predicate, tenant_id))] if differ else [alike]


def _for_one_key(predicate: Bound, tenant_id: TenantId, differ: Columns) -> Condition:
    """One comparison at most is left for the index to look up, the others are made on what comes out of it.

    One spares the rows for which it does not hold, and costs nothing where it does. A second one makes PostgreSQL 18
    try to skip from value to value, which takes as long as the rest of the scan where most rows match.
    """
    members = _conjuncts(predicate)
    best = min(members, key=_fitness, default=None)
    key = best if isinstance(best, Test) and _fitness(best) is not _Fitness.NONE else None
    looked_up = [] if key is None else _by_key(key, tenant_id, differ)
    return and_(true(), *looked_up, *(_beside_key(m, tenant_id, differ) for m in members if m is not key))


class _Fitness(IntEnum):
    """How fit a member is to be looked up: the fewer rows it is likely to leave the better, and these come first."""

    EQUALITY = 0
    ORDER = 1
    NONE = 2


def _fitness(member: Bound) -> _Fitness:
    if not isinstance(member, Test) or member.negated or not member.operands or _column(member) not in _KEYS:
        return _Fitness.NONE
    if member.operator.name is Operator.EQUALS:
        return _Fitness.EQUALITY
    return _Fitness.ORDER if member.operator.reads is Reads.NUMBER else _Fitness.NONE


# The start comes right after the experiment: to bound it costs nothing.
_KEYS = frozenset(next(i for i in traces.indexes if i.name == MEASURED).columns) - {traces.c.start_time}


def _by_key(test: Test, tenant_id: TenantId, differ: Columns) -> list[Condition]:
    """The test; of several values their range is looked up, as each would be with a scan of its own."""
    exact = compile_predicate(test, tenant_id, alike=differ)
    if test.operator.name is not Operator.EQUALS or len(test.operands) == 1:
        return [exact]
    kind, _ = test.field.side(test.operator.reads)
    ends = min(test.operands), max(test.operands)
    return [OPERATORS[Operator.BETWEEN].build(_column(test), ends, KINDS[kind].sql), _not_looked_up(exact)]


def _beside_key(member: Bound, tenant_id: TenantId, differ: Columns) -> Condition:
    """A bound of the start, and a hint for another index, may be looked up besides."""
    condition = compile_predicate(member, tenant_id, alike=differ)
    return condition if _may_be_looked_up(member) else _not_looked_up(condition)


def _may_be_looked_up(member: Bound) -> bool:
    if not isinstance(member, Test) or member.negated:
        return False
    return member.field.hint is not None or _column(member) is traces.c.start_time


def _column(test: Test) -> ColumnElement[Any]:
    """What is compared, where a trace's spans are alike."""
    _, column = test.field.side(test.operator.reads)
    return column if test.field.summary is None else test.field.summary[0]


def _not_looked_up(condition: Condition) -> Condition:
    """The same condition in a form that no index has."""
    return condition.is_(true())
