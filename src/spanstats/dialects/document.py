"""Content as JSON documents in text form: kept as sent where possible, empty ones as not carried."""

from typing import Any

import msgspec

from ..errors import InvalidInput
from .json_body import decode, encode
from .json_repair import decode_raw
from .storable import scrub

SENT_AS_TEXT = "sent_as_text"
"""The attribute of a span that names the content which was sent as text and is kept as the JSON that it is."""

_EMPTY = frozenset({b"null", b"{}", b"[]"})
# The first character shows that a text is plain, without an attempt to read it.
_BEGINS_JSON = frozenset('{["-0123456789tfn \t\r\n')


def from_value(value: Any) -> str | None:
    """The document of a decoded value; `None` for null and for an empty list or object."""
    if value is None or value == [] or value == {}:
        return None
    text = encode(value)
    # One character is found many times faster than six.
    return encode(scrub(value)) if "\\" in text and "\\u0000" in text else text


def from_raw(raw: msgspec.Raw) -> str | None:
    """The document that was part of a decoded body, byte for byte unless it cannot be stored. Raises `InvalidInput`."""
    body = bytes(raw)
    if not body or body in _EMPTY:
        return None
    unstorable = b"\\u0000" in body
    if body[:1] == b'"' and not unstorable:
        return body.decode()
    value, is_mended = decode_raw(body)
    return from_value(value) if unstorable or is_mended or not value else body.decode()


def from_text(text: str) -> str | None:
    """The document of text that is meant to be JSON; text that is not becomes a JSON string."""
    if not text:
        return None
    if text[0] not in _BEGINS_JSON:
        return from_value(text)
    try:
        value = decode(text.encode("utf-8", "surrogatepass"))
    except InvalidInput:
        return from_value(text)
    if "\\u" in text or not value:
        return from_value(value)
    return text


def parsed(text: str | None) -> Any:
    """The value of a document."""
    return None if text is None else decode(text.encode())
