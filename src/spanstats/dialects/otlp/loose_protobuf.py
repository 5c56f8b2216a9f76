"""Protobuf read part by part, for bodies that the generated classes refuse as a whole.

Those fail a whole request for one text that is not UTF-8, one value that nests more than some thirty levels, or one
span that is cut. Here such a text loses its bad bytes, and what cannot be read costs its own span.

https://protobuf.dev/programming-guides/encoding: a message is a row of (field number and wire type, value).
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from ...errors import invalid
from ..storable import text_of_utf8

_VARINT, _FIXED64, BYTES, _FIXED32 = 0, 1, 2, 5
CUT = -1
"""Instead of a wire type: the value ends before it is whole."""
_SIZES = {_VARINT: 0, _FIXED64: 8, BYTES: 0, _FIXED32: 4}
_ANY_INT64 = 2**64 - 1
_MAX_FIELDS = 100_000
"""Of one message, with those in it: about a second's work."""

Field = tuple[int, int, Any]


def fields(data: bytes) -> Iterator[Field]:
    """(number, wire type, value) of each field; the last one is `CUT` where fewer bytes are left than it announces.

    Raises `InvalidInput` where the bytes make no sense.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, wire_type = key >> 3, key & 7
        if not number or wire_type not in _SIZES:
            raise _unreadable()
        if wire_type == _VARINT:
            value, at = _varint(data, at)
            yield number, wire_type, value
            continue
        size = _SIZES[wire_type]
        if wire_type == BYTES:
            size, at = _varint(data, at)
        yield number, wire_type if size <= end - at else CUT, data[at : at + size]
        at += size


class Counted:
    """Reads the fields of a message and of those in it, a bounded number in all.

    An empty message takes two bytes, so a body may have millions; no real export does.
    """

    def __init__(self, limit: int) -> None:
        self._left = limit

    def fields(self, data: bytes) -> Iterator[Field]:
        """As the function. Raises `InvalidInput` also where there are too many."""
        for field in fields(data):
            self._left -= 1
            if self._left < 0:
                raise invalid("has too many fields", code="protobuf_invalid")
            yield field


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(value, where it ends)."""
    value = 0
    for shift, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value & _ANY_INT64, at + shift + 1
    raise _unreadable()


def _unreadable() -> Exception:
    return invalid("is not protobuf", code="protobuf_invalid")


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


# Type of a field -> (its wire type, what the value on the wire is).
_SCALARS: dict[int, tuple[int, Callable[[Any], Any]]] = {
    FieldDescriptor.TYPE_STRING: (BYTES, text_of_utf8),
    FieldDescriptor.TYPE_BYTES: (BYTES, bytes),
    FieldDescriptor.TYPE_BOOL: (_VARINT, bool),
    FieldDescriptor.TYPE_INT64: (_VARINT, _signed),
    FieldDescriptor.TYPE_INT32: (_VARINT, _signed),
    FieldDescriptor.TYPE_ENUM: (_VARINT, _signed),
    FieldDescriptor.TYPE_UINT32: (_VARINT, int),
    FieldDescriptor.TYPE_FIXED64: (_FIXED64, lambda raw: struct.unpack("<Q", raw)[0]),
    FieldDescriptor.TYPE_FIXED32: (_FIXED32, lambda raw: struct.unpack("<I", raw)[0]),
    FieldDescriptor.TYPE_DOUBLE: (_FIXED64, lambda raw: struct.unpack("<d", raw)[0]),
}


class LooseMessage:
    """A message that is read like one of the generated classes: its fields are attributes, with their defaults."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._values: dict[str, Any] = {}
        self._members: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        field = self._descriptor.fields_by_name[name]
        if field.is_repeated:
            return []
        return field.default_value if field.message_type is None else LooseMessage(field.message_type)

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802  (the name that generated classes have)
        """The member of the group that was sent."""
        return self._members.get(group)

    def put(self, field: FieldDescriptor, value: Any) -> None:
        """As the next value of this field: added where it is repeated, else it replaces the one before."""
        if field.is_repeated:
            self._values.setdefault(field.name, []).append(value)
            return
        self._values[field.name] = value
        if field.containing_oneof is not None:
            self._members[field.containing_oneof.name] = field.name


def read_message(data: bytes, descriptor: Descriptor, levels_left: int, counted: Counted | None = None) -> LooseMessage:
    """The message in these bytes, of which a value may nest `levels_left` levels.

    Fields that are unknown, or of another wire type, are passed over, as protobuf has it. Raises `InvalidInput`.
    """
    counted = counted or Counted(_MAX_FIELDS)
    message = LooseMessage(descriptor)
    by_number = descriptor.fields_by_number
    for number, wire_type, value in counted.fields(data):
        field = by_number.get(number)
        if wire_type == CUT:
            raise invalid("is cut short", code="protobuf_invalid")
        if field is None:
            continue
        if field.message_type is None:
            expected, read = _SCALARS[field.type]
            if wire_type == expected:
                message.put(field, read(value))
        elif wire_type == BYTES:
            # A member that is a message holds further values: a list, or an object.
            levels = levels_left - 1 if field.containing_oneof is not None else levels_left
            if levels < 0:
                raise invalid("a value nests too many levels", "attributes", code="too_deep")
            message.put(field, read_message(value, field.message_type, levels, counted))
    return message
