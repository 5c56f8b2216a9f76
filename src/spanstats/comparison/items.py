"""Two arms' traces matched by item: which items there are, and each arm's value of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

import numpy as np
from numpy.typing import NDArray

from .exact import Whole, by_group, difference, times
from .reading import ArmTraces, Keys, Values, no_target

MOST_SCALE = 10**30
"""Where no smaller common multiple is found, values are cut to this part of a unit: far below what a float shows."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ArmItems:
    """One arm's traces by item: `codes` is the item of each trace or -1, `traces` counts each item's."""

    of: ArmTraces
    codes: NDArray[np.int64]
    traces: NDArray[np.int64]

    @property
    def keyed(self) -> Flags:
        return self.codes >= 0


@dataclass(frozen=True, slots=True)
class Items:
    """The items of both arms in the order of their keys."""

    keys: Keys
    base: ArmItems
    candidate: ArmItems

    @property
    def both(self) -> Flags:
        return (self.base.traces > 0) & (self.candidate.traces > 0)


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


def match(base: ArmTraces, candidate: ArmTraces) -> Items:
    """The items that the traces of either arm are of."""
    keys = np.concatenate([base.keys, candidate.keys])
    # By the first half, and within equal ones by the second.
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    ordered = keys[order]
    new = np.ones(len(keys), np.bool_)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    codes = np.empty(len(keys), np.int64)
    codes[order] = np.cumsum(new) - 1
    distinct = ordered[new]
    if len(distinct) and not distinct[0].any():
        # Zeros, which come first, are no key.
        distinct, codes = distinct[1:], codes - 1
    n = len(distinct)
    arms = (base, codes[: len(base)]), (candidate, codes[len(base) :])
    found = [ArmItems(arm, own, np.bincount(own[own >= 0], minlength=n)) for arm, own in arms]
    return Items(distinct, *found)


def values_of(items: Items, place: int) -> PairedValues:
    """The measure at this place of the plan."""
    n = len(items.keys)
    base, candidate = (_by_item(arm, arm.of.values[place], n) for arm in (items.base, items.candidate))
    there = (base[1] > 0) & (candidate[1] > 0)
    counts = base[1][there], candidate[1][there]
    scale = _least_common(np.unique(np.concatenate(counts)).tolist())
    a, b = (_means(arm[0][there], arm[1][there], scale) for arm in (base, candidate))
    return PairedValues((base[0], candidate[0]), (base[1], candidate[1]), there, scale, a, b, difference(b, a))


def _by_item(arm: ArmItems, values: Values, n: int) -> tuple[Whole, NDArray[np.int64]]:
    """Sum and count of each item."""
    used = (values.counts > 0) & arm.keyed
    codes, sums = arm.codes[used], values.sums[used]
    counts = by_group(values.counts[used], codes, n).astype(np.int64)
    if len(codes) and counts.max() == 1:
        found: Whole = np.zeros(n, sums.dtype)
        found[codes] = sums
        return found, counts
    return by_group(sums, codes, n), counts


def _means(sums: Whole, counts: NDArray[np.int64], scale: int) -> Whole:
    if scale == 1:
        return sums
    if scale < 2**31:
        return _product(sums, scale // counts)
    found: Whole = times(sums.astype(object), scale) // counts
    return found


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


def targets_differ(items: Items) -> int:
    """How many items of both arms have traces whose targets are not the same."""
    n = len(items.keys)
    low, high = np.full(n, np.iinfo(np.int64).max), np.full(n, np.iinfo(np.int64).min)
    for arm in (items.base, items.candidate):
        used = arm.keyed & ~no_target(arm.of.targets)
        np.minimum.at(low, arm.codes[used], arm.of.targets[used])
        np.maximum.at(high, arm.codes[used], arm.of.targets[used])
    return int(np.count_nonzero(items.both & (low < high)))


def clusters_of(items: Items) -> NDArray[np.int64]:
    """The cluster of each item as a number: the least value of its traces in either arm, else one of its own."""
    n = len(items.keys)
    said = [items.base.of.clusters or [], items.candidate.of.clusters or []]
    listed = sorted({text for texts in said for text in texts if text is not None}, key=str.encode)
    numbers = {text: number for number, text in enumerate(listed)}
    found = np.arange(n, dtype=np.int64) + len(listed)
    for arm, texts in zip((items.base, items.candidate), said, strict=True):
        of_traces = np.array([-1 if text is None else numbers[text] for text in texts], np.int64)
        used = arm.keyed & (of_traces >= 0)
        np.minimum.at(found, arm.codes[used], of_traces[used])
    return found
