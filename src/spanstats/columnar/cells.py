"""Count values by their highest bits, so that only the few values near a searched one are compared one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .chunk import Array, Mask, Numbers

_BITS = 14
"""Of a cell's number: counters of 16,384 cells stay in the processor's nearest cache."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Ranges of equal width, from `low` to `high`: the value v is in the cell (v - low) >> shift."""

    low: int
    high: int
    shift: int

    @property
    def n(self) -> int:
        return ((self.high - self.low) >> self.shift) + 1

    def start(self, cell: int) -> int:
        """The lowest value of the cell."""
        return self.low + (cell << self.shift)

    def counts(self, columns: Sequence[Numbers]) -> NDArray[np.int64]:
        """How many values are in each cell."""
        counts = np.zeros(self.n, np.int64)
        for column in columns:
            counts += np.bincount(self._of(column), minlength=self.n)
        return counts

    def values_in(self, columns: Sequence[Numbers], in_cells: Mask) -> NDArray[np.int64]:
        """All values in the wanted cells, in no order."""
        arrays = [np.empty(0, np.int64)]
        for column in columns:
            codes = column.codes[in_cells[self._of(column)]]
            arrays.append(Numbers(column.low, column.step, codes).values())
        return np.concatenate(arrays)

    def _of(self, column: Numbers) -> Array:
        """The cell of each value."""
        distances = offsets(column, self.low, self.high)
        cells: Array = (distances >> distances.dtype.type(self.shift)).astype(np.intp)
        return cells


def cells_of(columns: Sequence[Numbers]) -> Cells:
    """Cells for all values of these columns. Every row of them has a value; there is at least one row."""
    low, high = extent(columns)
    return Cells(low, high, max(0, (high - low).bit_length() - _BITS))


def extent(columns: Sequence[Numbers]) -> tuple[int, int]:
    """The range of the values of these columns. Each column has rows, and every row has a value."""
    low = min(column.low for column in columns)
    return low, max(column.low + column.step * int(column.codes.max()) for column in columns)


def offsets(column: Numbers, low: int, high: int) -> Array:
    """How much each value is above `low`; none is above `high`."""
    wide: Any = np.uint32 if high - low < 2**32 else np.uint64
    distances: Array = column.codes.astype(wide, copy=False)
    if column.step != 1:
        # A larger step is only multiplied by 0.
        distances = distances * wide(column.step % 2 ** (8 * distances.itemsize))
    if column.low != low:
        distances = distances + wide(column.low - low)
    return distances
