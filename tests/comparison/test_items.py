"""Traces of two arms matched by item, against a dictionary."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spanstats.comparison.arm_traces import NO_TARGET, ArmTraces
from spanstats.comparison.items import match

# Few halves, so that keys share the first one, or all, and some traces have no key.
KEYS = st.lists(st.tuples(st.sampled_from([0, 1, 2**63]), st.sampled_from([0, 5, 7])), max_size=40)


def halves(key: object) -> tuple[int, int]:
    first, second = np.asarray(key).tolist()
    return first, second


def arm(keys: list[tuple[int, int]]) -> ArmTraces:
    of_traces, none = np.zeros(len(keys), np.bool_), np.full(len(keys), NO_TARGET)
    return ArmTraces(np.array(keys, np.uint64).reshape(-1, 2), of_traces, of_traces, none, None, [])


@given(KEYS, KEYS)
def test_each_trace_is_of_the_item_that_its_key_names(
    base: list[tuple[int, int]], candidate: list[tuple[int, int]]
) -> None:
    items = match(arm(base), arm(candidate))
    assert [halves(key) for key in items.keys] == sorted({*base, *candidate} - {(0, 0)})
    for arm_items, keys in ((items.base, base), (items.candidate, candidate)):
        keys_of_traces = [None if code < 0 else halves(items.keys[code]) for code in arm_items.codes]
        assert keys_of_traces == [None if key == (0, 0) else key for key in keys]
        counts = Counter(key for key in keys if key != (0, 0))
        assert arm_items.traces.tolist() == [counts[halves(key)] for key in items.keys]
    common = {*base} & {*candidate} - {(0, 0)}
    assert items.both.tolist() == [halves(key) in common for key in items.keys]
