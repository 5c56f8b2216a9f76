"""A span as OTLP has it, the same from both encodings."""

import re
from typing import Any

import msgspec

from ...errors import invalid
from ..names.evaluations import is_evaluation
from ..names.usage import FIRST_TOKEN_EVENTS

_HEX = re.compile("[0-9a-fA-F]+")


# Bits of a span's flags: whether they say if the parent is remote, and whether it is.
_SAYS_REMOTE, _IS_REMOTE = 0x100, 0x200


def is_remote(flags: int) -> bool:
    """Whether a span's parent is in another process, so that the span is where this one begins."""
    return flags & _SAYS_REMOTE != 0 and flags & _IS_REMOTE != 0


def is_read(event_name: str | None) -> bool:
    """Whether anything is read from an event of this name."""
    return event_name == "exception" or event_name in FIRST_TOKEN_EVENTS or is_evaluation(event_name)


class WireEvent(msgspec.Struct):
    """Its time is nanoseconds since 1970, 0 where it was not sent."""

    name: str
    time_ns: int
    attributes: dict[str, Any]


class WireSpan(msgspec.Struct):
    """Ids are lower-case hex, times nanoseconds since 1970 (0: not sent), attributes JSON values by name.

    `events` are only the events that are read; `resource` are the attributes of the sender.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start_ns: int
    end_ns: int
    status_code: int
    status_message: str
    attributes: dict[str, Any]
    events: list[WireEvent]
    resource: dict[str, Any]
    remote_parent: bool = False


def hex_id(value: object, field: str, digits: int) -> str:
    """A trace or span id: `digits` hexadecimal digits, not all zero (OTLP: such an id is invalid)."""
    if not isinstance(value, str) or len(value) != digits or not _HEX.fullmatch(value):
        raise invalid(f"must be {digits} hexadecimal digits", field)
    if not value.strip("0"):
        raise invalid("must not be all zero", field)
    return value.lower()


def finite(value: float) -> float | str:
    """JSON has no such numbers, so they are kept as protobuf's JSON mapping names them."""
    if value != value:
        return "NaN"
    return value if abs(value) != float("inf") else "Infinity" if value > 0 else "-Infinity"
