"""Equality with a value in a jsonb object as containment, which a GIN index of the object answers.

An object that has an equal value at the key contains one of a few documents. The reverse does not always hold, so
containment is an inclusive condition: it is added to the comparison of values and never replaces it.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, ColumnElement, Text, cast, literal, or_
from sqlalchemy.dialects.postgresql import JSONB

from .json_values import encoded, path_of, shapes

_MOST_VALUES = 20


def contains_equal(column: Column[Any], key: str, texts: tuple[str, ...]) -> ColumnElement[bool] | None:
    """The inclusive condition for a value at this key, as `json_values.json_at` finds it, that equals one of the texts;
    `None` where containment cannot answer."""
    # Of an object or a list that is written out it is not known what contains it.
    if not 0 < len(texts) <= _MOST_VALUES or any(text.startswith(("{", "[")) for text in texts):
        return None
    documents = (cast(literal(document, Text()), JSONB) for text in texts for document in _documents(key, text))
    return or_(*(column.op("@>", is_comparison=True)(document) for document in documents))


def _documents(key: str, text: str) -> Iterator[str]:
    """What an object contains that has an equal value, or a list with one, at the key."""
    for shape in shapes(text):
        for value in (shape, [shape]):
            yield encoded({key: value})
            if (steps := path_of(key)) is not None:
                yield encoded(_nested(steps, value))


def _nested(steps: list[str], value: Any) -> Any:
    for step in reversed(steps):
        value = {step: value}
    return value
