"""Bodies of the rows of a comparison. The cursor is opaque: clients send it back as they got it."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import msgspec

from ...comparison.ordering import After, Order, Show
from ...comparison.rows import MOST_ROWS
from ...errors import NotFound, invalid
from .compare_request import BODY_KEYS

ROWS_KEYS = BODY_KEYS | {"measure", "show", "order_by", "limit", "cursor", "preview_length", "candidate"}
_ITEM_KEY = re.compile("[0-9a-f]{32}")
DEFAULT_PREVIEW = 300
MOST_PREVIEW = 100_000


@dataclass(frozen=True, slots=True)
class SentRows:
    """What a body says of the rows beside the comparison."""

    measure: str
    candidate: int
    show: Show
    order: Order
    limit: int
    after: After | None
    preview: int


def read_rows(body: Mapping[str, Any], n_candidates: int) -> SentRows:
    """Raises `InvalidInput` that names the field."""
    measure = body.get("measure")
    if not isinstance(measure, str) or not measure:
        raise invalid("must name a measure", "measure", code="missing")
    return SentRows(
        measure,
        _whole(body, "candidate", 0, 0, n_candidates - 1),
        Show(_one_of(body, "show", Show, Show.WORSENED)),
        Order(_one_of(body, "order_by", Order, Order.WORSENED_FIRST)),
        _whole(body, "limit", 50, 1, MOST_ROWS),
        read_cursor(body.get("cursor")),
        _whole(body, "preview_length", DEFAULT_PREVIEW, 0, MOST_PREVIEW),
    )


def _one_of(body: Mapping[str, Any], field: str, options: type[Show] | type[Order], default: str) -> str:
    value = body.get(field, default)
    if not isinstance(value, str) or value not in [str(member) for member in options]:
        raise invalid(f"must be one of {', '.join(options)}", field, code="enum")
    return value


def _whole(body: Mapping[str, Any], field: str, default: int, low: int, high: int) -> int:
    value = body.get(field, default)
    if value.__class__ is not int or not low <= value <= high:
        raise invalid(f"must be a whole number from {low} to {high}", field, code="out_of_range")
    whole: int = value
    return whole


def write_cursor(after: After) -> str:
    """The cursor after a row, as text."""
    difference = None if after.difference is None else str(after.difference)
    return urlsafe_b64encode(msgspec.json.encode([difference, after.key.hex()])).decode()


def read_cursor(cursor: object) -> After | None:
    """The cursor that an answer named. Raises `InvalidInput` for anything else."""
    if cursor is None or cursor == "":
        return None
    try:
        difference, key = msgspec.json.decode(urlsafe_b64decode(str(cursor)), type=tuple[str | None, str])
        return After(None if difference is None else Fraction(difference), bytes.fromhex(key))
    except (ValueError, ZeroDivisionError, msgspec.MsgspecError):
        raise invalid("must be the `next_cursor` of an answer", "cursor", code="cursor") from None


def read_item_key(text: str) -> bytes:
    """The key in a path: 32 hex digits, as answers show it. Raises `NotFound` for what no item can have."""
    if not _ITEM_KEY.fullmatch(text):
        raise NotFound("An item's key is 32 hex digits")
    return bytes.fromhex(text)
