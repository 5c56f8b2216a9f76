"""The order of groups: by a number of theirs, ties by their key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..columnar.groups import Counted, Groups
from .figures import answer
from .grouped import GroupedFigures, MeasureSums, completed
from .measures import Asked

COUNT, KEY = "count", "key"


@dataclass(frozen=True, slots=True)
class Order:
    """By how many traces (`count`), by key (`key`), or by an aggregate of a measure that is named in `asked`."""

    by: str = COUNT
    descending: bool = True
    asked: Asked | None = None


def in_order(found: GroupedFigures, order: Order) -> list[int]:
    """The numbers of all groups in this order; those without a value come last, ties are by key, ascending."""
    ties = _ties(found.groups)
    if order.by == KEY:
        by_key: list[int] = np.argsort(-ties if order.descending else ties).tolist()
        return by_key
    values = _values(found, order)
    is_missing = np.array([value is None for value in values], np.bool_)
    numbers = _sortable([0 if value is None else value for value in values])
    by_value: list[int] = np.lexsort((ties, -numbers if order.descending else numbers, is_missing)).tolist()
    return by_value


def _sortable(values: Sequence[Any]) -> NDArray[Any]:
    """Numbers of 64 bits in the same order."""
    if any(isinstance(value, float) for value in values):
        return np.array(values, np.float64)
    try:
        return np.array(values, np.int64)
    except OverflowError:
        ranks = {value: rank for rank, value in enumerate(sorted(set(values)))}
        return np.array([ranks[value] for value in values], np.int64)


def _ties(groups: Groups) -> Counted:
    """Numbers in the order of the keys."""
    found = np.zeros(len(groups), np.int64)
    for keys, numbers in zip(groups.keys, groups.numbers, strict=True):
        found = found * len(keys) + _ranks(keys.each())[numbers]
    return found


def _ranks(keys: Sequence[Any]) -> Counted:
    """The rank of each key. The first key is no value, which comes last."""
    ranks = np.empty(len(keys), np.int64)
    if all(isinstance(key, str) for key in keys[1:]):
        in_order = [*sorted(range(1, len(keys)), key=keys.__getitem__), 0]
    else:
        orders = [key_order(key) for key in keys]
        in_order = sorted(range(len(keys)), key=orders.__getitem__)
    ranks[in_order] = np.arange(len(keys))
    return ranks


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


def _values(found: GroupedFigures, order: Order) -> Sequence[Any]:
    """By number of a group: what it is ordered by, `None` where there is no data."""
    asked = order.asked
    if asked is None:
        counts: list[int] = found.groups.counts.tolist()
        return counts
    (sums,) = (m for m in found.measures if m.asked.measure.name == asked.measure.name)
    (aggregate,) = (*asked.aggregates, *asked.percentiles)
    if aggregate in _FROM_SUMS:
        return _FROM_SUMS[aggregate](sums)
    every = completed(replace(found, measures=[replace(sums, asked=asked)]), range(len(found.groups)))
    return [answer(asked, one.figures[0][1])[aggregate] for one in every]


def _counts(sums: MeasureSums) -> list[int]:
    counts: list[int] = (sums.sums.counts + sums.filled()).tolist()
    return counts


def _missing(sums: MeasureSums) -> list[int]:
    has = sums.sums.counts if sums.scores is None else sums.scores.traces
    missing: list[int] = (sums.traces - has - sums.filled()).tolist()
    return missing


def _sums(sums: MeasureSums) -> list[int | None]:
    pairs = zip(sums.sums.totals.tolist(), _counts(sums), strict=True)
    return [total if n else None for total, n in pairs]


def _means(sums: MeasureSums) -> list[float | None]:
    """To the nearest float, as they are answered."""
    pairs = zip(sums.sums.totals.tolist(), _counts(sums), strict=True)
    return [total / n if n else None for total, n in pairs]


_FROM_SUMS: dict[str, Callable[[MeasureSums], Sequence[Any]]] = {
    "count": _counts,
    "missing": _missing,
    "sum": _sums,
    "mean": _means,
}
