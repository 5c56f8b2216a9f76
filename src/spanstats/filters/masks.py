"""A predicate over traces as a mask over bit slices: a bit string with a one for each trace for which it holds.

A value is compared bit by bit, for all traces of a row of `slices` at once (P. O'Neil and D. Quass, Improved Query
Performance with Variant Indexes, SIGMOD 1997). Numbers are 64 bits in two's complement; slices above the highest one
that any trace has are not stored.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import reduce
from typing import Any, TypeAlias

from sqlalchemy import Column, ColumnElement, column, func, literal_column, select, true

from ..store.cache_tables import BITS, NUMBERS, TEXTS
from ..store.tables import ByBytes, traces
from .fields import FieldSpec, NullMode, Scope, jsonb_as_number, jsonb_as_text
from .json_values import equals_json
from .kinds import KINDS, TEXTUAL, Kind
from .operators import OPERATORS, Operator, OperatorSpec, Reads
from .predicate import Bound, Test, each_test
from .score_masks import KEY_OF_ROW, mask_of_scores
from .value_masks import mask_of_any_value, mask_of_values

Mask: TypeAlias = ColumnElement[Any]

SIGN = 63
"""The place of the bit that is worth -2**63."""

FIRST_BIT = 2
"""Where in an array of slices the lowest bit stands; before it stands who has a value at all."""

_ARRAYS = (*NUMBERS, *(f"{name}_bits" for name in TEXTS))
SLICED_COLUMNS = ", ".join(
    (
        KEY_OF_ROW,
        "every & every AS every, ~every AS none, many_models",
        *(f"array_cat({name}, '{{}}') AS {name}" for name in _ARRAYS),
        *(f"{name}_values" for name in TEXTS),
    )
)
"""What masks are made of, from `slices`; taken out of storage once, by operations that change nothing."""

_EVERY: Mask = literal_column("every", BITS)
_NONE: Mask = literal_column("none", BITS)
# Each takes up to 64 operations of some twenty characters, or as much for a dictionary.
_MOST_BOUNDS = 16


def compile_mask(predicate: Bound) -> Mask | None:
    """An expression over `SLICED_COLUMNS`; `None` where one of the fields is not sliced, an operator reads no bits, or
    so much is compared that the statement would be too long.

    The ones are traces for which the predicate holds, without those whose spans differ in what it asks for.
    """
    if sum(map(_weight, each_test(predicate))) > _MOST_BOUNDS:
        return None
    try:
        mask = _node(predicate)
    except _NotSliced:
        return None
    differ = {test.field.summary[1] for test in each_test(predicate) if test.field.summary is not None}
    alike = (literal_column(column.name, BITS).bitwise_not() for column in differ if isinstance(column, Column))
    return reduce(_both, alike, mask)


def _weight(test: Test) -> int:
    if test.field.listed_as is not None:
        return 1
    return len(test.operands) if test.field.kind not in TEXTUAL and test.field.scope is not Scope.TRACE_SCORES else 0


class _NotSliced(Exception):
    """There are no bits of what a test asks for."""


def _node(predicate: Bound) -> Mask:
    if isinstance(predicate, Test):
        return _test(predicate)
    members = [_node(member) for member in predicate.members]
    return _joined(_both, members, _EVERY) if predicate.connector == "AND" else _joined(_either, members, _NONE)


def _joined(join: Callable[[Mask, Mask], Mask], masks: list[Mask], of_none: Mask) -> Mask:
    """By halves: what is compiled goes no deeper than it must."""
    if len(masks) < 2:
        return masks[0] if masks else of_none
    middle = len(masks) // 2
    return join(_joined(join, masks[:middle], of_none), _joined(join, masks[middle:], of_none))


def _both(a: Mask, b: Mask) -> Mask:
    return a.bitwise_and(b)


def _either(a: Mask, b: Mask) -> Mask:
    return a.bitwise_or(b)


def _test(test: Test) -> Mask:
    """As in `compile.py`: a negation is "none has it", and the null mode may demand that there is a value."""
    some = _some(test.field, test.operator, test.operands)
    if not test.negated:
        return some
    none = some.bitwise_not()
    if test.operator.reads is Reads.PRESENCE or test.field.null_mode is NullMode.NEGATION_HOLDS:
        return none
    return _both(_some(test.field, OPERATORS[Operator.EXISTS], ()), none)


def _some(field: FieldSpec, spec: OperatorSpec, operands: tuple[Any, ...]) -> Mask:
    kind, value = field.side(spec.reads)
    if field.scope is Scope.TRACE_SCORES:
        any_will_do = spec.reads is Reads.PRESENCE
        return mask_of_scores(
            field.keys, lambda score: true() if any_will_do else spec.build(score, operands, KINDS[kind].sql)
        )
    if field.listed_as is not None and spec.name is Operator.EXISTS:
        return mask_of_any_value(field.listed_as)
    if field.listed_as is not None and field.json is not None and spec.name is Operator.EQUALS:
        return mask_of_values(field.listed_as, lambda json: equals_json(json, operands))
    if field.listed_as is not None:
        return mask_of_values(field.listed_as, lambda json: spec.build(_of_json(json, kind), operands, KINDS[kind].sql))
    if field.summary is not None:
        value, _ = field.summary
    elif field.scope is not Scope.ROW:
        raise _NotSliced
    if not isinstance(value, Column) or value.table is not traces:
        raise _NotSliced
    if value.name in TEXTS:
        return _of_texts(value.name, lambda text: spec.build(text, operands, KINDS[kind].sql))
    if value.name not in NUMBERS or spec.name not in _OF_NUMBERS:
        raise _NotSliced
    return literal_column(f"({_OF_NUMBERS[spec.name](value.name, operands)})", BITS)


def _of_json(value: Mask, kind: Kind) -> ColumnElement[Any]:
    return jsonb_as_number(value) if kind is Kind.NUMBER else jsonb_as_text(value)


def _of_texts(name: str, passes: Callable[[ColumnElement[Any]], ColumnElement[bool]]) -> Mask:
    """Who has one of the values that pass: every operator will do."""
    arrays: list[Mask] = [literal_column(f"{name}_values"), literal_column(f"{name}_bits")]
    pairs = func.unnest(*arrays).table_valued(column("value", ByBytes), column("bits", BITS))
    listed = pairs.render_derived(name="listed")
    ones = select(func.bit_or(listed.c.bits, type_=BITS)).where(passes(listed.c.value)).scalar_subquery()
    return func.coalesce(ones, _NONE, type_=BITS)


Operands: TypeAlias = tuple[int | Decimal, ...]


def _slice(name: str, bit: int) -> str:
    return f"coalesce({name}[{bit + FIRST_BIT}], none)"


def _has_value(name: str, _operands: Operands = ()) -> str:
    return f"{name}[1]"


def _at_least(name: str, bound: int | Decimal) -> str:
    """From the lowest bit up: a one in the bound must be met, a one beyond a zero of the bound is enough.

    With the sign turned around, two's complement is in order. A bound that no bigint holds lies beyond all values.
    """
    if not -(2**SIGN) <= bound < 2**SIGN:
        return _has_value(name) if bound < 0 else "none"
    turned, found = int(bound) + 2**SIGN, "every"
    for bit in range(SIGN):
        found = f"({_slice(name, bit)} {'&' if turned >> bit & 1 else '|'} {found})"
    sign = f"~{_slice(name, SIGN)}"
    return f"({sign} {'&' if turned >> SIGN & 1 else '|'} {found}) & {_has_value(name)}"


def _less(name: str, bound: int | Decimal) -> str:
    return f"{_has_value(name)} & ~({_at_least(name, bound)})"


def _equal(name: str, operands: Operands) -> str:
    return " | ".join(["none", *(f"({_equal_to(name, int(value))})" for value in operands)])


def _equal_to(name: str, value: int) -> str:
    bits = (f"{'' if value >> bit & 1 else '~'}{_slice(name, bit)}" for bit in range(SIGN + 1))
    return " & ".join([_has_value(name), *bits])


def _between(name: str, operands: Operands) -> str:
    low, high = operands
    return f"{_at_least(name, low)} & ~({_at_least(name, high + 1)})"


_OF_NUMBERS: Mapping[Operator, Callable[[str, Operands], str]] = {
    Operator.EQUALS: _equal,
    Operator.GT: lambda name, operands: _at_least(name, operands[0] + 1),
    Operator.GTE: lambda name, operands: _at_least(name, operands[0]),
    Operator.LT: lambda name, operands: _less(name, operands[0]),
    Operator.LTE: lambda name, operands: _less(name, operands[0] + 1),
    Operator.BETWEEN: _between,
    Operator.NOT_EMPTY: _has_value,
    Operator.EXISTS: _has_value,
}
"""A positive operator on the slices of a number; filters with other operators read the traces themselves."""
