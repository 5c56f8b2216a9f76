"""Exact sums and extremes of groups of traces."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .aggregate import sum_of
from .chunk import Array
from .groups import Counted, GroupedColumn, Groups
from .measures import Measure, NumberOf

# What a double holds exactly, and what is added up in 64 bits.
_EXACT_IN_DOUBLE = 2**53
_FITS = 2**62
_HALF = 32

Totals: TypeAlias = NDArray[Any]
"""Whole numbers: in 64 bits, or objects where these do not suffice."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupSums:
    """By group: how many values, and their exact sum. Without values the sum is 0."""

    counts: Counted
    totals: Totals

    def together(self, group_numbers: NDArray[np.intp]) -> tuple[int, int]:
        """The count and the sum of these groups."""
        return int(self.counts[group_numbers].sum()), total_of(self.totals[group_numbers])


def total_of(totals: Totals) -> int:
    """All of them together."""
    return sum(totals.tolist())


class _Adder:
    """Sums of groups, which grow column by column."""

    def __init__(self, size: int) -> None:
        self._small = np.zeros(size, np.int64)
        self._large = np.zeros(size, object)
        self._bound = 0

    def add(self, groups: NDArray[np.intp], totals: Totals, bound: int) -> None:
        """Add totals of codes that lead to these groups. No total of 64 bits is larger than the bound."""
        if totals.dtype == object:
            np.add.at(self._large, groups, totals)
            return
        if self._bound + bound >= _FITS:
            self._large += self._small
            self._small[:], self._bound = 0, 0
        np.add.at(self._small, groups, totals)
        self._bound += bound

    def totals(self) -> Totals:
        return self._large + self._small if self._large.any() else self._small


def group_sums(groups: Groups, measure: Measure) -> GroupSums:
    """The sums of the measure by group."""
    counts, totals = np.zeros(len(groups), np.int64), _Adder(len(groups))
    is_in_every_row = _is_in_every_row(groups, measure)
    for column in groups.each(measure):
        of_column = column.counts()
        if not is_in_every_row:
            np.add.at(counts, column.by.groups, of_column)
        totals.add(column.by.groups, *_totals(column, of_column))
    return GroupSums(groups.counts if is_in_every_row else counts, totals.totals())


def _is_in_every_row(groups: Groups, measure: Measure) -> bool:
    """Whether each trace has one value."""
    views = (by.view for by in groups.views)
    return isinstance(measure, NumberOf) and all(p.chunk.numbers(measure.column).valid is None for p in views)


def group_extremes(groups: Groups, measure: Measure) -> list[tuple[int, int] | None]:
    """Lowest and highest value by group, `None` where there is none."""
    low, high = np.full(len(groups), 2**63 - 1, np.int64), np.full(len(groups), -(2**63), np.int64)
    has = np.zeros(len(groups), np.bool_)
    for column in groups.each(measure):
        if not len(column.codes):
            continue
        codes, starts = _runs(column.codes)
        values = column.numbers.values()[np.argsort(column.codes, kind="stable")]
        groups_of_runs = column.by.groups[codes]
        np.minimum.at(low, groups_of_runs, np.minimum.reduceat(values, starts))
        np.maximum.at(high, groups_of_runs, np.maximum.reduceat(values, starts))
        has[groups_of_runs] = True
    return [(int(low[g]), int(high[g])) if has[g] else None for g in range(len(groups))]


def _runs(codes: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The different codes, and where each begins once the codes are sorted."""
    counts = np.bincount(codes)
    different = np.flatnonzero(counts)
    return different, np.cumsum(counts[different]) - counts[different]


def _totals(column: GroupedColumn, counts: Counted) -> tuple[Totals, int]:
    """By code, and what none of them is larger than; as objects where they may not fit 64 bits."""
    numbers, size = column.numbers, len(counts)
    highest = int(numbers.codes.max(initial=0))
    # Where all codes are 0 the step counts for nothing, and may be larger than what an array holds.
    step = numbers.step if highest else 0
    bound = (abs(numbers.low) + step * highest) * len(numbers.codes)
    sums = _sums_of_codes(numbers.codes, highest, column.codes, size)
    if bound < _FITS:
        return counts * numbers.low + sums.astype(np.int64) * step, bound
    return counts.astype(object) * numbers.low + sums.astype(object) * step, bound


def _sums_of_codes(values: Array, highest: int, codes: Array, size: int) -> Totals:
    """The exact sums of unsigned numbers by code."""
    if size == 1:
        return np.array([sum_of(values)], object)
    if highest == 0:
        return np.zeros(size, np.int64)
    if highest == 1:
        return np.bincount(codes[values.astype(np.bool_)], minlength=size)
    if highest * len(values) < _EXACT_IN_DOUBLE:
        return added(values, codes, size)
    # In halves, whose sums a double holds exactly.
    wide = values.astype(np.uint64)
    low, high = added(wide & np.uint64(2**_HALF - 1), codes, size), added(wide >> np.uint64(_HALF), codes, size)
    both: Totals = low.astype(object) + high.astype(object) * 2**_HALF
    return both


def added(values: Array, codes: Array, size: int) -> NDArray[np.int64]:
    """Sums by code that a double holds exactly."""
    # To convert the arrays here takes a fourth of the time of leaving that to `bincount`.
    sums = np.bincount(codes.astype(np.intp), weights=values.astype(np.float64), minlength=size)
    return sums.astype(np.int64)
