"""Conditions on one value that together bound it, as one test: so they hold for one and the same of several values."""

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeAlias

from .field_types import FieldType
from .operators import OPERATORS, Operator
from .predicate import Bound, Test

Number: TypeAlias = int | float | Decimal

_BOUNDS = frozenset({Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.BETWEEN})


def one_range(members: Sequence[Bound]) -> list[Bound]:
    """The members, all on one field, with the bounds of its value made one test."""
    bounds = [member for member in members if isinstance(member, Test) and _is_bound(member)]
    if len(bounds) < 2:
        return list(members)
    lows = [low for test in bounds if (low := _low(test)) is not None]
    highs = [high for test in bounds if (high := _high(test)) is not None]
    others = [member for member in members if not any(member is bound for bound in bounds)]
    return [_joined(bounds[0], max(lows, default=None), min(highs, default=None)), *others]


def _is_bound(test: Test) -> bool:
    is_one_value = test.operator.name is Operator.EQUALS and len(test.operands) == 1
    return not test.negated and (test.operator.name in _BOUNDS or is_one_value)


def _joined(test: Test, low: Number | None, high: Number | None) -> Test:
    if low is None:
        return replace(test, operator=OPERATORS[Operator.LTE], operands=(high,))
    if high is None:
        return replace(test, operator=OPERATORS[Operator.GTE], operands=(low,))
    return replace(test, operator=OPERATORS[Operator.BETWEEN], operands=(low, high))


def _low(test: Test) -> Number | None:
    """The lowest value that passes."""
    match test.operator.name:
        case Operator.GT:
            return _next(test, test.operands[0], up=True)
        case Operator.GTE | Operator.BETWEEN | Operator.EQUALS:
            low: Number = test.operands[0]
            return low
        case _:
            return None


def _high(test: Test) -> Number | None:
    """The highest value that passes."""
    match test.operator.name:
        case Operator.LT:
            return _next(test, test.operands[0], up=False)
        case Operator.LTE | Operator.BETWEEN | Operator.EQUALS:
            high: Number = test.operands[-1]
            return high
        case _:
            return None


def _next(test: Test, value: Number, *, up: bool) -> Number:
    """The value next to this one: scores of traces are whole billionths, those of spans doubles."""
    if test.field.type is FieldType.REAL:
        return math.nextafter(value, math.inf if up else -math.inf)
    return value + 1 if up else value - 1
