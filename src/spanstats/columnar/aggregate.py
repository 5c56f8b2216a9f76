"""Exact sums over selected traces: whole numbers of any size, over any columns."""

from dataclasses import dataclass

import numpy as np

from .chunk import Array, Numbers
from .measures import Measure, ScoresOf, each_column
from .selection import Selection

_EXACT_IN_DOUBLE = 2**53
_LIMB = 16
"""Bits of a code that are squared at a time: products of 65,536 rows fit 64 bits."""


@dataclass(slots=True)
class NumberSums:
    """Over the values there are: sums of them and of their squares, extremes (`None` without values)."""

    count: int = 0
    total: int = 0
    squares: int = 0
    low: int | None = None
    high: int | None = None

    def add(self, numbers: Numbers, *, squares: bool = False, extremes: bool = True) -> None:
        """The values of one more column. Without `extremes` these are not looked for, nor known afterwards."""
        codes, valid = numbers.codes, numbers.valid
        if valid is not None:
            codes = codes[valid]
        count = len(codes)
        if not count:
            return
        base, step = numbers.low, numbers.step
        self.count += count
        if codes.strides == (0,):
            self._add_equal(base, count, squares=squares, extremes=extremes)
            return
        code_sum = sum_of(codes)
        self.total += base * count + step * code_sum
        if squares:
            self.squares += base * base * count + 2 * base * step * code_sum + step * step * sum_of_squares(codes)
        if not extremes:
            return
        self._add_extremes(base + step * int(np.minimum.reduce(codes)), base + step * int(np.maximum.reduce(codes)))

    def _add_equal(self, value: int, count: int, *, squares: bool, extremes: bool) -> None:
        """All are this value: a column that has it in every row."""
        self.total += value * count
        if squares:
            self.squares += value * value * count
        if extremes:
            self._add_extremes(value, value)

    def _add_extremes(self, low: int, high: int) -> None:
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)


def sums(selection: Selection, measure: Measure, *, squares: bool = False) -> NumberSums:
    """The sums of the measure over the selected traces; of its squares only if asked for."""
    total = NumberSums()
    for column in each_column(selection, measure):
        total.add(column.numbers, squares=squares)
    return total


def traces_with(selection: Selection, measure: Measure) -> int:
    """How many of the selected traces have at least one value of the measure."""
    n = 0
    has: dict[int, Array] = {}
    for column in each_column(selection, measure):
        valid = column.numbers.valid
        if not isinstance(measure, ScoresOf):
            n += column.view.n if valid is None else int(np.count_nonzero(valid))
            continue
        rows = has.setdefault(id(column.view), np.zeros(column.view.chunk.n, np.bool_))
        of_values = column.of_rows(np.arange(column.view.chunk.n))
        rows[of_values if valid is None else of_values[valid]] = True
    return n + sum(int(np.count_nonzero(rows)) for rows in has.values())


def sum_of(codes: Array) -> int:
    """The sum of unsigned codes. Codes of 8 bytes are added in two halves, so that each sum fits 64 bits."""
    if codes.dtype.itemsize < 8:
        return int(np.add.reduce(codes, dtype=np.uint64))
    low, high = codes & np.uint64(2**32 - 1), codes >> np.uint64(32)
    return int(low.sum(dtype=np.uint64)) + (int(high.sum(dtype=np.uint64)) << 32)


def sum_of_squares(codes: Array) -> int:
    """The sum of the squares of unsigned codes, of at most 65,536 rows."""
    width = codes.dtype.itemsize * 8
    bound = int(np.maximum.reduce(codes, initial=0)) ** 2 * len(codes)
    if bound < _EXACT_IN_DOUBLE:
        exact = codes.astype(np.float64)
        return int(np.dot(exact, exact))
    wide = codes.astype(np.uint64)
    if bound < 2**64:
        return int(np.dot(wide, wide))
    mask = np.uint64(2**_LIMB - 1)
    limbs = [(wide >> np.uint64(shift)) & mask for shift in range(0, width, _LIMB)]
    products = (int(np.dot(a, b)) << (_LIMB * (i + j)) for i, a in enumerate(limbs) for j, b in enumerate(limbs))
    return sum(products)
