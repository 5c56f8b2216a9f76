"""Types of fields: how a literal for one is read, and as what it travels to the database.

Money, durations, rates and scores are stored as whole numbers of a small unit. A literal for them is scaled exactly;
where it falls between two units, a bound moves to the unit that gives the same answer, and nothing equals it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from enum import Enum
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Double, Numeric, Text
from sqlalchemy.types import TypeEngine

from ..domain.span import normal_status
from ..domain.times import moment
from ..domain.values import MICRO, MILLI, NANO, PICO, is_clean, number, round_units
from ..errors import invalid


class FieldType(Enum):
    """What the values of a field are."""

    TEXT = "text"
    STATUS = "status"
    BOOLEAN = "boolean"
    TIME = "time"
    INTEGER = "integer"
    MONEY = "money"
    DURATION = "duration"
    RATE = "rate"
    SCORE = "score"
    REAL = "real"
    NUMBER = "number"
    VALUE = "value"


class Fit(Enum):
    """Where a literal between two units goes: nowhere (it equals nothing), down, or up."""

    EXACT = "exact"
    FLOOR = ROUND_FLOOR
    CEILING = ROUND_CEILING


class Never:
    """A literal that no stored value equals."""


NEVER = Never()

FIELD = "value"
"""Where a literal is in a condition: the location of every `InvalidInput` of this module."""

# Bounds beyond bigint travel as numeric; so far out, all are alike.
_BEYOND = 10**30
_BIGINT = 2**63
_SMALLEST_EXPONENT = -400
_WIDE = Context(prec=1000)


@dataclass(frozen=True, slots=True)
class FieldTypeSpec:
    """`read` makes a JSON literal what is stored, or `NEVER`, or raises `InvalidInput`; `sql` is the type it has."""

    read: Callable[[object, Fit], Any]
    sql: TypeEngine[Any]
    doc: str


def _text(value: object, _fit: Fit = Fit.EXACT) -> str | Never:
    if isinstance(value, bool | int | float):
        return _json_text(value)
    if not isinstance(value, str):
        raise invalid("must be text", FIELD, code="string_type")
    return value if is_clean(value) else NEVER


def _json_text(value: bool | float) -> str:
    """As PostgreSQL writes what it was stored as: all digits and no exponent, zero without a sign."""
    if isinstance(value, bool):
        return "true" if value else "false"
    exact = number(value, FIELD)
    return format(exact if exact else abs(exact), "f")


def _status(value: object, _fit: Fit) -> str | Never:
    text = _text(value)
    return text if isinstance(text, Never) else normal_status(text) or ""


def _boolean(value: object, _fit: Fit) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and (word := value.strip().lower()) in ("true", "false"):
        return word == "true"
    raise invalid("must be true or false", FIELD, code="bool_parsing")


def _time(value: object, _fit: Fit) -> int:
    us = moment(value, FIELD)
    if us is None:
        raise invalid("must be an ISO 8601 time", FIELD, code="datetime_parsing")
    return us


def _whole(unit: int) -> Callable[[object, Fit], int | Decimal | Never]:
    """Reads a number into whole units of 1/unit."""

    def read(value: object, fit: Fit) -> int | Decimal | Never:
        exact = number(value, FIELD)
        if exact and exact.adjusted() < _SMALLEST_EXPONENT:
            exact = Decimal(1).scaleb(_SMALLEST_EXPONENT).copy_sign(exact)
        scaled = _WIDE.multiply(exact, Decimal(unit))
        return _fitted(scaled, fit)

    return read


def _fitted(scaled: Decimal, fit: Fit) -> int | Decimal | Never:
    rounding = ROUND_FLOOR if fit is Fit.EXACT else fit.value
    whole = int(scaled.to_integral_value(rounding))
    in_range = -_BIGINT <= whole < _BIGINT
    if fit is Fit.EXACT:
        return whole if in_range and whole == scaled else NEVER
    return whole if in_range else Decimal(_BEYOND).copy_sign(scaled)


def _score(value: object, fit: Fit) -> int | Decimal | Never:
    """Stored scores were rounded to billionths, so a literal is too: what a list shows finds its trace again."""
    return _fitted(Decimal(round_units(number(value, FIELD), NANO)), fit)


def _real(value: object, _fit: Fit) -> float:
    return float(number(value, FIELD))


def _number(value: object, _fit: Fit) -> Decimal:
    exact = number(value, FIELD)
    if exact and exact.adjusted() < _SMALLEST_EXPONENT:
        raise invalid("is out of range", FIELD, code="out_of_range")
    return exact


FIELD_TYPES: dict[FieldType, FieldTypeSpec] = {
    FieldType.TEXT: FieldTypeSpec(_text, Text(), "text; a number or a boolean is compared as its JSON text"),
    FieldType.STATUS: FieldTypeSpec(
        _status, Text(), "text without case; `completed`, `ok` = `success`, `failed` = `error`"
    ),
    FieldType.BOOLEAN: FieldTypeSpec(_boolean, Boolean(), "`true` or `false`, also as text"),
    FieldType.TIME: FieldTypeSpec(
        _time, DateTime(timezone=True), "ISO 8601, to the microsecond; without zone it is UTC"
    ),
    FieldType.INTEGER: FieldTypeSpec(_whole(1), BigInteger(), "a number, also as text"),
    FieldType.MONEY: FieldTypeSpec(_whole(PICO), BigInteger(), "US dollars, exact to 1e-12"),
    FieldType.DURATION: FieldTypeSpec(_whole(MICRO), BigInteger(), "seconds, exact to the microsecond"),
    FieldType.RATE: FieldTypeSpec(_whole(MILLI), BigInteger(), "a number per second, exact to a thousandth"),
    FieldType.SCORE: FieldTypeSpec(_score, BigInteger(), "a number, rounded to a billionth"),
    FieldType.REAL: FieldTypeSpec(_real, Double(), "a number, compared as a double"),
    FieldType.NUMBER: FieldTypeSpec(_number, Numeric(), "a number, compared exactly"),
    FieldType.VALUE: FieldTypeSpec(
        _text, Text(), "any JSON value: compared as text, ordered as a number where it is one"
    ),
}
"""Every type there is."""

TEXTUAL = frozenset({FieldType.TEXT, FieldType.STATUS, FieldType.VALUE})
ORDERED = frozenset(
    {
        FieldType.TIME,
        FieldType.INTEGER,
        FieldType.MONEY,
        FieldType.DURATION,
        FieldType.RATE,
        FieldType.SCORE,
        FieldType.REAL,
        FieldType.NUMBER,
        FieldType.VALUE,
    }
)
ALL = frozenset(FieldType)
