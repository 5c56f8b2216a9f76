"""The values of OTLP in JSON: attributes of all types, 64-bit integers, times."""

from typing import Any

from ...domain.values import number
from ...errors import invalid
from ..numbers import is_unknown
from .json_request import KeyValue, Value
from .wire import finite

_INT64 = 2**63
_SURELY_64_BITS = 18
"""A number of this many digits always fits."""
_MAX_NS = 2**64


def nanoseconds(value: int | str | float | None, field: str) -> int:
    """A time in nanoseconds, 0 where none was sent. Raises `InvalidInput`."""
    if value.__class__ is int and 0 <= value < _MAX_NS:
        return value
    if isinstance(value, str) and len(value) <= 20 and value.isascii() and value.isdecimal():
        return int(value)
    if not value:
        return 0
    whole = int(number(value, field))
    if not 0 <= whole < _MAX_NS:
        raise invalid("is out of range", field, code="out_of_range")
    return whole


def attributes_of(pairs: list[KeyValue] | None) -> dict[str, Any]:
    """The values by key. Raises `InvalidInput`."""
    if not pairs:
        return {}
    # Most values are texts: the first check decides.
    return {
        pair.key: _value(value) if value is None or value.string_value is None else value.string_value
        for pair in pairs
        for value in (pair.value,)
    }


def _value(value: Value | None) -> Any:
    """The JSON value of an attribute's value; bytes stay base64."""
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        return _int64(value.int_value)
    if value.bool_value is not None:
        return value.bool_value
    if value.double_value is not None:
        return value.double_value if isinstance(value.double_value, str) else finite(value.double_value)
    if value.array_value is not None:
        return [_value(item) for item in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return attributes_of(value.kvlist_value.values)
    return value.bytes_value


def _int64(value: int | str | float) -> int | None:
    """A whole number in any of its forms; `None` for what says that none is known."""
    if isinstance(value, str) and len(value) <= _SURELY_64_BITS and value.isascii() and value.isdecimal():
        return int(value)
    if is_unknown(value):
        return None
    if value.__class__ is not int:
        exact = number(value, "intValue")
        value = int(exact) if exact == exact.to_integral_value() else _INT64
    if not -_INT64 <= value < _INT64:
        raise invalid("must be a 64-bit integer", "intValue", code="int_type")
    return value
