"""Each arm's value of each item of one measure: the mean of the item's traces, as whole numbers of one scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

import numpy as np
from numpy.typing import NDArray

from .arm_traces import Flags, Values
from .exact import Whole, by_group, difference, times
from .items import ArmItems, Items

MOST_SCALE = 10**30
"""Where no smaller common multiple is found, values are cut to this part of a unit: far below what a float shows."""


@dataclass(frozen=True, slots=True)
class PairedValues:
    """One measure of the items: sums and counts of both arms' values, and the differences of their means.

    `a`, `b` and `d` are of the items where `there`, times `scale`: whole numbers.
    """

    sums: tuple[Whole, Whole]
    counts: tuple[NDArray[np.int64], NDArray[np.int64]]
    there: Flags
    scale: int
    a: Whole
    b: Whole
    d: Whole


def values_of(items: Items, of_base: Values, of_candidate: Values) -> PairedValues:
    """One measure, of which these are the values of both arms' traces."""
    n = len(items.keys)
    base, candidate = _by_item(items.base, of_base, n), _by_item(items.candidate, of_candidate, n)
    there = (base[1] > 0) & (candidate[1] > 0)
    counts = base[1][there], candidate[1][there]
    scale = _scale(counts)
    a, b = (_means(arm[0][there], arm[1][there], scale) for arm in (base, candidate))
    return PairedValues((base[0], candidate[0]), (base[1], candidate[1]), there, scale, a, b, difference(b, a))


def _by_item(arm: ArmItems, values: Values, n: int) -> tuple[Whole, NDArray[np.int64]]:
    """Sum and count of each item."""
    if arm.repeats <= 1:
        return _spread(arm, values.sums, n), _spread(arm, values.counts, n)
    used = (values.counts > 0) & arm.keyed
    codes, sums = arm.codes[used], values.sums[used]
    return by_group(sums, codes, n), by_group(values.counts[used], codes, n).astype(np.int64)


def _spread(arm: ArmItems, of_traces: Whole, n: int) -> Whole:
    """What the one trace of each item has, 0 where an item has none."""
    values: Whole = np.zeros(n, of_traces.dtype)
    values[arm.codes[arm.keyed]] = of_traces[arm.keyed]
    return values


def _scale(counts: tuple[NDArray[np.int64], NDArray[np.int64]]) -> int:
    """The least number that all counts divide."""
    if all(not len(of_arm) or of_arm.max() == 1 for of_arm in counts):
        return 1
    return _least_common(np.unique(np.concatenate(counts)).tolist())


def _means(sums: Whole, counts: NDArray[np.int64], scale: int) -> Whole:
    if scale == 1:
        return sums
    if scale < 2**31:
        return _product(sums, scale // counts)
    means: Whole = times(sums.astype(object), scale) // counts
    return means


def _product(left: Whole, right: NDArray[np.int64]) -> Whole:
    scaled = times(left, int(right.max()) if len(right) else 1)
    if scaled.dtype == object:
        return left.astype(object) * right
    return left * right


def _least_common(counts: Sequence[int]) -> int:
    scale = 1
    for count in counts:
        scale = lcm(scale, count)
        if scale > MOST_SCALE:
            return MOST_SCALE
    return scale
