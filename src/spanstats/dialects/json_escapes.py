"""The escapes in JSON text: whether there are any, and which ones no text may keep."""

import re
from collections.abc import Iterator
from enum import Enum

# Half a surrogate pair: the first without the second behind it, or the second without the first before it.
_FIRST, _SECOND, _DIGITS = rb"[89abAB]", rb"[c-fC-F]", rb"[0-9a-fA-F]{2}"
_LONE = re.compile(
    rb"\\u[dD](?:%b%b(?!\\u[dD]%b)|(?<!\\u[dD]%b%b\\u[dD])%b%b)"
    % (_FIRST, _DIGITS, _SECOND, _FIRST, _DIGITS, _SECOND, _DIGITS)
)
_FIRST_HALF = re.compile(rb"\\u[dD]%b%b" % (_FIRST, _DIGITS))
_ESCAPE = len(rb"\ud800")
_FRAGMENT = 256 * 1024
_BACKSLASH, _QUOTATION_MARK = b"\xff\xfe", b"\xff\xfd"
"""Escapes while they are hidden, of the same length: no UTF-8 has these bytes."""


class Escapes(Enum):
    """What the texts of JSON may hold because of escapes such as `\\u00e9`."""

    NONE = 0
    UNICODE = 1
    """Text that is itself JSON may hold a NUL or half a surrogate pair, once it is decoded."""
    UNSTORABLE = 2
    """Text may hold one of these itself."""


def has_escapes(body: bytes) -> bool:
    """Whether any text of the JSON is escaped. One byte is found far faster than two: asked first, it is free."""
    return b"\\" in body


def escapes_in(body: bytes) -> Escapes:
    """What the texts of the JSON may hold."""
    if not has_unicode_escapes(body):
        return Escapes.NONE
    is_unstorable = b"\\u0000" in body or b"\\ud" in body or b"\\uD" in body
    return Escapes.UNSTORABLE if is_unstorable else Escapes.UNICODE


def has_unicode_escapes(body: bytes) -> bool:
    """Whether any text is escaped like `\\u00e9`, or looks like that."""
    return has_escapes(body) and b"\\u" in body


def without_lone_surrogates(body: bytes) -> bytes:
    """The JSON text, in UTF-8, with every escape of half a surrogate pair made an escaped NUL."""
    return with_escapes(b"".join(_without_lone(without_escapes(body))))


def _without_lone(json: bytes) -> Iterator[bytes]:
    """JSON without escaped backslashes by fragments, between which other threads get their turn."""
    at = 0
    while at < len(json):
        end = json.find(b"\\", at + _FRAGMENT)
        if end < 0:
            end = len(json)
        elif _FIRST_HALF.fullmatch(json, end - _ESCAPE, end):
            # What begins here may be the second half.
            end -= _ESCAPE
        yield _LONE.sub(rb"\\u0000", json[at:end])
        at = end


def without_escapes(body: bytes) -> bytes:
    """JSON text, in UTF-8, with bytes of the same length for each escaped backslash and quotation mark.

    What is left of these two then are the beginnings of other escapes, and the marks around texts.
    """
    return body.replace(b"\\\\", _BACKSLASH).replace(b'\\"', _QUOTATION_MARK)


def with_escapes(body: bytes) -> bytes:
    """The opposite of `without_escapes`."""
    return body.replace(_QUOTATION_MARK, b'\\"').replace(_BACKSLASH, b"\\\\")
