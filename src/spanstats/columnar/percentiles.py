"""Order statistics and percentiles, exact: linear interpolation between them (Hyndman and Fan 1996, type 7)."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .measures import Measure, each_column
from .selection import Selection


def values(selection: Selection, measure: Measure) -> NDArray[np.int64]:
    """All values of the measure, in no order."""
    found = []
    for column in each_column(selection, measure):
        numbers = column.numbers.values()
        found.append(numbers if column.numbers.valid is None else numbers[column.numbers.valid])
    return np.concatenate(found) if found else np.empty(0, np.int64)


def order_statistics(numbers: NDArray[np.int64], ranks: Sequence[int]) -> list[int]:
    """What stands at these ranks, counted from 0, once the numbers are sorted. The array is reordered."""
    if ranks:
        numbers.partition(sorted(set(ranks)))
    return [int(numbers[rank]) for rank in ranks]


def percentiles(numbers: NDArray[np.int64], shares: Sequence[Fraction]) -> list[Fraction | None]:
    """The percentile for each share (0 to 1): with h = (n - 1) * share, between the values at the ranks around h.

    `None` where there is no number. The array is reordered.
    """
    n = len(numbers)
    if not n:
        return [None] * len(shares)
    positions = [(n - 1) * share for share in shares]
    below = [int(position) for position in positions]
    above = [min(rank + 1, n - 1) for rank in below]
    found = order_statistics(numbers, below + above)
    pairs = zip(positions, below, found[: len(shares)], found[len(shares) :], strict=True)
    return [low + (position - rank) * (high - low) for position, rank, low, high in pairs]
