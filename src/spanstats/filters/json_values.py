"""Equality with a value of jsonb: texts by their text, numbers by value, and of a list any element.

`1` equals `1`, `1.0` and the text "1", and so does the text "1" that a query or a form sends; the text "1.0" equals the
text "1.0" and the number. A value of any type also equals its JSON text.
"""

import re
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import ARRAY, Column, ColumnElement, Text, cast, false, func, literal, or_
from sqlalchemy import any_ as any_element
from sqlalchemy.dialects.postgresql import JSONB

from .json_sql import jsonb_as_text, parameter

Shape: TypeAlias = str | msgspec.Raw

# As JSON writes numbers; of the longest there are some that no numeric can hold.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")
_MOST_DIGITS = 1_000
_LITERALS = frozenset({"true", "false"})
_MOST_STEPS = 64


def equals_json(value: ColumnElement[Any], texts: tuple[str, ...]) -> ColumnElement[bool]:
    """The jsonb value, or an element of it, equals one of the texts; null where there is no value."""
    if not texts:
        return false()
    documents = [encoded(shape) for text in texts for shape in shapes(text)]
    one_of = any_element(cast(literal(documents, ARRAY(Text)), ARRAY(JSONB)))
    # A list contains what one of its elements is, a scalar what it is itself; jsonb compares numbers by value.
    contains = value.op("@>", is_comparison=True)(one_of)
    return or_(jsonb_as_text(value) == any_element(literal(list(texts), ARRAY(Text))), contains)


def shapes(text: str) -> list[Shape]:
    """The scalars that equal this text."""
    shapes_: list[Shape] = [text]
    if text in _LITERALS:
        shapes_.append(msgspec.Raw(text.encode()))
    elif len(text) <= _MOST_DIGITS and _NUMBER.fullmatch(text):
        shapes_.append(msgspec.Raw(format(Decimal(text), "f").encode()))
    return shapes_


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
