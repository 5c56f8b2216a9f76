"""Counts of values between edges, exact."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_LIMIT = 2**63


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
    whole = [_within(math.ceil(edge)) for edge in edges[:-1]]
    after = _within(math.floor(edges[-1]) + 1)
    bounds = np.array([*whole, after], object)
    reachable = [bound for bound in bounds if bound < _LIMIT]
    bins = np.searchsorted(np.array(reachable, np.int64), numbers, side="right")
    found = [int(count) for count in np.bincount(bins, minlength=len(bounds) + 1)]
    return Counts(found[1:-1], found[0], found[-1])


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
