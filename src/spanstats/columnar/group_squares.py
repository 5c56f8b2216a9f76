"""Exact sums of squares of groups of traces."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .aggregate import sum_of_squares
from .cells import extent, offsets
from .chunk import Array
from .group_sums import added, group_sums
from .groups import GroupedColumn, Groups
from .measures import Measure

_LIMB = 16
"""Bits of a number that are multiplied at a time: products of 65,536 rows are exact in the doubles that add them up."""


def group_squares(groups: Groups, measure: Measure) -> list[int]:
    """The sum of the squares of the values by group."""
    columns = [column for column in groups.each(measure) if len(column.codes)]
    if not columns:
        return [0] * len(groups)
    low, high = extent([column.numbers for column in columns])
    # The value is low + offset.
    sums = group_sums(groups, measure)
    counts, totals = (np.asarray(array, object) for array in (sums.counts, sums.totals))
    of_offsets = _squares_of_offsets(columns, low, high, len(groups))
    return [int(total) for total in of_offsets + 2 * low * totals - low**2 * counts]


def _squares_of_offsets(columns: Sequence[GroupedColumn], low: int, high: int, size: int) -> NDArray[np.object_]:
    if size == 1:
        return np.array([sum(sum_of_squares(offsets(column.numbers, low, high)) for column in columns)], object)
    # Limb by limb: a sum of 32,768 columns fits 64 bits.
    limbs = range(0, (high - low).bit_length(), _LIMB)
    by_limbs = {(i, j): np.zeros(size, np.int64) for i in limbs for j in limbs if j <= i}
    for column in columns:
        of_column = offsets(column.numbers, low, high)
        for shifts, products in _products(of_column, list(limbs)):
            np.add.at(by_limbs[shifts], column.by.groups, added(products, column.codes, len(column.by.groups)))
    total = np.zeros(size, object)
    for (i, j), sums in by_limbs.items():
        total += sums.astype(object) * 2 ** (i + j + (i != j))
    return total


def _products(numbers: Array, limbs: list[int]) -> Iterator[tuple[tuple[int, int], Array]]:
    """Products of each two limbs, by the shifts of these."""
    mask = np.uint64(2**_LIMB - 1)
    parts = {shift: (numbers.astype(np.uint64) >> np.uint64(shift)) & mask for shift in limbs}
    for i in limbs:
        for j in limbs:
            if j <= i:
                yield (i, j), parts[i] * parts[j]
