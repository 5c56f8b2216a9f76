"""Cursors of pages as text. What a cursor holds may change: clients send back what an answer named."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec

from ...domain.values import is_clean
from ...insights.keyset import Behind
from .said import Said

_LARGEST = 2**63
_LONGEST = 4_000
_Value = int | str | None


def write_cursor(sort_by: str, row: Behind) -> str:
    """The cursor after a row of a list that is sorted so."""
    return urlsafe_b64encode(msgspec.json.encode([sort_by, row.value, row.key])).decode()


def read_cursor(said: Said, sort_by: str, value_type: type[Any], key_type: type[Any]) -> Behind | None:
    """The cursor that an answer of the same order named. Raises `InvalidInput` for anything else."""
    text = said.text("cursor")
    if text is None:
        return None
    try:
        if len(text) > _LONGEST:
            raise ValueError
        sent = msgspec.json.decode(urlsafe_b64decode(text), type=tuple[str, _Value, int | str])
    except (ValueError, msgspec.MsgspecError):
        raise said.wrong("cursor", "must be the `next_cursor` of an answer", "cursor") from None
    order, value, key = sent
    if order != sort_by or not _is(key, key_type) or not (value is None or _is(value, value_type)):
        raise said.wrong("cursor", "is of another order than `sort_by`", "cursor")
    return Behind(value, key)


def _is(value: int | str, wanted: type[Any]) -> bool:
    if not isinstance(value, wanted):
        return False
    return is_clean(value) if isinstance(value, str) else -_LARGEST <= value < _LARGEST
