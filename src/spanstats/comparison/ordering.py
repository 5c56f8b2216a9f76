"""Which items a page of rows has, and in which order: by the size of the change, equal ones by their key."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .item_values import PairedValues
from .items import Items
from .measures import Measure
from .paired_sums import changes


class Show(StrEnum):
    """Which items: those whose value got worse, better or neither, those of one arm alone, those without a value in
    some arm, or all."""

    WORSENED = "worsened"
    IMPROVED = "improved"
    EQUAL = "equal"
    ONLY_BASE = "only_base"
    ONLY_CANDIDATE = "only_candidate"
    MISSING = "missing"
    ALL = "all"


class Order(StrEnum):
    """By which number, `-` from the largest down: the loss, the gain, or the difference as it is."""

    WORSENED = "worsened"
    WORSENED_FIRST = "-worsened"
    IMPROVED = "improved"
    IMPROVED_FIRST = "-improved"
    DIFFERENCE = "difference"
    DIFFERENCE_FIRST = "-difference"

    def sign(self, *, higher_is_better: bool) -> int:
        """1 where small differences come first, -1 where large ones do."""
        number = self.value.removeprefix("-")
        upwards = -1 if self.value.startswith("-") else 1
        if number == "difference":
            return upwards
        is_gain = (number == "improved") == higher_is_better
        return upwards if is_gain else -upwards


@dataclass(frozen=True, slots=True)
class After:
    """The last row of the page before: its difference in the measure's unit, `None` without one, and its key."""

    difference: Fraction | None
    key: bytes


@dataclass(frozen=True, slots=True)
class PageOfItems:
    """Numbers of items in order, how many there are in all, and whether more follow these."""

    items: list[int]
    count: int
    more: bool


def page_of(
    items: Items,
    values: PairedValues,
    measure: Measure,
    margin: Fraction | None,
    *,
    show: Show,
    order: Order,
    after: After | None,
    limit: int,
) -> PageOfItems:
    """The items to show after `after`; those without a difference come last."""
    shown = np.flatnonzero(_shown(items, values, measure, margin, show))
    sign = order.sign(higher_is_better=measure.higher_is_better)
    ranks = np.full(len(items.keys), np.iinfo(np.int64).max)
    distinct, inverse = np.unique(values.d, return_inverse=True)
    ranks[values.there] = inverse if sign > 0 else len(distinct) - 1 - inverse
    # Items are in the order of their keys.
    ordered = shown[np.argsort(ranks[shown], kind="stable")]
    start = 0 if after is None else _first_behind(after, ordered, items, values, measure, sign)
    page = ordered[start : start + limit].tolist()
    return PageOfItems(page, len(ordered), start + limit < len(ordered))


def _shown(
    items: Items, values: PairedValues, measure: Measure, margin: Fraction | None, show: Show
) -> NDArray[np.bool_]:
    has_base, has_candidate = items.base.traces > 0, items.candidate.traces > 0
    if show is Show.ALL:
        return has_base | has_candidate
    if show is Show.ONLY_BASE:
        return has_base & ~has_candidate
    if show is Show.ONLY_CANDIDATE:
        return has_candidate & ~has_base
    if show is Show.MISSING:
        return items.both & ~values.there
    sign = {Show.WORSENED: -1, Show.IMPROVED: 1, Show.EQUAL: 0}[show]
    matches = np.zeros(len(items.keys), np.bool_)
    change = changes(values, measure, margin)
    matches[values.there] = (change if measure.higher_is_better else -change) == sign
    return matches


def _first_behind(
    after: After, ordered: NDArray[np.int64], items: Items, values: PairedValues, measure: Measure, sign: int
) -> int:
    """By halves: rows may have come and gone since the page before."""
    of_item = np.full(len(items.keys), -1)
    of_item[values.there] = np.arange(len(values.d))
    unit = measure.one * values.scale

    def order_key(item: int) -> tuple[bool, Fraction, bytes]:
        key, index = key_of(items, item), int(of_item[item])
        return index < 0, sign * Fraction(int(values.d[index]), unit) if index >= 0 else Fraction(0), key

    target = after.difference is None, sign * (after.difference or Fraction(0)), after.key
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        if order_key(int(ordered[middle])) <= target:
            low = middle + 1
        else:
            high = middle
    return low


def key_of(items: Items, item: int) -> bytes:
    """The key of an item, 16 bytes."""
    return b"".join(int(half).to_bytes(8, "big") for half in items.keys[item])
