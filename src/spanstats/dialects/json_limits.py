"""How deep and of how many values JSON may be, found out before it is decoded."""

import msgspec

from ..errors import InvalidInput, invalid
from .json_escapes import has_escapes

MAX_DEPTH = 64
LONG = 256 * 1024
"""What is longer, in bytes, is counted before it is decoded, and decoded beside other requests."""
MAX_MARKS = 2_000_000
"""Brackets that open, commas and quotation marks of JSON decoded in one step: some tenths of a second's work."""

_NO_MARKS = bytes(set(range(256)) - set(b'[{,"'))
_OTHERS = bytes(set(range(256)) - set(b'[]{}"'))
_ONE_BRACKET = bytes.maketrans(b"{}", b"[]")


def check_marks(json: bytes | msgspec.Raw, max_marks: int = MAX_MARKS) -> None:
    """Refuse JSON of very many small values: decoding them in one step holds up every other request.

    Raises `InvalidInput`. Escaped quotation marks, as in text that is itself JSON, are not counted.
    """
    if len(json) <= LONG:
        return
    body = bytes(json)
    if has_escapes(body):
        body = _without_escaped_quotes(body)
    if len(body.translate(None, _NO_MARKS)) > max_marks:
        raise invalid("must be JSON of fewer values", code="json_too_many")


def _without_escaped_quotes(body: bytes) -> bytes:
    return body.replace(b"\\\\", b"").replace(b'\\"', b"")


def check_depth(body: bytes, max_depth: int) -> None:
    """Refuse brackets nested deeper than the limit, outside of strings. Raises `InvalidInput`."""
    if body.count(b"[") + body.count(b"{") <= max_depth:
        return
    if has_escapes(body):
        body = _without_escaped_quotes(body)
    # Text without brackets leaves two quotes in a row; without them, quotes still open and close in turn.
    unquoted = body.translate(_ONE_BRACKET, _OTHERS).replace(b'""', b"")
    brackets = b"".join(unquoted.split(b'"')[::2])
    if len(brackets) <= max_depth:
        return
    for _ in range(max_depth):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"")  # the innermost level
    if brackets:
        raise too_deep(max_depth)


def too_deep(max_depth: int) -> InvalidInput:
    """The error of JSON that is nested deeper."""
    return invalid(f"must be JSON nested at most {max_depth} deep", code="json_too_deep")
