"""Divide a day of an experiment into segments, each of which is stored as a whole, and choose the segments to refresh.

Large segments are read fastest, and small ones are refreshed fastest. A segment has the largest of some widths at which
it has not too many traces, or one minute.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..domain.window import DAY_US, HOUR_US, MINUTE_US
from .format import MOST_TRACES

WORTH = 16
"""A segment is refreshed once one in this many of its traces is in an invalid minute."""

_WIDTHS = (
    *(hours * HOUR_US for hours in (24, 12, 6, 3, 1)),
    *(minutes * MINUTE_US for minutes in (30, 10, 5, 1)),
)
"""Each is a whole number of the next one."""

Segment: TypeAlias = tuple[int, int]
"""From, to (exclusive), microseconds since 1970; whole minutes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Segments to write, and stored ones that they replace."""

    write: list[Segment]
    drop: list[Segment]


def plan(
    day: int, counts: Mapping[int, int], stored: Sequence[Segment], invalid: Mapping[int, bool], most: int = MOST_TRACES
) -> Plan:
    """The segments to refresh for the invalid minutes of the day that begins at `day`, about `most` traces at a time.

    A segment is refreshed if one of its minutes has waited for long (the values of `invalid`), or if much of it is
    invalid. `counts` has the number of traces that start in a minute, as far as it is known; it decides widths and
    worth alone.
    """
    segments = _segments((day, day + DAY_US), counts, most)
    worthwhile = [segment for segment in segments if _is_worth_it(segment, counts, invalid)]
    write: list[Segment] = []
    work = 0
    for segment in worthwhile:
        if write and work + _traces_in(segment, counts) > most:
            break
        write.append(segment)
        work += _traces_in(segment, counts)
    drop = [old for old in stored if any(overlap(old, new) for new in write)]
    return Plan(write, drop)


def overlap(a: Segment, b: Segment) -> bool:
    """Whether the two segments have some time in common."""
    return a[0] < b[1] and b[0] < a[1]


def _segments(segment: Segment, counts: Mapping[int, int], most: int) -> Iterator[Segment]:
    start, end = segment
    narrower = next((width for width in _WIDTHS if width < end - start), None)
    if narrower is None or _traces_in(segment, counts) <= most:
        yield segment
        return
    inside = {minute: n for minute, n in counts.items() if start <= minute < end}
    for begin in range(start, end, narrower):
        yield from _segments((begin, begin + narrower), inside, most)


def _traces_in(segment: Segment, counts: Mapping[int, int]) -> int:
    return sum(n for minute, n in counts.items() if segment[0] <= minute < segment[1])


def _is_worth_it(segment: Segment, counts: Mapping[int, int], invalid: Mapping[int, bool]) -> bool:
    inside = {minute: has_waited for minute, has_waited in invalid.items() if segment[0] <= minute < segment[1]}
    traces_invalid = sum(counts.get(minute, 0) for minute in inside)
    return any(inside.values()) or (bool(inside) and traces_invalid * WORTH >= _traces_in(segment, counts))
