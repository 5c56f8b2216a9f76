"""Operators as rows of data: what each takes, which types of fields it applies to, and what builds its SQL.

Every test is built positive and never holds for null; a negation is another row that names what it negates. So the
rules about null, and about fields with many values, are decided once (`negation.py`) and not in every operator.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Any

from ..errors import invalid
from .field_types import ALL, ORDERED, TEXTUAL, FieldType, Fit
from .operator_sql import (
    Build,
    between,
    contains,
    ends_with,
    is_filled,
    is_like,
    is_present,
    is_same_text,
    matches,
    one_of,
    ordered,
    starts_with,
)


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


def _ordering(name: Operator, doc: str, compare: Callable[[Any, Any], Any], fit: Fit) -> OperatorSpec:
    return OperatorSpec(name=name, doc=doc, build=ordered(compare), types=ORDERED, reads=Reads.NUMBER, fits=(fit,))


def _textual(name: Operator, doc: str, build: Build) -> OperatorSpec:
    return OperatorSpec(name=name, doc=doc, build=build, types=TEXTUAL)


_POSITIVE = (
    OperatorSpec(name=Operator.EQUALS, doc="is one of the values", build=one_of, arity=Arity.MANY),
    # x > 1.5 is x > 1 and x >= 1.5 is x >= 2 where x is whole.
    _ordering(Operator.GT, "is greater", operator.gt, Fit.FLOOR),
    _ordering(Operator.GTE, "is greater or equal", operator.ge, Fit.CEILING),
    _ordering(Operator.LT, "is less", operator.lt, Fit.CEILING),
    _ordering(Operator.LTE, "is less or equal", operator.le, Fit.FLOOR),
    OperatorSpec(
        name=Operator.BETWEEN,
        doc="is between two values, both included",
        build=between,
        arity=Arity.TWO,
        types=ORDERED,
        reads=Reads.NUMBER,
        fits=(Fit.CEILING, Fit.FLOOR),
    ),
    _textual(Operator.CONTAINS, "contains the text, ignoring case; no wildcards", contains),
    _textual(Operator.STARTSWITH, "starts with the text; case matters; no wildcards", starts_with),
    _textual(Operator.ENDSWITH, "ends with the text; case matters; no wildcards", ends_with),
    _textual(Operator.IEXACT, "is the text, ignoring case", is_same_text),
    _textual(Operator.ILIKE, "matches a pattern of `%` and `_`, ignoring case", is_like),
    OperatorSpec(
        name=Operator.REGEX,
        doc="matches a regular expression anywhere; case matters",
        build=matches,
        types=TEXTUAL,
        check=_check_pattern,
        is_pattern=True,
    ),
    OperatorSpec(
        name=Operator.NOT_EMPTY,
        doc="has a value that is not the empty text",
        build=is_filled,
        arity=Arity.NONE,
        reads=Reads.PRESENCE,
    ),
    OperatorSpec(name=Operator.EXISTS, doc="has a value", build=is_present, arity=Arity.NONE, reads=Reads.PRESENCE),
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
