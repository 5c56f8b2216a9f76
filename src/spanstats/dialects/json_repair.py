"""JSON that is to be stored and cannot be decoded as it came: what is wrong costs its own part, not the whole body.

Bytes that are not UTF-8 become NUL, which content replaces and ids refuse (`storable.py`). `NaN` and `Infinity`, which
Python and JavaScript write though JSON has no such numbers, become texts of the same names, as in protobuf's JSON; so
do numbers that are larger than any double, or whole ones of more than 4,300 digits. Of several items, one that is no
JSON or nests too deep becomes a text that says so.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import isinf
from typing import Any, Generic, TypeVar

import msgspec

from ..errors import InvalidInput, invalid
from .json_body import (
    LONG,
    MAX_DEPTH,
    OUT_OF_RANGE,
    Escapes,
    check_marks,
    decode_checked,
    decode_flagged,
    decoder,
    encode,
    with_escapes,
    without_escapes,
)
from .storable import text_of_utf8

T = TypeVar("T")

# A bracket, or a string to its end. What begins with a set of bytes is searched for several times as fast.
_TOKEN = re.compile(rb'[\[\]{}"](?:(?<=")[^"]*+(?:"|\Z))?')
_PIECE = 256 * 1024
_OPENING, _CLOSING = b"[{", b"]}"
_UNREADABLE = "\0"
MAX_MARKS_OF_ITEMS = 5_000_000
"""Of a body whose items are decoded one by one: more than a body of 20 MiB has in spans."""
# About a second's work, and more than a body of 20 MiB has in spans.
_MAX_TOKENS = 2_000_000
_ANY = msgspec.json.Decoder()
_MAX_DIGITS = 4_300
"""Of a whole number: Python reads no more, as the time grows with their square."""
# What is perhaps too large. A search never goes over the same digits twice.
_LARGE = re.compile(
    rb"(?<![0-9.eE+-])-?+(?:[0-9]{309,}+(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+"
    rb"|[0-9]++(?:\.[0-9]++)?+[eE]\+?+[0-9]{3,}+)"
)


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
            repaired = _without_unreadable(mended(body, error), path, item_depth)
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
    return decode_part(bytes(item))[0] if item.__class__ is msgspec.Raw else item


def decode_part(part: bytes) -> tuple[Any, bool]:
    """Any JSON value that stood, as `msgspec.Raw`, in a body that was decoded; whether it had to be mended.

    Raises `InvalidInput`.
    """
    try:
        return decode_checked(part), False
    except InvalidInput as error:
        repaired = mended(part, error)
        if repaired == part:
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
    raise invalid(f"a value nests more than {max_levels} levels", "attributes", kind="too_deep")


def unreadable(reason: str) -> str:
    """The text that replaces an item which could not be read."""
    return _UNREADABLE + reason


def reason_of(item: object) -> str | None:
    """Why an item could not be read, where this is the text that replaced it."""
    return item[1:] if isinstance(item, str) and item.startswith(_UNREADABLE) else None


def _is_about_json(error: InvalidInput) -> bool:
    return error.problems[0].kind in ("json_invalid", "json_too_deep", OUT_OF_RANGE)


def mended(body: bytes, error: Exception) -> bytes:
    """The JSON, which failed so, with a text for what of it cannot be decoded, where there is such a text."""
    text = text_of_utf8(body, "\\u0000").encode()
    has_large = "out of range" in str(error)
    if b"NaN" not in text and b"Infinity" not in text and not has_large:
        return text
    return with_escapes(b"".join(_with_named(without_escapes(text), has_large=has_large)))


def _with_named(json: bytes, *, has_large: bool) -> Iterator[bytes]:
    """JSON without escapes by pieces, with a string for each number that JSON does not have or that is too large."""
    at, is_text = 0, False
    while at < len(json):
        end = json.find(b'"', at + _PIECE)
        end = len(json) if end < 0 else end
        parts = json[at:end].split(b'"')
        yield b'"'.join(
            part if (n % 2 == 1) != is_text else _named(part, has_large=has_large) for n, part in enumerate(parts)
        )
        at, is_text = end, (len(parts) % 2 == 0) != is_text


def _named(json: bytes, *, has_large: bool) -> bytes:
    """Of JSON without strings."""
    for name in (b"NaN", b"Infinity"):
        json = json.replace(name, b'"%b"' % name).replace(b'-"', b'"-')
    return b"".join(_without_large(json)) if has_large else json


def _without_large(json: bytes) -> Iterator[bytes]:
    """JSON without strings by pieces, between which other threads get their turn."""
    at = 0
    while at < len(json):
        end = json.find(b",", at + _PIECE)
        end = len(json) if end < 0 else end
        yield _LARGE.sub(lambda n: b'"%b"' % n[0] if _is_too_large(n[0]) else n[0], json[at:end])
        at = end


def _is_too_large(number: bytes) -> bool:
    if number.lstrip(b"-").isdigit() or len(number) > _MAX_DIGITS:
        return len(number.lstrip(b"-")) > _MAX_DIGITS
    return isinf(float(number))


def _without_unreadable(body: bytes, path: bytes, item_depth: int) -> bytes:
    """The body with a text for each item that cannot be read. Raises `InvalidInput` where brackets do not match."""
    parts, at = [], 0
    for start, end, depth in _items(body, path):
        reason = _problem(body[start:end], depth, item_depth)
        if reason is not None:
            parts += [body[at:start], encode(unreadable(reason)).encode()]
            at = end
    return b"".join([*parts, body[at:]])


def _problem(item: bytes, depth: int, item_depth: int) -> str | None:
    if depth > item_depth:
        return "nests too many levels"
    try:
        check_marks(item)
        _ANY.decode(item)
    except InvalidInput as error:
        return error.problems[0].message
    except (msgspec.DecodeError, ValueError) as error:
        return str(error)
    return None


def _items(body: bytes, path: bytes) -> Iterator[tuple[int, int, int]]:
    """(start, end, levels) of every list and object below these brackets. Raises `InvalidInput`."""
    body = without_escapes(body)
    open_: list[int] = []
    start = deepest = 0
    for token in islice(_TOKEN.finditer(body), _MAX_TOKENS):
        bracket = body[token.start()]
        if bracket in _OPENING:
            if len(open_) == len(path) and bytes(open_) == path:
                start, deepest = token.start(), 0
            open_.append(bracket)
            deepest = max(deepest, len(open_))
        elif bracket in _CLOSING:
            # `[` and `]`, `{` and `}` are two apart.
            if not open_ or open_.pop() != bracket - 2:
                break
            if len(open_) == len(path) and bytes(open_) == path:
                yield start, token.end(), deepest - len(path)
            elif not open_:
                return
    raise invalid("brackets do not match", kind="json_invalid")
