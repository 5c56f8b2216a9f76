"""Predicates as tests of columns: the back end of filters for chunks, as `filters/compile.py` is the one for SQL.

`filters/` defines the meaning of a filter. A condition on a dictionary-encoded value stays SQL: the database answers it
once for each different value (`probe.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

from sqlalchemy import Column, ColumnElement

from ..domain.keys import TenantId
from ..filters.compile import compile_predicate
from ..filters.fields import Field, MemberField, Plain, RowField, SpanField, SpanScores, TraceScores, UniformField
from ..filters.json_values import path_of
from ..filters.negation import Demand, demands
from ..filters.operators import Operator, Reads
from ..filters.predicate import Bound, Test, each_test
from ..store.tables import traces
from .format import MANY_MODELS, MEASURED, TEXTS, member_column, scores_column
from .needs import STARTS, Needs

START = "start_time"


@dataclass(frozen=True, slots=True)
class NumberTest:
    """The number in the column, or the start of the trace, compared: never true where there is none."""

    column: str
    operator: Operator
    operands: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ScoreTest:
    """Some score of these evaluators passes; with `operator` `EXISTS` there is one, text or number."""

    keys: frozenset[str]
    operator: Operator
    operands: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class TextTest:
    """The dictionary-encoded value passes a condition over `traces`. Tests of one predicate have different numbers."""

    column: str
    number: int
    condition: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Not:
    """The test does not hold."""

    test: NumberTest | ScoreTest | TextTest


@dataclass(frozen=True, slots=True)
class Joined:
    """All members hold, or one of them."""

    every: bool
    members: tuple["Node", ...]


Node: TypeAlias = NumberTest | ScoreTest | TextTest | Not | Joined


@dataclass(frozen=True, slots=True)
class Predicate:
    """`root` is the test of each row. With `uniform` it is not for traces of several models: for these the
    database asks the traces and their spans."""

    root: Node
    uniform: bool
    needs: Needs

    def text_tests(self) -> list[TextTest]:
        """All conditions that the database must answer."""
        return [node for node in _leaves(self.root) if isinstance(node, TextTest)]


EVERY_TRACE = Predicate(Joined(every=True, members=()), uniform=False, needs=Needs())
"""What no filter at all is over columns."""


class _NotInColumns(Exception):
    """No column holds what a test asks for."""


def resolve(predicate: Bound, tenant_id: TenantId) -> Predicate | None:
    """The predicate over columns; `None` where a column does not hold what it asks for."""
    numbers = iter(range(10**6))
    try:
        root = _node(predicate, tenant_id, numbers)
    except _NotInColumns:
        return None
    uniform = any(isinstance(test.field, UniformField) for test in each_test(predicate))
    needed = Needs(frozenset({MANY_MODELS})) if uniform else Needs()
    for leaf in _leaves(root):
        needed |= _needs(leaf)
    return Predicate(root, uniform, needed)


def _node(predicate: Bound, tenant_id: TenantId, numbers: Iterator[int]) -> Node:
    if isinstance(predicate, Test):
        members = tuple(_demand(demand, tenant_id, numbers) for demand in demands(predicate))
        return members[0] if len(members) == 1 else Joined(every=True, members=members)
    every = predicate.connector == "AND"
    return Joined(every, tuple(_node(member, tenant_id, numbers) for member in predicate.members))


def _demand(demand: Demand, tenant_id: TenantId, numbers: Iterator[int]) -> Node:
    test = _leaf(demand, tenant_id, numbers)
    return test if demand.holds else Not(test)


def _leaf(demand: Demand, tenant_id: TenantId, numbers: Iterator[int]) -> NumberTest | ScoreTest | TextTest:
    field, operator = demand.field, demand.operator
    if isinstance(field, TraceScores):
        is_presence = operator.reads is Reads.PRESENCE
        return ScoreTest(field.keys, Operator.EXISTS if is_presence else operator.name, demand.operands)
    name = column_of(field)
    if name is None:
        raise _NotInColumns
    if name in MEASURED or name == START:
        return NumberTest(name, operator.name, demand.operands)
    test = Test(field, operator, demand.operands, negated=False)
    return TextTest(name, next(numbers), compile_predicate(test, tenant_id, uniform=True, by_index=False))


def column_of(field: Field) -> str | None:
    """The column that holds the value of the field; `None` where none does."""
    match field:
        case MemberField():
            # A path looks at more than one member.
            return None if path_of(field.key) is not None else member_column(field.container.name, field.key)
        case UniformField():
            return _stored(field.of_trace)
        case RowField(value=Plain(column=column)):
            return _stored(column)
        case RowField() | SpanField() | TraceScores() | SpanScores():
            return None
        case _ as unreachable:
            assert_never(unreachable)


def _stored(value: ColumnElement[Any]) -> str | None:
    if not isinstance(value, Column) or value.table is not traces:
        return None
    return value.name if value.name in (*MEASURED, *TEXTS, START) else None


def _leaves(node: Node) -> Iterator[NumberTest | ScoreTest | TextTest]:
    if isinstance(node, Joined):
        for member in node.members:
            yield from _leaves(member)
    else:
        yield node.test if isinstance(node, Not) else node


def _needs(leaf: NumberTest | ScoreTest | TextTest) -> Needs:
    if isinstance(leaf, ScoreTest):
        return Needs(frozenset(map(scores_column, leaf.keys)))
    return STARTS if leaf.column == START else Needs(frozenset({leaf.column}))
