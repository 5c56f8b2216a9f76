"""Ranges of time in whole microseconds since 1970."""

from dataclasses import dataclass

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


@dataclass(frozen=True, slots=True)
class Window:
    """On the trace's start, microseconds since 1970: start inclusive, end exclusive, `None` is unbounded."""

    start_us: int | None = None
    end_us: int | None = None
