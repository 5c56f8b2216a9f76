"""Times as clients send them, made into whole microseconds since 1970, and back to text.

A time outside 1970 to 2200 is refused by name, never clamped. Every function raises `InvalidInput` located at `field`.
"""

import math
import re
from datetime import UTC, datetime

from ..errors import invalid
from .values import MICRO, number

MAX_TIME_US = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * MICRO


def instant(value: object, field: str) -> int | None:
    """A `moment` between 1970 and 2200."""
    us = moment(value, field)
    return None if us is None else _in_range(us, field)


def moment(value: object, field: str) -> int | None:
    """ISO 8601 text as microseconds, cut; no zone is UTC; a date alone is its midnight; `None` for null and empty.

    A space where a `+` was (an offset that was not percent-encoded) is read as the plus. Years 1 to 9999: what is only
    compared with stored times may lie outside their range.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > 64:
        raise invalid("must be an ISO 8601 time", field, code="datetime_parsing")
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        parsed = _spaced(value, field)
    return since_epoch(parsed)


def _spaced(value: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(_SPACED_OFFSET.sub(r"\1+\2", value.strip().upper()))
    except ValueError:
        raise invalid("must be an ISO 8601 time", field, code="datetime_parsing") from None


_SPACED_OFFSET = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_EPOCH_NAIVE = datetime(1970, 1, 1)


def since_epoch(when: datetime) -> int:
    """Microseconds since 1970; subtraction never overflows, where a conversion to UTC would near year 1 and 9999."""
    delta = when - _EPOCH if when.tzinfo else when - _EPOCH_NAIVE
    return (delta.days * 86_400 + delta.seconds) * MICRO + delta.microseconds


def _in_range(us: int, field: str) -> int:
    if not 0 <= us <= MAX_TIME_US:
        raise invalid("must lie between 1970 and 2200", field, code="out_of_range")
    return us


def epoch(value: object, field: str, unit_per_second: int) -> int | None:
    """A count since 1970 in 1/unit seconds as microseconds, cut; `None` for null and zero."""
    if value is None or value == 0 or value == "0" or value == "":
        return None
    exact = number(value, field) * MICRO / unit_per_second
    return _in_range(math.floor(exact), field)


def iso(us: int) -> str:
    """A time as ISO 8601 with zone, such as `2026-11-21T18:53:26.439017+00:00`."""
    whole, part = divmod(us, MICRO)
    return datetime.fromtimestamp(whole, UTC).replace(microsecond=part).isoformat()
