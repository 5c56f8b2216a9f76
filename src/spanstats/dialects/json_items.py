"""The items of a JSON body, each lists or objects below the same brackets: one that cannot be read becomes a text."""

import re
from collections.abc import Iterator
from itertools import islice

import msgspec

from ..errors import InvalidInput, invalid
from .json_body import encode
from .json_escapes import without_escapes
from .json_limits import check_marks

# A bracket, or a string to its end. What begins with a set of bytes is searched for several times as fast.
_TOKEN = re.compile(rb'[\[\]{}"](?:(?<=")[^"]*+(?:"|\Z))?')

_OPENING, _CLOSING = b"[{", b"]}"

_UNREADABLE = "\0"

# About a second's work, and more than a body of 20 MiB has in spans.
_MAX_TOKENS = 2_000_000

_ANY = msgspec.json.Decoder()


def unreadable(reason: str) -> str:
    """The text that replaces an item which could not be read."""
    return _UNREADABLE + reason


def reason_of(item: object) -> str | None:
    """Why an item could not be read, where this is the text that replaced it."""
    return item[1:] if isinstance(item, str) and item.startswith(_UNREADABLE) else None


def without_unreadable(body: bytes, path: bytes, item_depth: int) -> bytes:
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
    raise invalid("brackets do not match", code="json_invalid")
