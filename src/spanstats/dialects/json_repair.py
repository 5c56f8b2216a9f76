"""JSON that is to be stored and cannot be decoded as it came: what is wrong costs its own part, not the whole body.

Bytes that are not UTF-8 become NUL, which content replaces and ids refuse (`storable.py`). Numbers that JSON does not
have become texts (`json_mending.py`). Of several items, one that is no JSON or nests too deep becomes a text with the
reason (`json_items.py`).
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from ..errors import InvalidInput, invalid
from .json_body import OUT_OF_RANGE, decode_checked, decode_flagged, decoder
from .json_escapes import Escapes
from .json_items import without_unreadable
from .json_limits import LONG, MAX_DEPTH
from .json_mending import mended

T = TypeVar("T")

MAX_MARKS_OF_ITEMS = 5_000_000
"""Of a body whose items are decoded one by one: more than a body of 20 MiB has in spans."""


@dataclass(frozen=True, slots=True)
class Decoded(Generic[T]):
    """A value; what its texts may hold; whether the body had to be mended."""

    value: T
    escapes: Escapes
    mended: bool = False

    @property
    def unstorable(self) -> bool:
        """Whether text in it may be unstorable."""
        return self.escapes is Escapes.UNSTORABLE


def decode_stored(type_: type[T], body: bytes, max_depth: int = MAX_DEPTH) -> Decoded[T]:
    """A JSON value that is to be stored. Raises `InvalidInput`."""
    try:
        return Decoded(*decode_flagged(type_, body, max_depth))
    except InvalidInput as error:
        repaired = mended(body, error) if _is_about_json(error) else body
        if repaired == body:
            raise
    return Decoded(*decode_flagged(type_, repaired, max_depth), mended=True)


def decode_items(
    type_: type[T], body: bytes, path: bytes, item_depth: int, max_marks: int = MAX_MARKS_OF_ITEMS
) -> Decoded[T]:
    """As `decode_stored`; of the items in it, each that cannot be read becomes a text, see `reason_of`.

    `path` are the brackets around an item, outermost first; `item_depth` is how many levels of brackets an item may
    have, its own counted. Items are `msgspec.Raw` in the type, where `max_marks` are not those of one step. Raises
    `InvalidInput`.
    """
    try:
        return Decoded(*decode_flagged(type_, body, MAX_DEPTH, max_marks))
    except InvalidInput as error:
        if not _is_about_json(error):
            raise
        try:
            repaired = without_unreadable(mended(body, error), path, item_depth)
            return Decoded(*decode_flagged(type_, repaired, len(path) + item_depth, max_marks), mended=True)
        except InvalidInput:
            raise error from None


def decode_list(body: bytes, key: str, item_depth: int, *, bare: bool = False) -> Decoded[list[Any] | None]:
    """As `decode_items`, of the list under a key of the body, or of a `bare` list that is the body; `None` if
    there is none.

    Its items are decoded, or `msgspec.Raw` where the body is long or cannot be decoded in one step: see
    `decoded_item`. Raises `InvalidInput`.
    """
    return _decode_at_once(body, key, bare=bare) or _decode_one_by_one(body, key, item_depth, bare=bare)


def _decode_at_once(body: bytes, key: str, *, bare: bool) -> Decoded[list[Any] | None] | None:
    """The quick way, which most bodies allow."""
    if len(body) > LONG:
        return None
    try:
        value, escapes = decode_flagged(object, body)
    except InvalidInput:
        return None
    items = value.get(key) if isinstance(value, dict) else value if bare else None
    return Decoded(items, escapes) if isinstance(items, list) else None


def _decode_one_by_one(body: bytes, key: str, item_depth: int, *, bare: bool) -> Decoded[list[Any] | None]:
    if bare and body.lstrip()[:1] == b"[":
        listed = decode_items(list[msgspec.Raw], body, b"[", item_depth)
        return Decoded(listed.value, listed.escapes, listed.mended)
    keyed = decode_items(dict[str, msgspec.Raw], body, b"{[", item_depth)
    try:
        items = decoder(list[msgspec.Raw]).decode(keyed.value.get(key, msgspec.Raw()))
    except (msgspec.DecodeError, ValueError):
        items = None
    return Decoded(items, keyed.escapes, keyed.mended)


def decoded_item(item: Any) -> Any:
    """The value of an item of a list. Raises `InvalidInput`."""
    return decode_raw(bytes(item))[0] if item.__class__ is msgspec.Raw else item


def decode_raw(raw: bytes) -> tuple[Any, bool]:
    """Any JSON value that was part of a decoded body, as `msgspec.Raw`; whether it had to be mended.

    Raises `InvalidInput`.
    """
    try:
        return decode_checked(raw), False
    except InvalidInput as error:
        repaired = mended(raw, error)
        if repaired == raw:
            raise
    return decode_checked(repaired), True


def check_levels(value: object, max_levels: int) -> None:
    """Raises `InvalidInput` where lists and objects inside of this object nest deeper than `max_levels`."""
    layer: list[Any] = [value]
    for _ in range(max_levels + 1):
        layer = [item for one in layer for item in (one.values() if isinstance(one, dict) else one)]
        layer = [item for item in layer if isinstance(item, dict | list)]
        if not layer:
            return
    raise invalid(f"a value nests more than {max_levels} levels", "attributes", code="too_deep")


def _is_about_json(error: InvalidInput) -> bool:
    return error.problems[0].code in ("json_invalid", "json_too_deep", OUT_OF_RANGE)
