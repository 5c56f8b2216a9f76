"""A span as OTLP has it, the same from both encodings."""

import re
from typing import Any

import msgspec

from ...errors import invalid

_HEX = re.compile("[0-9a-fA-F]+")


class WireSpan(msgspec.Struct):
    """Ids are lower-case hex, times nanoseconds since 1970 (0: not sent), attributes JSON values by name."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start_ns: int
    end_ns: int
    status_code: int
    status_message: str
    attributes: dict[str, Any]
    exceptions: list[dict[str, Any]]
    service_name: Any = None
    environment: Any = None


def hex_id(value: object, field: str, digits: int) -> str:
    """A trace or span id: so many hexadecimal digits, not all zero (OTLP: such an id is invalid)."""
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
