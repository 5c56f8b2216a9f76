"""Which item of a data set a trace is of: the key that its client gave it, else a digest of its root's input.

Two runs over the same inputs so pair by themselves. Digests are 16 bytes, written as hex digits.
"""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec

NO_KEY = ""
"""An empty input: one digest for all such traces would pair everything with everything."""

_BYTES = 16
_EMPTY: tuple[Any, ...] = (None, "", {}, [], {"args": [], "kwargs": {}})
_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode
_DIGEST = re.compile("(?:[0-9a-f]{32}){1,2}")
_BEFORE_JSON = frozenset("{[ \t\r\n")
"""How a text begins that may be a JSON object or array."""
_LARGEST = 2.0**63


def input_key(document: str | None) -> str:
    """The key of an input, a JSON document as text: the same for equal documents, `NO_KEY` for an empty one."""
    canonical = _canonical(document)
    return NO_KEY if canonical is None else sha256(canonical).hexdigest()[: 2 * _BYTES]


def target_key(document: str | None) -> int | None:
    """A signed 64-bit digest of a target, a JSON document as text; `None` for an empty one."""
    canonical = _canonical(document)
    return None if canonical is None else int.from_bytes(sha256(canonical).digest()[:8], "big", signed=True)


def key_of_text(text: str) -> str:
    """The key of a comparison key as sent. One that is a SHA-256 digest, whole or its first half, is that digest: what
    a client reads here and sends with another run names the same item."""
    if _DIGEST.fullmatch(text):
        return text[: 2 * _BYTES]
    return sha256(b"comparison_key:" + text.encode()).hexdigest()[: 2 * _BYTES]


def _canonical(document: str | None) -> bytes | None:
    """Equal for equal values: keys in order, numbers by value, text that is a JSON object or array itself as that."""
    if document is None or document in ("null", '""'):
        return None
    if document[:1] == document[-1:] == '"' and document[1:2] not in _BEFORE_JSON and "\\" not in document:
        # Text is written in one way alone, but for its escapes.
        return document.encode()
    try:
        value = _plain(_decode(document), parse=True)
        return None if value in _EMPTY else _encode(value)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        # Numbers that no double holds, or nested deeper than is decoded: equal only where it is written the same.
        return document.encode(errors="replace")


def _plain(value: Any, *, parse: bool) -> Any:
    """Changes the containers themselves: they were decoded for this."""
    type_ = value.__class__
    if type_ is str:
        return _parsed(value) if parse and value[:1] in _BEFORE_JSON else value
    if type_ is dict:
        _plain_members(value, value.items(), parse=parse)
    elif type_ is list:
        _plain_members(value, enumerate(value), parse=parse)
    elif type_ is float and value.is_integer() and abs(value) < _LARGEST:
        return int(value)
    return value


def _plain_members(container: Any, members: Iterable[tuple[Any, Any]], *, parse: bool) -> None:
    """Most members stay as they are, and cost no call."""
    for key, member in members:
        type_ = member.__class__
        if type_ is str:
            if parse and member[:1] in _BEFORE_JSON:
                container[key] = _parsed(member)
        elif type_ is dict or type_ is list or type_ is float:
            container[key] = _plain(member, parse=parse)


def _parsed(text: str) -> Any:
    """The object or array that the text is; text inside of that is not looked into again."""
    try:
        value = _decode(text)
        return _plain(value, parse=False) if value.__class__ in (dict, list) else text
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return text
