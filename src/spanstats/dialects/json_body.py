"""Strict JSON for every route: what is not JSON, or too deep or too big to hold, is refused and never a crash.

NaN and Infinity are no JSON; of duplicate keys the last wins. NUL and lone surrogates, which JSON lets through as
escapes, come out as NUL, so that an identifier can refuse it and content can replace it (`storable.py`).
"""

import re
from codecs import BOM_UTF8
from typing import Any, TypeVar

import msgspec

from ..errors import InvalidInput, invalid
from .json_escapes import Escapes, escapes_in, without_lone_surrogates
from .json_limits import MAX_DEPTH, MAX_MARKS, check_depth, check_marks, too_deep

OUT_OF_RANGE = "json_out_of_range"
"""The code of the problem that a number has too many digits, or is larger than any double."""

T = TypeVar("T")

_ANY = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()
_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {}

_AT_BYTE = re.compile(r"\(byte (\d+)\)")
_CONSTANT = re.compile(rb"-?(NaN|Infinity)")


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
        raise invalid("must be an object", code="dict_type")
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


def decode_checked(raw: bytes | msgspec.Raw) -> Any:
    """Any JSON value that was part of a decoded body, as `msgspec.Raw`. Raises `InvalidInput`."""
    check_marks(raw)
    try:
        return _ANY.decode(raw)
    except (msgspec.DecodeError, ValueError) as error:
        raise invalid(str(error), code="json_invalid") from None


def _decode(json: "msgspec.json.Decoder[T]", body: bytes, max_depth: int, max_marks: int) -> tuple[T, Escapes]:
    check_marks(body, max_marks)
    try:
        body.decode()
        check_depth(body, max_depth)
        escapes = escapes_in(body)
        storable = without_lone_surrogates(body) if escapes is Escapes.UNSTORABLE else body
        return json.decode(storable), escapes
    except UnicodeDecodeError:
        raise invalid("must be UTF-8", code="json_invalid") from None
    except RecursionError:
        raise too_deep(max_depth) from None
    except msgspec.ValidationError as error:
        raise invalid(str(error), code=OUT_OF_RANGE if "out of range" in str(error) else "json_type") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise invalid(_named(str(error), body), code="json_invalid") from None


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


def encode(value: Any) -> str:
    """A value that came out of `decode` as JSON text, without blanks."""
    return _ENCODER.encode(value).decode()
