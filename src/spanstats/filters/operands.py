"""Literals of a condition read into operands, in stored units, and the tests that they make."""

from functools import partial

from ..errors import invalid
from .field_types import FIELD_TYPES, NEVER, FieldType, Fit
from .fields import Field, SpanScores, TraceScores, compared
from .operators import OPERATORS, Operator, OperatorSpec, Reads
from .predicate import Bound, Junction, Test


def only_value(values: tuple[object, ...]) -> object:
    """Raises `InvalidInput` unless there is one."""
    if len(values) != 1:
        raise invalid(f"must be one value, not {len(values)}", "value", code="wrong_arity")
    return values[0]


def two_values(values: tuple[object, ...]) -> tuple[object, ...]:
    """Raises `InvalidInput` unless there are two."""
    if len(values) != 2:
        raise invalid(f"must be two values, not {len(values)}", "value", code="wrong_arity")
    return values


def _operands(field: Field, spec: OperatorSpec, values: tuple[object, ...]) -> list[object]:
    """The literals as they are stored. Raises `InvalidInput`, also where the operator's own check refuses one."""
    type_ = _type_compared(field, spec)
    fits = spec.fits if len(spec.fits) == len(values) else spec.fits * len(values)
    operands = list(map(partial(_literal, type_), values, fits))
    if spec.check is not None:
        for operand in operands:
            if operand is not NEVER:
                spec.check(operand)
    return operands


def _type_compared(field: Field, spec: OperatorSpec) -> FieldType:
    if spec.is_pattern:
        return FieldType.TEXT
    if isinstance(field, TraceScores | SpanScores):
        return field.type
    return compared(field.value, spec.reads is Reads.NUMBER)[0]


def _literal(type_: FieldType, value: object, fit: Fit) -> object:
    if value is None:
        raise invalid("must not be null here", "value", code="null_value")
    return FIELD_TYPES[type_].read(value, fit)


def comparison(field: Field, spec: OperatorSpec, values: tuple[object, ...], negated: bool) -> Test:
    """The test of the operator; of a literal that no stored value equals one that nothing passes."""
    operands = _operands(field, spec, values)
    if NEVER in operands:
        return Test(field, OPERATORS[Operator.EQUALS], (), negated)
    return Test(field, spec, tuple(operands), negated)


def any_of(field: Field, spec: OperatorSpec, values: tuple[object, ...], negated: bool) -> Bound:
    """Null among the values means that there is none; none of no values at all always holds."""
    operands = _operands(field, spec, tuple(v for v in values if v is not None))
    test = Test(field, spec, tuple(dict.fromkeys(o for o in operands if o is not NEVER)), negated)
    if None not in values:
        return test
    absent = Test(field, OPERATORS[Operator.EXISTS], (), not negated)
    if len(values) == values.count(None):
        return absent
    return Junction("AND" if negated else "OR", (absent, test))
