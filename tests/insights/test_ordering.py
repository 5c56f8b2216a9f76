"""The first groups in an order, against sorting all of them."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.columnar.coding import Keys
from spanstats.columnar.group_sums import GroupSums
from spanstats.columnar.groups import Groups
from spanstats.columnar.selection import Selection
from spanstats.insights.group_figures import GroupedFigures, MeasureSums
from spanstats.insights.measures import OPERATIONAL, MeasureSpec
from spanstats.insights.ordering import COUNT, KEY, Order, in_order

COST = OPERATIONAL["cost"]
KINDS = (int, float), bool, str, (list, dict)
"""Numbers, booleans, texts, the rest: in this order."""

keys = st.lists(st.sampled_from([1, 0, 2.5, True, "a", "", "é", "a!", "a b", ["x"], {"a": 1}]), unique_by=repr)
rows = st.tuples(st.integers(0, 3), st.integers(-(2**64), 2**64) | st.integers(-2, 2), st.integers(1, 3))


def place(key: Any) -> tuple[int, Any]:
    if key is None:
        return 9, 0
    kind = next(i for i in (1, 0, 2, 3) if isinstance(key, KINDS[i]))
    return kind, msgspec.json.encode(key) if kind == 3 else key


def grouped(names: list[Any], figures: list[tuple[int, int, int]]) -> GroupedFigures:
    """A group for each name, and one for what has none."""
    counts, totals, traces = (list(column) for column in zip(*figures, strict=True))
    totals = [total if n else 0 for n, total in zip(counts, totals, strict=True)]
    in_traces = np.array(traces, np.int64)
    of_groups = Keys([msgspec.json.encode(name) for name in names], lambda texts: list(map(msgspec.json.decode, texts)))
    groups = Groups(Selection([]), [], in_traces, [of_groups], [np.arange(len(names) + 1)])
    sums = GroupSums(np.array(counts, np.int64), np.array(totals, object))
    measure = MeasureSums(MeasureSpec(COST, ("sum", "mean")), in_traces, sums, None, fill_scores=False)
    return GroupedFigures(groups, np.zeros_like(in_traces), None, [measure])


@pytest.mark.parametrize("by", [COUNT, KEY, "cost.count", "cost.missing", "cost.sum", "cost.mean"])
@given(names=keys, data=st.data(), descending=st.booleans(), most=st.integers(1, 14))
def test_the_first_groups_are_those_of_all_in_order(
    by: str, names: list[Any], data: st.DataObject, descending: bool, most: int
) -> None:
    figures = data.draw(st.lists(rows, min_size=len(names) + 1, max_size=len(names) + 1))
    of_groups = grouped(names, figures)
    every = [None, *names]

    def value(group: int) -> Any:
        n, total, traces = figures[group]
        values = {"cost.count": n, "cost.missing": traces - n, "cost.sum": total, "cost.mean": total / n if n else None}
        return None if by == "cost.sum" and not n else values.get(by, traces)

    if by == KEY:
        expected = sorted(range(len(every)), key=lambda group: place(every[group]), reverse=descending)
    else:
        present = [group for group in range(len(every)) if value(group) is not None]
        by_key = sorted(present, key=lambda group: place(every[group]))
        expected = sorted(by_key, key=lambda group: -value(group) if descending else value(group))
        without = [group for group in range(len(every)) if value(group) is None]
        expected += sorted(without, key=lambda group: place(every[group]))
    _, _, aggregate = by.partition(".")
    first, others = in_order(
        of_groups, Order(by, descending, MeasureSpec(COST, (aggregate,)) if aggregate else None), most
    )
    assert first == expected[:most]
    assert sorted(others) == sorted(expected[most:])
