"""Strict JSON for every route: what is not JSON, or too deep or too big to hold, is refused and never a crash.

NaN and Infinity are no JSON; of duplicate keys the last wins. NUL and lone surrogates, which JSON lets through as
escapes, come out as NUL, so that an identifier can refuse it and content can replace it (`storable.py`).
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from enum import Enum
from typing import Any, TypeVar

import msgspec

from ..errors import InvalidInput, invalid

MAX_DEPTH = 64
LONG = 256 * 1024
"""What is longer, in bytes, is counted before it is decoded, and decoded beside other requests."""
MAX_MARKS = 2_000_000
"""Brackets that open, commas and quotation marks of JSON decoded in one step: some tenths of a second's work."""

OUT_OF_RANGE = "json_out_of_range"
"""The kind of the problem that a number has too many digits, or is larger than any double."""

T = TypeVar("T")

_ANY = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()
_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {}

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
_AT_BYTE = re.compile(r"\(byte (\d+)\)")
_CONSTANT = re.compile(rb"-?(NaN|Infinity)")
_NO_MARKS = bytes(set(range(256)) - set(b'[{,"'))
_OTHERS = bytes(set(range(256)) - set(b'[]{}"'))
_ONE_BRACKET = bytes.maketrans(b"{}", b"[]")


class Escapes(Enum):
    """What the texts of JSON may hold because of escapes such as `\\u00e9`."""

    NONE = 0
    UNICODE = 1
    """Text that is itself JSON may hold a NUL or half a surrogate pair, once it is decoded."""
    UNSTORABLE = 2
    """Text may hold one of these itself."""


def decoder(type_: type[T]) -> msgspec.json.Decoder[T]:
    """The decoder of a type, built once."""
    if type_ not in _DECODERS:
        _DECODERS[type_] = msgspec.json.Decoder(type_)
    return _DECODERS[type_]


def decode(body: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """Any JSON value. Raises `InvalidInput`."""
    return _decode(_ANY, body, max_depth, MAX_MARKS)[0]


def as_object(value: Any) -> dict[str, Any]:
    """The value where it is an object. Raises `InvalidInput`."""
    if not isinstance(value, dict):
        raise invalid("must be an object", kind="dict_type")
    return value


def as_object_or_none(value: Any) -> dict[str, Any] | None:
    """The value where it is an object, the object of a text that is JSON of one, else `None`."""
    if isinstance(value, str):
        try:
            value = decode(value.encode("utf-8", "surrogatepass"))
        except InvalidInput:
            return None
    return value if isinstance(value, dict) else None


def decode_as(type_: type[T], body: bytes, max_depth: int = MAX_DEPTH) -> T:
    """A JSON value of this type; unknown fields are ignored. Raises `InvalidInput`."""
    return _decode(decoder(type_), body, max_depth, MAX_MARKS)[0]


def decode_flagged(
    type_: type[T], body: bytes, max_depth: int = MAX_DEPTH, max_marks: int = MAX_MARKS
) -> tuple[T, Escapes]:
    """As `decode_as`, and what its texts may hold. Raises `InvalidInput`."""
    return _decode(decoder(type_), body, max_depth, max_marks)


def decode_checked(part: bytes | msgspec.Raw) -> Any:
    """Any JSON value that was part of a decoded body, as `msgspec.Raw`. Raises `InvalidInput`."""
    check_marks(part)
    try:
        return _ANY.decode(part)
    except (msgspec.DecodeError, ValueError) as error:
        raise invalid(str(error), kind="json_invalid") from None


def check_marks(part: bytes | msgspec.Raw, max_marks: int = MAX_MARKS) -> None:
    """Refuse JSON of very many small values: decoding them in one step holds up every other request.

    Raises `InvalidInput`. Escaped quotation marks, as in text that is itself JSON, are not counted.
    """
    if len(part) <= LONG:
        return
    body = bytes(part)
    if has_escapes(body):
        body = _without_escaped_quotes(body)
    if len(body.translate(None, _NO_MARKS)) > max_marks:
        raise invalid("must be JSON of fewer values", kind="json_too_many")


def _without_escaped_quotes(body: bytes) -> bytes:
    return body.replace(b"\\\\", b"").replace(b'\\"', b"")


def _decode(json: "msgspec.json.Decoder[T]", body: bytes, max_depth: int, max_marks: int) -> tuple[T, Escapes]:
    check_marks(body, max_marks)
    try:
        body.decode()
        check_depth(body, max_depth)
        escapes = escapes_in(body)
        storable = without_lone_surrogates(body) if escapes is Escapes.UNSTORABLE else body
        return json.decode(storable), escapes
    except UnicodeDecodeError:
        raise invalid("must be UTF-8", kind="json_invalid") from None
    except RecursionError:
        raise _too_deep(max_depth) from None
    except msgspec.ValidationError as error:
        raise invalid(str(error), kind=OUT_OF_RANGE if "out of range" in str(error) else "json_type") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise invalid(_named(str(error), body), kind="json_invalid") from None


def _named(message: str, body: bytes) -> str:
    """What is malformed, with the name of a number that JSON does not have, or of the mark before the JSON."""
    if body.startswith(BOM_UTF8):
        return "must not begin with a byte order mark"
    if message == "Input data was truncated":
        return "JSON is cut short" if body.strip() else "is empty, where JSON is expected"
    match = _AT_BYTE.search(message)
    # The byte is that behind a sign.
    constant = _CONSTANT.search(body, max(0, int(match[1]) - 1), int(match[1]) + 8) if match else None
    return f"{message}: {constant[0].decode()} is no JSON" if constant else message


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


def check_depth(body: bytes, max_depth: int) -> None:
    """Refuse brackets nested deeper than the limit, outside of strings."""
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
        raise _too_deep(max_depth)


def _too_deep(max_depth: int) -> InvalidInput:
    return invalid(f"must be JSON nested at most {max_depth} deep", kind="json_too_deep")


def encode(value: Any) -> str:
    """A value that came out of `decode` as JSON text, without blanks."""
    return _ENCODER.encode(value).decode()
