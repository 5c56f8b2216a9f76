"""Bit strings of columns, against Python's own integers."""

from struct import pack

from hypothesis import given
from hypothesis import strategies as st

from spanstats.stats.bits import MOST_VALUES, ones_of_values, slices_of

numbers = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 9), min_size=1, max_size=20)


@given(numbers)
def test_slices_hold_each_number_in_twos_complement(values: list[int]) -> None:
    slices = slices_of(pack(f">{len(values)}q", *values))
    assert {len(bits) for bits in slices} <= {len(values)}
    for place, value in enumerate(values):
        found = sum(2**bit for bit, bits in enumerate(slices) if bits[place] == "1")
        assert found == value % 2**64


def test_slices_that_nobody_needs_are_left_out() -> None:
    assert slices_of(pack(">3q", 0, 5, 4)) == ["010", "000", "011"]
    assert slices_of(pack(">2q", 0, 0)) == []
    assert len(slices_of(pack(">1q", -1))) == 64


@given(st.lists(st.none() | st.integers(0, MOST_VALUES + 5), max_size=40))
def test_each_value_has_a_one_for_whoever_has_it(column: list[int | None]) -> None:
    values = list(range(MOST_VALUES))
    for value, bits in zip(values, ones_of_values(column, values), strict=True):
        assert bits == "".join("1" if each == value else "0" for each in column)
