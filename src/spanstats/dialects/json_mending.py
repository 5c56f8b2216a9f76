"""A text for each part of a JSON body that cannot be decoded: bytes that are not UTF-8, and numbers that JSON lacks.

`NaN` and `Infinity`, which Python and JavaScript write though JSON has no such numbers, become texts of the same names,
as in protobuf's JSON; so do numbers that are larger than any double, and whole ones of more than 4,300 digits.
"""

import re
from collections.abc import Iterator
from math import isinf

from .json_escapes import with_escapes, without_escapes
from .storable import text_of_utf8

_FRAGMENT = 256 * 1024

_MAX_DIGITS = 4_300
"""Of a whole number: Python reads no more, as the time grows with their square."""

# What is perhaps too large. A search never goes over the same digits twice.
_LARGE = re.compile(
    rb"(?<![0-9.eE+-])-?+(?:[0-9]{309,}+(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+"
    rb"|[0-9]++(?:\.[0-9]++)?+[eE]\+?+[0-9]{3,}+)"
)


def mended(body: bytes, error: Exception) -> bytes:
    """The JSON, which failed so, with a text for what of it cannot be decoded, where there is such a text."""
    text = text_of_utf8(body, "\\u0000").encode()
    has_large = "out of range" in str(error)
    if b"NaN" not in text and b"Infinity" not in text and not has_large:
        return text
    return with_escapes(b"".join(_with_named(without_escapes(text), has_large=has_large)))


def _with_named(json: bytes, *, has_large: bool) -> Iterator[bytes]:
    """JSON without escapes by fragments, with a string for each number that JSON does not have or that is too large."""
    at, is_text = 0, False
    while at < len(json):
        end = json.find(b'"', at + _FRAGMENT)
        end = len(json) if end < 0 else end
        texts = json[at:end].split(b'"')
        yield b'"'.join(
            text if (n % 2 == 1) != is_text else _named(text, has_large=has_large) for n, text in enumerate(texts)
        )
        at, is_text = end, (len(texts) % 2 == 0) != is_text


def _named(json: bytes, *, has_large: bool) -> bytes:
    """Of JSON without strings."""
    for name in (b"NaN", b"Infinity"):
        json = json.replace(name, b'"%b"' % name).replace(b'-"', b'"-')
    return b"".join(_without_large(json)) if has_large else json


def _without_large(json: bytes) -> Iterator[bytes]:
    """JSON without strings by fragments, between which other threads get their turn."""
    at = 0
    while at < len(json):
        end = json.find(b",", at + _FRAGMENT)
        end = len(json) if end < 0 else end
        yield _LARGE.sub(lambda n: b'"%b"' % n[0] if _is_too_large(n[0]) else n[0], json[at:end])
        at = end


def _is_too_large(number: bytes) -> bool:
    if number.lstrip(b"-").isdigit() or len(number) > _MAX_DIGITS:
        return len(number.lstrip(b"-")) > _MAX_DIGITS
    return isinf(float(number))
