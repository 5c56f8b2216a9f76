"""Cursors of pages as text. What a cursor holds may change: clients send back what an answer named."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec

from ...domain.times import MAX_TIME_US
from ...domain.values import is_clean
from ...insights.keyset import Behind
from .options import Options

_LARGEST = 2**63
_LONGEST = 4_000
_Value = int | str | None


class Time(int):
    """The type of a time in a cursor: microseconds since 1970, as far as the store has them."""


def write_cursor(sort_by: str, row: Behind) -> str:
    """The cursor after a row of a list that is sorted so."""
    return urlsafe_b64encode(msgspec.json.encode([sort_by, row.value, *row.keys])).decode()


def read_cursor(options: Options, sort_by: str, value_type: type[Any], *key_types: type[Any]) -> Behind | None:
    """The cursor that an answer of the same order named. Raises `InvalidInput` for anything else."""
    text = options.text("cursor")
    if text is None:
        return None
    try:
        if len(text) > _LONGEST:
            raise ValueError
        order, value, *keys = msgspec.json.decode(urlsafe_b64decode(text), type=list[_Value])
    except (ValueError, msgspec.MsgspecError):
        raise options.wrong("cursor", "must be the `next_cursor` of an answer", "cursor") from None
    is_of_order = order == sort_by and (value is None or _is(value, value_type))
    if not is_of_order or len(keys) != len(key_types) or not all(map(_is, keys, key_types)):
        raise options.wrong("cursor", "is of another order than `sort_by`", "cursor")
    return Behind(value, tuple(keys))


def _is(value: _Value, type_: type[Any]) -> bool:
    match value:
        case str():
            return type_ is str and is_clean(value)
        case int() if type_ is Time:
            return 0 <= value <= MAX_TIME_US
        case int():
            return type_ is int and -_LARGEST <= value < _LARGEST
    return False
