"""The order of groups: by a number of theirs, ties by their key."""

import heapq
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..columnar.chunk import Mask
from ..columnar.groups import Groups
from .figures import answer
from .group_figures import GroupedFigures, completed
from .measures import MeasureSpec

COUNT, KEY = "count", "key"


@dataclass(frozen=True, slots=True)
class Order:
    """By how many traces (`count`), by key (`key`), or by an aggregate of a measure that is named in `spec`."""

    by: str = COUNT
    descending: bool = True
    spec: MeasureSpec | None = None


def in_order(figures: GroupedFigures, order: Order, most: int) -> tuple[list[int], NDArray[np.intp]]:
    """The numbers of the first `most` groups in this order, and those of the others, in any order.

    Groups without a value come last; ties are by key, ascending.
    """
    groups, is_other = figures.groups, np.ones(len(figures.groups), np.bool_)
    if order.by == KEY:
        first = _by_key(groups, np.arange(len(groups)), most, descending=order.descending)
    else:
        first = _by_value(groups, _values(figures, order), most, descending=order.descending)
    is_other[first] = False
    return first, np.flatnonzero(is_other)


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """By group what it is ordered by, where it has that at all."""

    numbers: NDArray[Any]
    has: Mask


def _by_value(groups: Groups, values: _Values, most: int, *, descending: bool) -> list[int]:
    """Keys are compared of groups with equal values alone, and only as many as are wanted are sorted."""
    present, numbers = np.flatnonzero(values.has), values.numbers[values.has]
    numbers = -numbers if descending else numbers
    tied = np.flatnonzero(~values.has)
    if most < len(present):
        last = np.partition(numbers, most - 1)[most - 1]
        tied = present[numbers == last]
        present, numbers = present[numbers < last], numbers[numbers < last]
    number_of = dict(zip(present.tolist(), numbers.tolist(), strict=True))
    first = sorted(_by_key(groups, present, len(present)), key=number_of.__getitem__)
    return first + _by_key(groups, tied, most - len(first))


def _by_key(groups: Groups, group_numbers: NDArray[np.intp], most: int, *, descending: bool = False) -> list[int]:
    """The first of these groups by key."""
    first = heapq.nlargest if descending else heapq.nsmallest
    return [
        number for _, number in first(most, zip(_orders(groups, group_numbers), group_numbers.tolist(), strict=True))
    ]


def _orders(groups: Groups, group_numbers: NDArray[np.intp]) -> list[Any]:
    """What the keys of these groups are compared by: no two of them are equal."""
    by_dimension = groups.keys_of(group_numbers)
    if len(by_dimension) == 1 and set(map(type, by_dimension[0])) <= {str}:
        return by_dimension[0]
    return [tuple(map(key_order, key)) for key in zip(*by_dimension, strict=True)]


def key_order(key: Any) -> tuple[int, Any]:
    """Numbers, then booleans, texts by their bytes, other values by their JSON, and no value last."""
    match key:
        case None:
            return 9, 0
        case bool():
            return 1, key
        case int() | float():
            return 0, key
        case str():
            # Texts compare by code points, which UTF-8 keeps in order.
            return 2, key
        case _:
            return 3, msgspec.json.encode(key)


def _values(figures: GroupedFigures, order: Order) -> _Values:
    spec = order.spec
    if spec is None:
        return _Values(figures.groups.counts, np.ones(len(figures.groups), np.bool_))
    (sums,) = (m for m in figures.measures if m.spec.measure.name == spec.measure.name)
    (aggregate,) = (*spec.aggregates, *spec.percentiles)
    counts = sums.sums.counts + sums.filled()
    match aggregate:
        case "count":
            return _Values(counts, np.ones(len(counts), np.bool_))
        case "missing":
            with_value = sums.sums.counts if sums.scores is None else sums.scores.traces
            return _Values(sums.traces - with_value - sums.filled(), np.ones(len(counts), np.bool_))
        case "sum":
            return _Values(_sortable(sums.sums.totals), counts > 0)
        case "mean":
            # To the nearest float, as they are answered.
            pairs = zip(sums.sums.totals.tolist(), counts.tolist(), strict=True)
            return _Values(np.array([total / n if n else 0.0 for total, n in pairs]), counts > 0)
    every = completed(replace(figures, measures=[replace(sums, spec=spec)]), range(len(figures.groups)))
    answers = [answer(spec, one.figures[0][1])[aggregate] for one in every]
    has = np.array([value is not None for value in answers], np.bool_)
    return _Values(_sortable(np.array([value or 0 for value in answers])), has)


def _sortable(numbers: NDArray[Any]) -> NDArray[Any]:
    """Numbers of 64 bits in the same order."""
    return np.unique(numbers, return_inverse=True)[1] if numbers.dtype == object else numbers
