"""What a bound test demands, with its negation taken apart: no back end has rules of its own about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .fields import Field, NullMode
from .operators import OPERATORS, Operator, OperatorSpec, Reads
from .predicate import Test

_EXISTS = OPERATORS[Operator.EXISTS]


@dataclass(frozen=True, slots=True)
class Demand:
    """Some value of the field passes the positive operator, or, unless `holds`, none does."""

    field: Field
    operator: OperatorSpec
    operands: tuple[Any, ...]
    holds: bool


def demands(test: Test) -> Iterator[Demand]:
    """What must be true together for the test to hold.

    A negation is "none has it"; beside the tests for presence, the null mode may demand that there is a value.
    """
    needs_value = test.operator.reads is not Reads.PRESENCE and test.field.null_mode is NullMode.NEGATION_FAILS
    if test.negated and needs_value:
        yield Demand(test.field, _EXISTS, (), holds=True)
    yield Demand(test.field, test.operator, test.operands, holds=not test.negated)
