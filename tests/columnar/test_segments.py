"""How days are cut into segments."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from spanstats.columnar.segments import Segment, plan
from spanstats.domain.window import DAY_US, HOUR_US, MINUTE_US

TODAY = 20_000 * DAY_US
minutes = st.integers(0, 1_439).map(lambda n: TODAY + n * MINUTE_US)


def at(hour: int, minute: int = 0) -> int:
    return TODAY + hour * HOUR_US + minute * MINUTE_US


def test_a_quiet_day_is_one_segment() -> None:
    day_plan = plan(TODAY, {at(3): 5, at(20): 5}, [], {at(3): True}, most=10)
    assert day_plan.write == [(TODAY, TODAY + DAY_US)]
    assert day_plan.drop == []


def test_busy_times_are_cut_into_narrower_segments() -> None:
    counts = {at(3, 1): 6, at(3, 2): 5, at(20): 5}
    assert plan(TODAY, counts, [], {at(20): True}, most=10).write == [(at(12), at(24))]
    assert plan(TODAY, counts, [], {at(3, 1): True}, most=10).write == [(at(3, 1), at(3, 2))]
    assert plan(TODAY, counts, [], {at(4): True}, most=10).write == [(at(4), at(5))]


def test_a_minute_is_never_cut() -> None:
    assert plan(TODAY, {at(1): 1_000}, [], {at(1): True}, most=10).write == [(at(1), at(1, 1))]


def test_a_segment_takes_the_place_of_all_that_it_overlaps() -> None:
    stored = [(at(0), at(6)), (at(6), at(7)), (at(12), at(18))]
    day_plan = plan(TODAY, {at(0): 4, at(13): 4, at(1): 4}, stored, {at(0): True, at(6): True}, most=10)
    assert day_plan.write == [(at(0), at(12))]
    assert day_plan.drop == stored[:2]


def test_what_was_wide_gives_way_to_what_is_narrow() -> None:
    stored = [(TODAY, TODAY + DAY_US)]
    day_plan = plan(TODAY, {at(0): 8, at(13): 8}, stored, {at(13): True}, most=10)
    assert (day_plan.write, day_plan.drop) == ([(at(12), at(24))], stored)


def test_little_that_is_marked_waits_until_it_has_waited_for_long() -> None:
    counts = {at(0): 16 * 9, at(1): 9, at(2): 9}
    assert plan(TODAY, counts, [], {at(1): False}).write == []
    assert plan(TODAY, counts, [], {at(1): True}).write == [(TODAY, TODAY + DAY_US)]
    assert plan(TODAY, counts, [], {at(1): False, at(2): False}).write == [(TODAY, TODAY + DAY_US)]
    assert plan(TODAY, {}, [], {at(1): False}).write == [(TODAY, TODAY + DAY_US)]


@given(
    counts=st.dictionaries(minutes, st.integers(1, 9), max_size=40),
    marked=st.lists(minutes, min_size=1, max_size=20),
    most=st.integers(1, 40),
)
def test_every_mark_is_worked_off_in_bounded_steps(counts: dict[int, int], marked: list[int], most: int) -> None:
    stored: list[Segment] = []
    left, steps = set(marked), 0
    while left:
        day_plan = plan(TODAY, counts, stored, dict.fromkeys(left, True), most)
        assert day_plan.write
        steps += 1
        for lo, hi in day_plan.write:
            traces = sum(n for minute, n in counts.items() if lo <= minute < hi)
            assert traces <= most or hi - lo == MINUTE_US
            left -= {minute for minute in left if lo <= minute < hi}
        remaining = [old for old in stored if old not in day_plan.drop]
        stored = sorted(remaining + day_plan.write)
        assert all(a[1] <= b[0] for a, b in pairwise(stored)), "two segments overlap"
    assert steps <= len(set(marked))
