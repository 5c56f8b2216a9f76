"""Filters as data, before and after they are bound to the fields of a row. Nothing here knows SQL or a wire format."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..errors import Location
from .fields import Field
from .operators import Operator, OperatorSpec

Connector: TypeAlias = Literal["AND", "OR"]

SCORES = "scores"
"""The field whose key names an evaluator."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as a client wrote it, aliases resolved. `key` completes the fields that need one.

    `location` leads to it in the body; its problems are located below, at `field`, `operator` or `value`.
    """

    field: str
    operator: Operator
    values: tuple[object, ...]
    location: Location
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions that must all hold, or one of which must; an empty OR never holds.

    Conditions that are written as one range must hold for one and the same value of their field, where it has several.
    """

    connector: Connector
    members: tuple["Condition | Group", ...]
    location: Location
    is_range: bool = False


@dataclass(frozen=True, slots=True)
class Test:
    """A positive operator on a known field with operands of its type, or the negation of that.

    `location` is that of the condition in the request: two tests that differ in it alone are the same test.
    """

    __test__ = False

    field: Field
    operator: OperatorSpec
    operands: tuple[Any, ...]
    negated: bool
    location: Location = dataclasses.field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Junction:
    """Bound members, joined; AND of none always holds, OR of none never."""

    connector: Connector
    members: tuple["Bound", ...]


Bound: TypeAlias = Test | Junction

EVERYTHING = Junction("AND", ())
"""What no filter at all is bound to."""


def each_test(predicate: Bound) -> Iterator[Test]:
    """All tests of a bound predicate, from left to right."""
    if isinstance(predicate, Test):
        yield predicate
    else:
        for member in predicate.members:
            yield from each_test(member)


def conditions(node: Condition | Group | None) -> Iterator[Condition]:
    """All conditions of a tree, from left to right."""
    if isinstance(node, Condition):
        yield node
    elif node is not None:
        for member in node.members:
            yield from conditions(member)


def evaluators(tree: Group | None) -> frozenset[str]:
    """What evaluators are called in a filter, by id, slug or name: to be looked up before it is bound."""
    return frozenset(c.key for c in conditions(tree) if c.field == SCORES and c.key is not None)
