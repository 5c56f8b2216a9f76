"""Operators as rows of data: what each takes, which types of fields it applies to, and the SQL it becomes.

Every test is built positive and never holds for null; a negation is another row that names what it negates. So the
rules about null, and about fields with many values, are decided once (`negation.py`) and not in every operator.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Integer, Numeric, Text, collate, false, func, literal, literal_column
from sqlalchemy import any_ as any_element
from sqlalchemy.types import TypeEngine

from ..errors import invalid
from ..store.sql_types import SqlValue
from .field_types import ALL, ORDERED, TEXTUAL, FieldType, Fit


class Operator(StrEnum):
    """Canonical names; the aliases of a dialect are mapped to them where its filters are read."""

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTSWITH = "startswith"
    NOT_STARTSWITH = "not_startswith"
    ENDSWITH = "endswith"
    NOT_ENDSWITH = "not_endswith"
    IEXACT = "iexact"
    ILIKE = "ilike"
    REGEX = "regex"
    NOT_REGEX = "not_regex"
    NOT_EMPTY = "not_empty"
    EMPTY = "empty"
    EXISTS = "exists"
    ISNULL = "isnull"


class Arity(Enum):
    """How many values an operator takes."""

    NONE = "no value"
    FLAG = "true or false"
    ONE = "one value"
    TWO = "two values"
    MANY = "any number of values"


class Reads(Enum):
    """Which side of a field an operator looks at: what it holds, its number, or whether it is there at all."""

    VALUE = "value"
    NUMBER = "number"
    PRESENCE = "presence"


_ZERO: ColumnElement[int] = literal_column("0")
_NO_TEXT: ColumnElement[str] = literal_column("''", Text())
Build = Callable[[SqlValue, tuple[Any, ...], TypeEngine[Any]], ColumnElement[bool]]
"""SqlValue, operands and their type to a condition that is false or null where the column is null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSpec:
    """One operator. `fits` says, operand by operand, where a literal between two units of a field goes.

    `check` refuses an operand that its type lets through; it raises `InvalidInput` located at `value`. An operand that
    `is_pattern` is read as text for every type of field, and the database compiles it before it is used
    (`patterns.py`).
    """

    name: Operator
    doc: str
    build: Build
    arity: Arity = Arity.ONE
    types: frozenset[FieldType] = ALL
    reads: Reads = Reads.VALUE
    fits: tuple[Fit, ...] = (Fit.EXACT,)
    negates: Operator | None = None
    check: Callable[[Any], None] | None = None
    is_pattern: bool = False


def _bound(value: Any, type_: TypeEngine[Any]) -> SqlValue:
    """A parameter; a bound that no bigint can hold is a numeric."""
    return literal(value, Numeric() if isinstance(value, Decimal) else type_)


def _one_of(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    if not operands:
        return false()
    if len(operands) == 1:
        return column == _bound(operands[0], type_)
    return column == any_element(literal(list(operands), ARRAY(type_)))


def _compared(compare: Callable[[Any, Any], Any]) -> Build:
    return lambda column, operands, type_: compare(column, _bound(operands[0], type_))


def _between(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    low, high = operands
    return (column >= _bound(low, type_)) & (column <= _bound(high, type_))


def _without_case(text: SqlValue) -> SqlValue:
    """Created by the first migration over one Unicode collation: the server's locale has no say."""
    return func.lower_unicode(text, type_=Text())


def _contains(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    return func.strpos(_without_case(column), _without_case(literal(operands[0], type_)), type_=Integer()) > _ZERO


def _starts(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    return func.starts_with(column, literal(operands[0], type_))


def _ends(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    end = operands[0]
    return func.right(column, literal(len(end), Integer()), type_=Text()) == literal(end, type_)


def _same_text(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    return _without_case(column) == _without_case(literal(operands[0], type_))


def _like(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    # A backslash is an ordinary character here, and one at the end would be an error of the database.
    pattern = operands[0].replace("\\", "\\\\")
    return _without_case(column).like(_without_case(literal(pattern, type_)))


def _matches(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    return column.op("~", is_comparison=True)(collate(literal(operands[0], type_), "C"))


_MOST_CHARACTERS = 1_000
_BACK_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]")


def _check_pattern(pattern: str) -> None:
    """The database runs an expression as an automaton, in time that grows with the text; with a back-reference it
    searches, for which no bound is known.
    """
    if len(pattern) > _MOST_CHARACTERS:
        raise invalid(f"must have at most {_MOST_CHARACTERS} characters", "value", code="too_long")
    if _BACK_REFERENCE.search(pattern):
        raise invalid(r"must have no back-reference such as \1", "value", code="regex")


def _present(column: SqlValue, _operands: tuple[Any, ...], _type: TypeEngine[Any]) -> ColumnElement[bool]:
    return column.is_not(None)


def _filled(column: SqlValue, _operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    return column != _NO_TEXT if isinstance(type_, Text) else column.is_not(None)


def _ordering(name: Operator, doc: str, compare: Callable[[Any, Any], Any], fit: Fit) -> OperatorSpec:
    return OperatorSpec(name=name, doc=doc, build=_compared(compare), types=ORDERED, reads=Reads.NUMBER, fits=(fit,))


def _textual(name: Operator, doc: str, build: Build) -> OperatorSpec:
    return OperatorSpec(name=name, doc=doc, build=build, types=TEXTUAL)


_POSITIVE = (
    OperatorSpec(name=Operator.EQUALS, doc="is one of the values", build=_one_of, arity=Arity.MANY),
    # x > 1.5 is x > 1 and x >= 1.5 is x >= 2 where x is whole.
    _ordering(Operator.GT, "is greater", operator.gt, Fit.FLOOR),
    _ordering(Operator.GTE, "is greater or equal", operator.ge, Fit.CEILING),
    _ordering(Operator.LT, "is less", operator.lt, Fit.CEILING),
    _ordering(Operator.LTE, "is less or equal", operator.le, Fit.FLOOR),
    OperatorSpec(
        name=Operator.BETWEEN,
        doc="is between two values, both included",
        build=_between,
        arity=Arity.TWO,
        types=ORDERED,
        reads=Reads.NUMBER,
        fits=(Fit.CEILING, Fit.FLOOR),
    ),
    _textual(Operator.CONTAINS, "contains the text, ignoring case; no wildcards", _contains),
    _textual(Operator.STARTSWITH, "starts with the text; case matters; no wildcards", _starts),
    _textual(Operator.ENDSWITH, "ends with the text; case matters; no wildcards", _ends),
    _textual(Operator.IEXACT, "is the text, ignoring case", _same_text),
    _textual(Operator.ILIKE, "matches a pattern of `%` and `_`, ignoring case", _like),
    OperatorSpec(
        name=Operator.REGEX,
        doc="matches a regular expression anywhere; case matters",
        build=_matches,
        types=TEXTUAL,
        check=_check_pattern,
        is_pattern=True,
    ),
    OperatorSpec(
        name=Operator.NOT_EMPTY,
        doc="has a value that is not the empty text",
        build=_filled,
        arity=Arity.NONE,
        reads=Reads.PRESENCE,
    ),
    OperatorSpec(name=Operator.EXISTS, doc="has a value", build=_present, arity=Arity.NONE, reads=Reads.PRESENCE),
)

_BY_NAME = {spec.name: spec for spec in _POSITIVE}


def _negation(name: Operator, of: Operator, doc: str, arity: Arity | None = None) -> OperatorSpec:
    spec = _BY_NAME[of]
    return replace(spec, name=name, doc=doc, negates=of, arity=arity or spec.arity)


OPERATORS: dict[Operator, OperatorSpec] = _BY_NAME | {
    spec.name: spec
    for spec in (
        _negation(Operator.NOT_EQUALS, Operator.EQUALS, "is none of the values"),
        _negation(Operator.NOT_CONTAINS, Operator.CONTAINS, "does not contain the text, ignoring case"),
        _negation(Operator.NOT_STARTSWITH, Operator.STARTSWITH, "does not start with the text; case matters"),
        _negation(Operator.NOT_ENDSWITH, Operator.ENDSWITH, "does not end with the text; case matters"),
        _negation(Operator.NOT_REGEX, Operator.REGEX, "does not match the regular expression; case matters"),
        _negation(Operator.EMPTY, Operator.NOT_EMPTY, "has no value, or the empty text"),
        _negation(Operator.ISNULL, Operator.EXISTS, "has no value; with `false`: has one", arity=Arity.FLAG),
    )
}
"""Every operator there is."""
