"""Equality with a member of a jsonb object as containment, which a GIN index of the object answers.

An object that has the text at the key contains one of a few documents. The reverse does not always hold (1.0 contains
1), so containment stands beside the comparison of texts, never in its place.
"""

import re
from functools import partial
from itertools import chain

import msgspec
from sqlalchemy import Column, ColumnElement, Text, cast, literal, or_
from sqlalchemy.dialects.postgresql import JSONB

from .fields import Hint

_MOST_VALUES = 20
# As jsonb shows numbers, never with an exponent. Of the longest there are some that no numeric can hold.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_MOST_DIGITS = 1_000
_LITERALS = frozenset({"true", "false"})


def containment(column: Column[object], key: str) -> Hint:
    """The hint for the member of this key."""
    return partial(_contains_one, column, key)


def _contains_one(column: Column[object], key: str, texts: tuple[str, ...]) -> ColumnElement[bool] | None:
    shapes = [_shapes(key, text) for text in texts]
    if not 0 < len(texts) <= _MOST_VALUES or not all(shapes):
        return None
    documents = (cast(literal(document, Text()), JSONB) for document in chain(*shapes))
    return or_(*(column.op("@>", is_comparison=True)(document) for document in documents))


def _shapes(key: str, text: str) -> list[str]:
    """What an object contains whose member shows as this text; nothing where that is not known."""
    is_number = _NUMBER.fullmatch(text) is not None
    if text.startswith(("{", "[")) or (is_number and len(text) > _MOST_DIGITS):
        return []
    shapes: list[object] = [text]
    if is_number or text in _LITERALS:
        shapes.append(msgspec.Raw(text.encode()))
    return [msgspec.json.encode({key: shape}).decode() for shape in shapes]
