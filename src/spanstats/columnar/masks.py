"""Masks: the rows of a chunk for which a predicate holds, as an array of booleans."""

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import reduce
from typing import Any, assert_never

import numpy as np

from ..filters.operators import Operator
from .chunk import Array, Chunk, Mask, Numbers
from .dimensions import starts_of
from .encode import numbers_of
from .format import MANY_MODELS
from .predicate import START, Joined, Node, Not, NumberTest, Predicate, ScoreTest, TextTest
from .probe import Passing

_Whole = int | Decimal

_FEW_CODES = 4


def mask_of(predicate: Predicate, chunk: Chunk, passing: Passing) -> Mask:
    """A boolean for each row."""
    mask = _node(predicate.root, chunk, passing)
    if predicate.uniform:
        mask = mask & (chunk.numbers(MANY_MODELS).values() == 0)
    return mask


def _node(node: Node, chunk: Chunk, passing: Passing) -> Mask:
    match node:
        case Joined(every, members):
            joined = operator.and_ if every else operator.or_
            return reduce(joined, (_node(member, chunk, passing) for member in members), _all(chunk.n, every))
        case Not(test):
            return ~_node(test, chunk, passing)
        case NumberTest(column, name, operands):
            numbers = numbers_of(starts_of(chunk)) if column == START else chunk.numbers(column)
            return passes(numbers, name, operands)
        case ScoreTest():
            return _scores(node, chunk)
        case TextTest(column, number):
            texts = chunk.texts(column)
            return _all(chunk.n, value=False) if texts is None else rows_passing(passing[number], texts.codes)
        case _ as unreachable:
            assert_never(unreachable)


def rows_passing(passing: Mask, codes: Array) -> Mask:
    """Which rows have a code that passes."""
    passing_codes = np.flatnonzero(passing)
    if len(passing_codes) <= _FEW_CODES:
        # To compare all codes with one takes a tenth of the time of a look-up.
        equal = (codes == codes.dtype.type(code) for code in passing_codes)
        return reduce(operator.or_, equal, _all(len(codes), value=False))
    mask: Mask = passing[codes]
    return mask


def _scores(test: ScoreTest, chunk: Chunk) -> Mask:
    mask = np.zeros(chunk.n, np.bool_)
    for key in test.keys:
        scores = chunk.scores(key)
        if scores is None:
            continue
        is_presence = test.operator is Operator.EXISTS
        n = len(scores.values.codes)
        passing = _all(n, value=True) if is_presence else passes(scores.values, test.operator, test.operands)
        if scores.rows is None:
            mask |= passing
        else:
            mask[scores.rows[passing]] = True
    return mask


def passes(numbers: Numbers, name: Operator, operands: tuple[Any, ...]) -> Mask:
    """Which values pass the positive operator. A missing value never passes."""
    mask = _OF_NUMBERS[name](numbers, operands)
    return mask if numbers.valid is None else mask & numbers.valid


def _at_least(numbers: Numbers, bound: _Whole) -> Mask:
    """By code: the least one whose value reaches the bound."""
    code = -((numbers.low - int(bound)) // numbers.step)
    if code <= 0:
        return _all(len(numbers.codes), value=True)
    if code > np.iinfo(numbers.codes.dtype).max:
        return _all(len(numbers.codes), value=False)
    mask: Mask = numbers.codes >= numbers.codes.dtype.type(code)
    return mask


def _equal_to(numbers: Numbers, value: _Whole) -> Mask:
    code, rest = divmod(int(value) - numbers.low, numbers.step)
    if rest or not 0 <= code <= np.iinfo(numbers.codes.dtype).max:
        return _all(len(numbers.codes), value=False)
    mask: Mask = numbers.codes == numbers.codes.dtype.type(code)
    return mask


def _one_of(numbers: Numbers, operands: tuple[_Whole, ...]) -> Mask:
    none = _all(len(numbers.codes), value=False)
    return reduce(operator.or_, (_equal_to(numbers, value) for value in operands), none)


def _all(n: int, value: bool) -> Mask:
    return np.full(n, value, np.bool_)


_OF_NUMBERS: Mapping[Operator, Callable[[Numbers, tuple[Any, ...]], Mask]] = {
    Operator.EQUALS: _one_of,
    Operator.GT: lambda numbers, operands: _at_least(numbers, operands[0] + 1),
    Operator.GTE: lambda numbers, operands: _at_least(numbers, operands[0]),
    Operator.LT: lambda numbers, operands: ~_at_least(numbers, operands[0]),
    Operator.LTE: lambda numbers, operands: ~_at_least(numbers, operands[0] + 1),
    Operator.BETWEEN: lambda numbers, operands: _at_least(numbers, operands[0]) & ~_at_least(numbers, operands[1] + 1),
    Operator.NOT_EMPTY: lambda numbers, _: _all(len(numbers.codes), value=True),
    Operator.EXISTS: lambda numbers, _: _all(len(numbers.codes), value=True),
}
"""A positive operator on numbers of which all are there."""

COMPARED = frozenset(_OF_NUMBERS)
