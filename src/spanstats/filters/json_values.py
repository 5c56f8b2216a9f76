"""Equality with a value of jsonb: texts by their text, numbers by value, and of a list any element.

`1` equals `1`, `1.0` and the text "1", and so does the text "1" that a query or a form sends; the text "1.0" equals the
text "1.0" and the number. A value of any type also equals its JSON text.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import ARRAY, Column, ColumnElement, Text, and_, cast, false, func, literal, or_
from sqlalchemy import any_ as any_element
from sqlalchemy.dialects.postgresql import JSONB

from .json_sql import parameter

Shape: TypeAlias = str | msgspec.Raw

# As JSON writes numbers; of the longest there are some that no numeric can hold.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")
_MOST_DIGITS = 1_000
_LITERALS = frozenset({"true", "false"})
_MOST_STEPS = 64


def equals_json(
    value: ColumnElement[Any], as_text: ColumnElement[Any], texts: tuple[str, ...], *, narrowed: bool = False
) -> ColumnElement[bool]:
    """The jsonb value, or an element of it, equals one of the texts; false or null where there is no value.

    `as_text` is what `json_sql.jsonb_as_text` makes of it. Where the rows are `narrowed`, most values are equal.
    """
    if not texts:
        return false()
    documents = [encoded(shape) for text in texts for shape in shapes(text)]
    one_of = any_element(cast(literal(documents, ARRAY(Text)), ARRAY(JSONB)))
    # A list contains what one of its elements is, a scalar what it is itself; jsonb compares numbers by value.
    contains = value.op("@>", is_comparison=True)(one_of)
    equals = or_(as_text == _one_of(texts), contains)
    return equals if narrowed else and_(_may_equal(as_text, texts), equals)


def _may_equal(as_text: ColumnElement[Any], texts: tuple[str, ...]) -> ColumnElement[bool]:
    """Holds wherever one of the texts is equal, and spares most other values a comparison that takes longer.

    PostgreSQL takes `LIKE` for rare. Behind `coalesce` it estimates as many rows as without it.
    """
    numbers = [number for text in texts if (number := _as_number(text)) is not None]
    patterns = ["[%", *(re.sub(r"([\\%_])", r"\\\1", text) for text in texts), *(f"{_digits(n)}%" for n in numbers)]
    return func.coalesce(as_text.collate("C").like(_one_of(patterns)), false())


def _digits(number: Decimal) -> str:
    """What the text of every equal number of jsonb begins with, which keeps zeros at the end of fractions."""
    digits = format(number, "f") if number else "0"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _one_of(texts: Iterable[str]) -> ColumnElement[Any]:
    one_of: ColumnElement[Any] = any_element(literal(list(texts), ARRAY(Text)))
    return one_of


def shapes(text: str) -> list[Shape]:
    """The scalars that equal this text."""
    shapes_: list[Shape] = [text]
    if text in _LITERALS:
        shapes_.append(msgspec.Raw(text.encode()))
    elif (number := _as_number(text)) is not None:
        shapes_.append(msgspec.Raw(format(number, "f").encode()))
    return shapes_


def _as_number(text: str) -> Decimal | None:
    return Decimal(text) if len(text) <= _MOST_DIGITS and _NUMBER.fullmatch(text) else None


def encoded(document: object) -> str:
    """As JSON text."""
    return msgspec.json.encode(document).decode()


def path_of(key: str) -> list[str] | None:
    """The steps of a key with dots, `None` where it is but the name of a member."""
    steps = key.split(".")
    return steps if 1 < len(steps) <= _MOST_STEPS else None


def json_at(column: Column[Any], key: str) -> ColumnElement[Any]:
    """The value at a key of an object: that of the member of this name, else that at the path which its dots say."""
    member, steps = _member(column, key), path_of(key)
    if steps is None:
        return member
    value: ColumnElement[Any] = column
    for step in steps:
        value = _member(value, step)
    return func.coalesce(member, value, type_=JSONB())


def _member(value: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    return value.op("->", return_type=JSONB())(parameter(name))
