"""Exact order statistics (percentiles): the values at some ranks, found without sorting all values."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from .cells import cells_of
from .chunk import Numbers

_FEW = 2**17
"""This many are sorted at once."""


def order_statistics(columns: Sequence[Numbers], ranks: Collection[int]) -> dict[int, int]:
    """The values at these ranks, counted from 0, among all sorted values of the columns.

    Every row of the columns has a value. Values are counted by their highest bits; only values that share these with
    one of the ranks are sorted.
    """
    if not ranks:
        return {}
    columns = [column for column in columns if len(column.codes)]
    cells = cells_of(columns)
    counts = cells.counts(columns)
    ends = np.cumsum(counts)
    cell_of = {rank: int(np.searchsorted(ends, rank, "right")) for rank in ranks}
    if cells.shift == 0:
        return {rank: cells.start(cell) for rank, cell in cell_of.items()}
    holds_rank = np.zeros(cells.n, np.bool_)
    holds_rank[list(cell_of.values())] = True
    values = cells.values_in(columns, holds_rank)
    # Where the values of a cell begin among those of wanted cells.
    starts = np.cumsum(np.where(holds_rank, counts, 0)) - counts
    among = {rank: int(starts[cell] + rank - (ends[cell] - counts[cell])) for rank, cell in cell_of.items()}
    by_position = _at(values, among.values(), int(np.count_nonzero(holds_rank)))
    return {rank: by_position[position] for rank, position in among.items()}


def _at(values: NDArray[np.int64], ranks: Collection[int], cells: int) -> dict[int, int]:
    if len(values) > _FEW and cells == 1:
        low = int(values.min())
        return order_statistics([Numbers(low, 1, values.view(np.uint64) - np.uint64(low % 2**64))], ranks)
    values.sort()
    return {rank: int(values[rank]) for rank in ranks}
