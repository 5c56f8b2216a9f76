"""Exact histograms: counts of values between edges, and counts of each different value."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .cells import Cells, cells_of
from .chunk import Numbers

_LIMIT = 2**63
_SMALL = 2
"""Bytes of codes that are counted one by one."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of values in each bin, below the first edge, and above the last."""

    counts: list[int]
    below: int
    above: int


def counts_between(columns: Sequence[Numbers], edges: Sequence[Fraction | int]) -> Counts:
    """Bin i holds values from edge i up to, not including, edge i + 1; the last bin includes its upper edge.

    Every row of the columns has a value. Edges ascend; there are at least two.
    """
    # A whole number is at least an edge where it is at least the next whole number.
    bounds = [*(_within(math.ceil(edge)) for edge in edges[:-1]), _within(math.floor(edges[-1]) + 1)]
    reachable = np.array([bound for bound in bounds if bound < _LIMIT], np.int64)
    counts = np.zeros(len(bounds) + 1, np.int64)
    columns = [column for column in columns if len(column.codes)]
    if columns:
        counts[: len(reachable) + 1] = _counts(columns, reachable)
    return Counts([int(count) for count in counts[1:-1]], int(counts[0]), int(counts[-1]))


def _counts(columns: Sequence[Numbers], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """At i: how many values have i bounds at or below them.

    Values are counted by their highest bits; values that share them with a bound are looked at one by one.
    """
    cells = cells_of(columns)
    counts = cells.counts(columns)
    starts, ends = _ranges(cells)
    below, at_end = np.searchsorted(bounds, starts, "right"), np.searchsorted(bounds, ends, "right")
    is_cut = below != at_end
    by_bounds = np.zeros(len(bounds) + 1, np.int64)
    np.add.at(by_bounds, below[~is_cut], counts[~is_cut])
    of_cut = np.searchsorted(bounds, cells.values_in(columns, is_cut), "right")
    return by_bounds + np.bincount(of_cut, minlength=len(by_bounds))


def _ranges(cells: Cells) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The lowest and the highest value of each cell."""
    # Modulo 2 ** 64, which is exact: every value fits 64 bits.
    offsets = np.arange(cells.n, dtype=np.uint64) << np.uint64(cells.shift)
    starts = (offsets + np.uint64(cells.low % 2**64)).view(np.int64)
    return starts, np.append(starts[1:] - 1, cells.high)


def extremes(column: Numbers, *, positive: bool = False) -> tuple[int, int] | None:
    """The lowest and the highest value, of those above 0 if they are to be `positive`; `None` where there is none."""
    codes = column.codes
    if positive and column.low <= 0:
        # The lowest code whose value is above 0.
        first = -column.low // column.step + 1
        codes = codes[codes >= first] if first <= int(codes.max(initial=0)) else codes[:0]
    if not len(codes):
        return None
    return column.low + column.step * int(codes.min()), column.low + column.step * int(codes.max())


def different_values(columns: Sequence[Numbers], most: int) -> list[tuple[int, int]] | None:
    """Each value and how often it is there, ascending; `None` where there are more than `most`."""
    by_value: dict[int, int] = {}
    for column in columns:
        codes, counts = _different_codes(column, most)
        if len(codes) > most:
            return None
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            value = column.low + column.step * code
            by_value[value] = by_value.get(value, 0) + count
        if len(by_value) > most:
            return None
    return sorted(by_value.items())


def _different_codes(column: Numbers, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if column.codes.dtype.itemsize <= _SMALL:
        counts = np.bincount(column.codes)
        codes = np.flatnonzero(counts)
        return codes, counts[codes]
    # To sort all of them takes long, and mostly a few are enough.
    sample = np.unique(column.codes[: 8 * most])
    if len(sample) > most:
        return sample.astype(np.int64), np.zeros(len(sample), np.int64)
    codes, counts = np.unique(column.codes, return_counts=True)
    return codes, counts


def _within(bound: int) -> int:
    return min(max(bound, -_LIMIT), _LIMIT)
