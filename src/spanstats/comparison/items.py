"""Two arms' traces matched by item: which items there are, their clusters, and whether their targets differ."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .arm_traces import NO_TARGET, ArmTraces, Flags, Keys, Values
from .passes import Trials


@dataclass(frozen=True, slots=True)
class ArmItems:
    """One arm's traces by item: `codes` is the item of each trace, -1 without a key (`keyed`); `traces` counts those of
    each item, `repeats` is the most of them."""

    of: ArmTraces
    codes: NDArray[np.int64]
    keyed: Flags
    traces: NDArray[np.int64]
    repeats: int


@dataclass(frozen=True, slots=True)
class Items:
    """The items of both arms in the order of their keys; `both` are the items that both arms have."""

    keys: Keys
    base: ArmItems
    candidate: ArmItems
    both: Flags


def match(base: ArmTraces, candidate: ArmTraces) -> Items:
    """The items that the traces of either arm are of."""
    keys = np.concatenate([base.keys, candidate.keys])
    order = _order(keys)
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
    arms = [_arm(base, codes[: len(base)], n), _arm(candidate, codes[len(base) :], n)]
    return Items(distinct, arms[0], arms[1], (arms[0].traces > 0) & (arms[1].traces > 0))


def _order(keys: Keys) -> NDArray[np.int64]:
    """By the first half of each key, and within equal ones by the second: these rarely differ.

    Equal keys come in any order: a stable sort takes three times as long.
    """
    order = np.argsort(keys[:, 0])
    first, second = keys[order, 0], keys[order, 1]
    if ((first[1:] == first[:-1]) & (second[1:] != second[:-1])).any():
        return np.lexsort((keys[:, 1], keys[:, 0]))
    return order


def _arm(of: ArmTraces, codes: NDArray[np.int64], n: int) -> ArmItems:
    keyed = codes >= 0
    traces = np.bincount(codes[keyed], minlength=n)
    return ArmItems(of, codes, keyed, traces, int(traces.max()) if n else 0)


def targets_differ(items: Items) -> int:
    """How many items of both arms have traces whose targets are not the same."""
    n = len(items.keys)
    low, high = np.full(n, np.iinfo(np.int64).max), np.full(n, np.iinfo(np.int64).min)
    for arm in (items.base, items.candidate):
        used = arm.keyed & (arm.of.targets != NO_TARGET)
        codes, targets = arm.codes[used], arm.of.targets[used]
        if arm.repeats <= 1:
            low[codes], high[codes] = np.minimum(low[codes], targets), np.maximum(high[codes], targets)
        else:
            np.minimum.at(low, codes, targets)
            np.maximum.at(high, codes, targets)
    return int(np.count_nonzero(items.both & (low < high)))


def clusters_of(items: Items) -> NDArray[np.int64]:
    """The cluster of each item as a number: the least value of its traces in either arm, else one of its own."""
    n = len(items.keys)
    by_arm = [items.base.of.clusters or [], items.candidate.of.clusters or []]
    different = sorted({text for texts in by_arm for text in texts if text is not None}, key=str.encode)
    numbers = {text: number for number, text in enumerate(different)}
    clusters = np.arange(n, dtype=np.int64) + len(different)
    for arm, texts in zip((items.base, items.candidate), by_arm, strict=True):
        of_traces = np.array([-1 if text is None else numbers[text] for text in texts], np.int64)
        used = arm.keyed & (of_traces >= 0)
        np.minimum.at(clusters, arm.codes[used], of_traces[used])
    return clusters


def trials_of(arm: ArmItems, values: Values, one: int) -> Trials | None:
    """The trials of the arm's items: traces with a value, right where it is 1. `None` where a value is neither 0 nor
    1, or a trace has several."""
    has = values.has & arm.keyed
    if (values.counts[has] > 1).any() or not ((values.sums[has] == 0) | (values.sums[has] == one)).all():
        return None
    items = np.bincount(arm.codes[has], minlength=len(arm.traces))
    right = np.bincount(arm.codes[has & (values.sums == one)], minlength=len(arm.traces))
    pairs, counted = np.unique(np.stack([items[items > 0], right[items > 0]], axis=1), axis=0, return_counts=True)
    return {(int(n), int(c)): int(count) for (n, c), count in zip(pairs, counted, strict=True)}
