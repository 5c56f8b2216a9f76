"""The order of groups: by a number of theirs, ties by their key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from .figures import answer
from .grouped import Grouped, completed
from .measures import Asked

COUNT, KEY = "count", "key"
_FROM_SUMS = frozenset({"count", "missing", "sum", "mean"})


@dataclass(frozen=True, slots=True)
class Order:
    """By how many traces (`count`), by key (`key`), or by an aggregate of a measure that is named in `asked`."""

    by: str = COUNT
    descending: bool = True
    asked: Asked | None = None


def ranked(found: Grouped, order: Order, keys: Sequence[tuple[Any, ...]]) -> list[int]:
    """The numbers of all groups in this order; those without a number come last, ties are by key, ascending."""
    ties = [tuple(map(key_order, key)) for key in keys]
    if order.by == KEY:
        return sorted(range(len(keys)), key=ties.__getitem__, reverse=order.descending)
    number = _numbers(found, order)
    sign = -1 if order.descending else 1

    def rank(group: int) -> tuple[bool, Any, Any]:
        value = number(group)
        return value is None, 0 if value is None else sign * value, ties[group]

    return sorted(range(len(keys)), key=rank)


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
            return 2, key.encode("utf-8", "surrogatepass")
        case _:
            return 3, msgspec.json.encode(key)


def _numbers(found: Grouped, order: Order) -> Callable[[int], Any]:
    """By number of a group: what it is ordered by."""
    asked = order.asked
    counts: list[int] = found.groups.counts.tolist()
    if asked is None:
        return lambda group: counts[group]
    (sums,) = (m for m in found.measures if m.asked.measure.name == asked.measure.name)
    (aggregate,) = (*asked.aggregates, *asked.percentiles)
    if aggregate in _FROM_SUMS:
        fill = found.fill_scores
        return lambda group: answer(asked, sums.figures(group, counts[group], fill_scores=fill))[aggregate]
    every = completed(replace(found, measures=[replace(sums, asked=asked)]), range(len(counts)))
    return lambda group: answer(asked, every[group].figures[0][1])[aggregate]
