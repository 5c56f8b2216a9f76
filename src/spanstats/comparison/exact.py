"""Sums over arrays of whole numbers that are exact at any size: int64 where it holds them, else Python's."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Whole: TypeAlias = NDArray[Any]
"""Of int64, or of Python's whole numbers (dtype object)."""

_LIMB = 21
_MASK = (1 << _LIMB) - 1
# This many products of two limbs add up within 63 bits.
_AT_ONCE = 1 << 20
_FITS = 1 << 62


def total(values: Whole) -> int:
    """The sum."""
    if values.dtype == object:
        return sum(values.tolist())
    return int((values >> 32).sum()) * (1 << 32) + int((values & 0xFFFFFFFF).sum())


def dot(left: Whole, right: Whole) -> int:
    """The sum of the products."""
    if object in (left.dtype, right.dtype):
        return sum(x * y for x, y in zip(left.tolist(), right.tolist(), strict=True))
    total = 0
    for start in range(0, len(left), _AT_ONCE):
        total += _dot(left[start : start + _AT_ONCE], right[start : start + _AT_ONCE])
    return total


def _dot(left: NDArray[np.int64], right: NDArray[np.int64]) -> int:
    """Limb by limb; the highest limb keeps the sign."""
    limbs, others = _limbs(left), _limbs(right)
    return sum(int(np.dot(x, y)) << (_LIMB * (i + j)) for i, x in enumerate(limbs) for j, y in enumerate(others))


def _limbs(values: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    limbs = []
    while _largest(values) > _MASK >> 1:
        limbs.append(values & _MASK)
        values = values >> _LIMB
    return [*limbs, values]


def _largest(values: Whole) -> int:
    return max(abs(int(values.max())), abs(int(values.min()))) if len(values) else 0


def times(values: Whole, factor: int, largest: int | None = None) -> Whole:
    """The products with one whole number."""
    if values.dtype != object and (_largest(values) if largest is None else largest) * factor < _FITS:
        return values * factor
    return values.astype(object) * factor


def difference(left: Whole, right: Whole) -> Whole:
    """left - right, element by element."""
    if left.dtype != object and right.dtype != object and _largest(left) + _largest(right) < _FITS:
        return left - right
    differences: Whole = left.astype(object) - right.astype(object)
    return differences


def by_group(values: Whole, groups: NDArray[np.int64], n_groups: int) -> Whole:
    """The sum of each group; `groups` are numbers from 0, one for each value."""
    if not len(values):
        return np.zeros(n_groups, np.int64)
    counts = np.bincount(groups, minlength=n_groups)
    if values.dtype != object and _largest(values) * int(counts.max()) >= _FITS:
        values = values.astype(object)
    order = np.argsort(groups, kind="stable")
    there = np.flatnonzero(counts)
    starts = np.concatenate([[0], np.cumsum(counts[there])[:-1]])
    sums: Whole = np.zeros(n_groups, values.dtype)
    sums[there] = np.add.reduceat(values[order], starts)
    return sums
