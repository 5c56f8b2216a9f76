"""Exact counts, sums, extremes and percentiles of groups of traces, group by one or two dimensions."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dimensions import Codes, Dimension, Key, coded
from .format import Numbers
from .measures import Measure, Measured, each_column
from .percentiles import percentiles
from .selection import Selection

# What a double holds exactly, and what is added up in 64 bits.
_EXACT_IN_DOUBLE = 2**53
_FITS = 2**62

_MOST_COUNTED = 2**18
"""Combinations of keys for each of which there is a counter, whether any trace has it or not."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups that have traces: `keys[g]` has a key for each dimension, `counts[g]` is how many traces."""

    selection: Selection
    keys: list[tuple[Key, ...]]
    counts: NDArray[np.int64]
    codes: list[Codes]
    """The group of each row of the chunk of part i; -1 for rows that are in none."""

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class GroupSums:
    """By group: how many values, and their exact sum. Without values the sum is 0."""

    counts: NDArray[np.int64]
    totals: Sequence[int]


def group(selection: Selection, dimensions: Sequence[Dimension]) -> Groups:
    """The selected traces by these dimensions (none: one group); groups stand in the order of their codes."""
    each = [coded(selection, dimension) for dimension in dimensions]
    sizes = [len(dimension.keys) for dimension in each]
    joined = [
        _joined([dimension.codes[i] for dimension in each], sizes, part.chunk.n)
        for i, part in enumerate(selection.parts)
    ]
    if math.prod(sizes) > _MOST_COUNTED:
        used, joined = _renumbered(selection, joined)
    else:
        used = np.arange(math.prod(sizes))
    counts = np.zeros(len(used), np.int64)
    for part, codes in zip(selection.parts, joined, strict=True):
        selection.check()
        counts += np.bincount(part.of(codes), minlength=len(used))
    has_traces = np.flatnonzero(counts)
    places = np.full(len(used), -1, np.int64)
    places[has_traces] = np.arange(len(has_traces))
    keys = [
        tuple(dimension.keys[place] for dimension, place in zip(each, _split(int(code), sizes), strict=True))
        for code in used[has_traces]
    ]
    return Groups(selection, keys, counts[has_traces], [places[codes] for codes in joined])


def _renumbered(selection: Selection, joined: Sequence[Codes]) -> tuple[NDArray[np.int64], list[Codes]]:
    """The codes that selected traces have, and for each row the place among these; rows without one get any place."""
    selected = [np.unique(part.of(codes)) for part, codes in zip(selection.parts, joined, strict=True)]
    used = np.unique(np.concatenate(selected))
    return used, [np.minimum(np.searchsorted(used, codes), max(len(used) - 1, 0)) for codes in joined]


def _joined(codes: Sequence[Codes], sizes: Sequence[int], n: int) -> Codes:
    if not codes:
        return np.zeros(n, np.int64)
    found = codes[0]
    for of_dimension, size in zip(codes[1:], sizes[1:], strict=True):
        found = found * size + of_dimension
    return found


def _split(code: int, sizes: Sequence[int]) -> list[int]:
    places = []
    for size in reversed(sizes):
        code, place = divmod(code, size)
        places.append(place)
    return places[::-1]


def group_sums(groups: Groups, measure: Measure) -> GroupSums:
    """The sums of the measure by group."""
    counts, totals, bound = np.zeros(len(groups), np.int64), np.zeros(len(groups), np.int64), 0
    large = np.zeros(len(groups), object)
    for column, codes in _each(groups, measure):
        valid = column.numbers.valid
        of_values = codes if valid is None else codes[valid]
        found = np.bincount(of_values, minlength=len(groups))
        counts += found
        added, most = _totals(column.numbers, of_values, found)
        bound += most
        if added.dtype == object or bound >= _FITS:
            large += totals.astype(object) + added
            totals[:], bound = 0, 0
        else:
            totals += added
    return GroupSums(counts, [int(total) for total in (totals.astype(object) + large)])


def _totals(numbers: Numbers, groups: Codes, counts: NDArray[np.int64]) -> tuple[NDArray[Any], int]:
    """Of each group, and no total is larger than the second number; as objects where they may not fit 64 bits."""
    codes = numbers.codes if numbers.valid is None else numbers.codes[numbers.valid]
    most = int(codes.max(initial=0))
    bound = (abs(numbers.low) + numbers.step * most) * len(codes)
    if bound < _FITS and most * len(codes) < _EXACT_IN_DOUBLE:
        sums = np.bincount(groups, weights=codes, minlength=len(counts)).astype(np.int64)
        return counts * numbers.low + sums * numbers.step, bound
    # In parts of 32 bits, whose sums a double holds exactly.
    wide = codes.astype(np.uint64)
    low = np.bincount(groups, weights=wide & np.uint64(2**32 - 1), minlength=len(counts)).astype(np.int64)
    high = np.bincount(groups, weights=wide >> np.uint64(32), minlength=len(counts)).astype(np.int64)
    sums = low.astype(object) + high.astype(object) * 2**32
    return counts.astype(object) * numbers.low + sums * numbers.step, bound


def group_extremes(groups: Groups, measure: Measure) -> list[tuple[int, int] | None]:
    """Lowest and highest value by group, `None` where there is none."""
    low, high = np.full(len(groups), 2**63 - 1, np.int64), np.full(len(groups), -(2**63), np.int64)
    has = np.zeros(len(groups), np.bool_)
    for column, codes in _each(groups, measure):
        values, of_values = _valid(column.numbers, codes)
        np.minimum.at(low, of_values, values)
        np.maximum.at(high, of_values, values)
        has[of_values] = True
    return [(int(low[g]), int(high[g])) if has[g] else None for g in range(len(groups))]


def group_percentiles(
    groups: Groups, measure: Measure, shares: Sequence[Fraction], wanted: Sequence[int]
) -> list[list[Fraction | None]]:
    """The percentiles of each wanted group, as `percentiles` has them."""
    place = np.full(len(groups) + 1, -1, np.int64)
    place[np.array(wanted, np.int64)] = np.arange(len(wanted))
    values: list[NDArray[np.int64]] = []
    places: list[Codes] = []
    for column, codes in _each(groups, measure):
        numbers, of_values = _valid(column.numbers, place[codes])
        values.append(numbers[of_values >= 0])
        places.append(of_values[of_values >= 0])
    if not values:
        return [[None] * len(shares) for _ in wanted]
    all_places, all_values = np.concatenate(places), np.concatenate(values)
    in_order = all_values[np.argsort(all_places, kind="stable")]
    ends = np.cumsum(np.bincount(all_places, minlength=len(wanted)))
    groups.selection.check()
    return [percentiles(of_group, shares) for of_group in np.split(in_order, ends[:-1])] if wanted else []


def _valid(numbers: Numbers, codes: Codes) -> tuple[NDArray[np.int64], Codes]:
    values = numbers.values()
    return (values, codes) if numbers.valid is None else (values[numbers.valid], codes[numbers.valid])


def _each(groups: Groups, measure: Measure) -> Iterator[tuple[Measured, Codes]]:
    """Each column of the measure beside the groups of its values."""
    codes = {id(part): of_part for part, of_part in zip(groups.selection.parts, groups.codes, strict=True)}
    for column in each_column(groups.selection, measure):
        yield column, column.of_rows(codes[id(column.part)])
