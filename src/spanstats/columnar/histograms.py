"""Counts of values between edges, exact."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_LIMIT = 2**63
_CELL_BITS = 12


@dataclass(frozen=True, slots=True)
class Counts:
    """How many values lie in each bin, below the first edge, and above the last."""

    counts: list[int]
    below: int
    above: int


def counts_between(numbers: NDArray[np.int64], edges: Sequence[Fraction | int]) -> Counts:
    """Bin i holds values from edge i up to, not including, edge i + 1; the last bin includes its upper edge.

    Edges ascend; there are at least two.
    """
    # A whole number is at least an edge where it is at least the next whole number.
    bounds = [*(_within(math.ceil(edge)) for edge in edges[:-1]), _within(math.floor(edges[-1]) + 1)]
    reachable = np.array([bound for bound in bounds if bound < _LIMIT], np.int64)
    found = np.zeros(len(bounds) + 1, np.int64)
    if len(numbers):
        found[: len(reachable) + 1] = _counts(numbers, reachable)
    return Counts([int(count) for count in found[1:-1]], int(found[0]), int(found[-1]))


def _counts(numbers: NDArray[np.int64], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many numbers have as many bounds at or below them as the place says.

    Numbers are counted by their highest bits, which is fast; numbers that share them with a bound are looked at one by
    one.
    """
    low, high = int(numbers.min()), int(numbers.max())
    shift = max(0, (high - low).bit_length() - _CELL_BITS)
    # Unsigned, the difference of two numbers is exact.
    cells = ((numbers.view(np.uint64) - np.uint64(low % 2**64)) >> np.uint64(shift)).astype(np.intp)
    of_cells = np.bincount(cells)
    first = (low + (cell << shift) for cell in range(len(of_cells)))
    starts = np.fromiter((min(start, _LIMIT - 1) for start in first), np.int64, len(of_cells))
    ends = np.append(starts[1:] - 1, high)
    below, at_end = np.searchsorted(bounds, starts, "right"), np.searchsorted(bounds, ends, "right")
    is_cut = below != at_end
    found = np.zeros(len(bounds) + 1, np.int64)
    np.add.at(found, below[~is_cut], of_cells[~is_cut])
    of_cut = np.searchsorted(bounds, numbers[is_cut[cells]], "right")
    return found + np.bincount(of_cut, minlength=len(found))


def different_values(numbers: NDArray[np.int64], most: int) -> list[tuple[int, int]] | None:
    """Each value and how often it is there, ascending; `None` where there are more than `most`."""
    sample = numbers[: 8 * most]
    if len(np.unique(sample)) > most:
        return None
    found, counts = np.unique(numbers, return_counts=True)
    if len(found) > most:
        return None
    return [(int(value), int(count)) for value, count in zip(found, counts, strict=True)]


def _within(bound: int) -> int:
    return min(max(bound, -_LIMIT), _LIMIT)
