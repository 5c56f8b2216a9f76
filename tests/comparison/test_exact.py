"""Sums over arrays, against Python's whole numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spanstats.comparison.exact import by_group, difference, dot, times, total

WHOLE = st.integers(-(2**63) + 2, 2**63 - 1)
ARRAYS = st.lists(st.tuples(WHOLE | st.integers(-9, 9), WHOLE, st.integers(0, 5)), max_size=30)


@given(ARRAYS, st.booleans())
def test_every_sum_is_exact(rows: list[tuple[int, int, int]], as_objects: bool) -> None:
    dtype = object if as_objects else np.int64
    left, right = (np.array([row[i] for row in rows], dtype) for i in (0, 1))
    groups = np.array([row[2] for row in rows], np.int64)
    assert total(left) == sum(x for x, _, _ in rows)
    assert dot(left, right) == sum(x * y for x, y, _ in rows)
    assert dot(left, left) == sum(x * x for x, _, _ in rows)
    assert difference(left, right).tolist() == [x - y for x, y, _ in rows]
    assert times(left, 60).tolist() == [x * 60 for x, _, _ in rows]
    assert by_group(left, groups, 6).tolist() == [sum(x for x, _, g in rows if g == group) for group in range(6)]
