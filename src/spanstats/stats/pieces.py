"""How a day of an experiment is cut into stretches of time, each of which is sliced as one, and which to make anew.

Large stretches are read fastest, small ones are made anew fastest: a stretch is the widest of a few widths that has
not too many traces, or one minute.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .rollups import DAY, HOUR, MINUTE

MOST_TRACES = 16_384
"""In a stretch that is wider than a minute."""

WORTH = 16
"""A stretch is made anew once one in so many of its traces is marked."""

_WIDTHS = (DAY.length_us, 6 * HOUR.length_us, HOUR.length_us, 10 * MINUTE.length_us, MINUTE.length_us)

Stretch: TypeAlias = tuple[int, int]
"""From, to (exclusive), microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Stretches to make, and stored ones that they take the place of."""

    make: list[Stretch]
    drop: list[Stretch]


def plan(
    day: int, counts: Mapping[int, int], stored: Sequence[Stretch], marked: Mapping[int, bool], most: int = MOST_TRACES
) -> Plan:
    """What to do about the marked minutes of the day that begins at `day`: about as much as `most` traces at a time.

    A stretch is worth it where a mark has waited for long (`marked` says which), or much of it is marked.
    `counts` is how many traces start in a minute, as far as that is known; it decides on widths and worth alone.
    """
    pieces = _pieces((day, day + DAY.length_us), counts, most)
    wanted = [piece for piece in pieces if _is_worth_it(piece, counts, marked)]
    make: list[Stretch] = []
    work = 0
    for piece in wanted:
        if make and work + _traces_in(piece, counts) > most:
            break
        make.append(piece)
        work += _traces_in(piece, counts)
    drop = [old for old in stored if any(_overlap(old, new) for new in make)]
    return Plan(make, drop)


def _pieces(piece: Stretch, counts: Mapping[int, int], most: int) -> Iterator[Stretch]:
    start, end = piece
    narrower = next((width for width in _WIDTHS if width < end - start), None)
    if narrower is None or _traces_in(piece, counts) <= most:
        yield piece
        return
    inside = {minute: n for minute, n in counts.items() if start <= minute < end}
    for begin in range(start, end, narrower):
        yield from _pieces((begin, begin + narrower), inside, most)


def _traces_in(piece: Stretch, counts: Mapping[int, int]) -> int:
    return sum(n for minute, n in counts.items() if piece[0] <= minute < piece[1])


def _is_worth_it(piece: Stretch, counts: Mapping[int, int], marked: Mapping[int, bool]) -> bool:
    inside = {minute: has_waited for minute, has_waited in marked.items() if piece[0] <= minute < piece[1]}
    traces_marked = sum(counts.get(minute, 0) for minute in inside)
    return any(inside.values()) or (bool(inside) and traces_marked * WORTH >= _traces_in(piece, counts))


def _overlap(a: Stretch, b: Stretch) -> bool:
    return a[0] < b[1] and b[0] < a[1]
