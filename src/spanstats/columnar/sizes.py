"""Estimates of the memory of columns, in bytes."""

from collections.abc import Sequence

from .chunk import Array, Column, Digests, Info, Numbers, Scores, SpanSums, Texts
from .encoded_texts import EncodedTexts

_OVERHEAD = 500
_OF_OBJECT = 40
"""A short text as an object, beside its characters."""
_OF_NUMBER = 8
"""`Numbering` remembers a number for each text."""


def size_of(column: Column | Info) -> int:
    """The bytes of a column: its arrays and its dictionary."""
    match column:
        case Info():
            return _OVERHEAD + 100 * (len(column.names) + len(column.omitted))
        case Texts(codes, values):
            return _OVERHEAD + size_of_array(codes) + _size_of_texts(values)
        case Scores(values, kinds, rows):
            return size_of(values) + size_of(kinds) + size_of_array(rows)
        case SpanSums(rows):
            return _OVERHEAD + 1_000 * len(rows)
        case Digests(codes, halves):
            return _OVERHEAD + size_of_array(codes) + halves.nbytes
        case Numbers(_, _, codes, valid):
            return _OVERHEAD + size_of_array(codes) + size_of_array(valid)


def size_of_array(array: Array | None) -> int:
    """The bytes of an array; 0 if it is one value that strides of 0 repeat."""
    return 0 if array is None or array.strides == (0,) else array.nbytes


def _size_of_texts(values: Sequence[bytes]) -> int:
    numbers = _OF_NUMBER * len(values)
    if isinstance(values, EncodedTexts):
        return numbers + values.nbytes
    return numbers + _OF_OBJECT * len(values) + sum(map(len, values))
