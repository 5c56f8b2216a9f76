import math
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spanstats.domain import values
from spanstats.errors import InvalidInput


def half_even(number: object, unit: int) -> int:
    """The definition: the decimal as written, times the unit, to the nearest whole number, ties to even."""
    with localcontext() as context:
        context.prec = 1000
        return int((Decimal(repr(number)) * unit).to_integral_value(ROUND_HALF_EVEN))


@given(st.floats(0, 100_000) | st.floats(0, 1) | st.floats(0, 1e-6))
@example(0.0000000000005)
@example(0.0000000000015)
@example(0.0000000000025)
@example(1.0995116277765)
@example(99999.9999999999)
@example(5e-324)
def test_dollars_are_the_nearest_picodollars_of_the_decimal_as_written(dollars: float) -> None:
    assert values.picodollars(dollars, "cost") == half_even(dollars, 10**12)


@given(st.floats(0, 366 * 86_400) | st.floats(0, 1e-3))
@example(0.0000005)
@example(0.0000015)
@example(1099511.6277765)
def test_seconds_are_the_nearest_microseconds_of_the_decimal_as_written(seconds: float) -> None:
    assert values.microseconds(seconds, "latency") == half_even(seconds, 10**6)


@given(st.integers(0, 10**17))
def test_picodollars_written_as_a_decimal_come_back_exactly(picodollars: int) -> None:
    text = str(Decimal(picodollars).scaleb(-12))
    assert values.picodollars(text, "cost") == picodollars
    assert values.picodollars(Decimal(text), "cost") == picodollars


@pytest.mark.parametrize(
    "junk",
    [
        True,
        False,
        "",
        "x",
        "1_000",
        "NaN",
        "Infinity",
        "-inf",
        math.nan,
        math.inf,
        -math.inf,
        [],
        {},
        -1,
        -1e-9,
        1e300,
        "9" * 500,
        "1e400",
        10**400,
        b"1",
        object(),
        pytest.param(10**6000, id="huge"),
    ],
)
def test_what_is_no_number_in_range_is_refused_by_name(junk: Any) -> None:
    for read in (values.picodollars, values.microseconds, values.tokens):
        with pytest.raises(InvalidInput) as refused:
            read(junk, "field")
        assert refused.value.problems[0].location == ("field",)


def test_limits_are_included_and_nothing_beyond_them() -> None:
    assert values.picodollars(100_000, "f") == values.picodollars(100_000.0, "f") == values.MAX_COST_PD
    assert values.microseconds(366 * 86_400, "f") == values.MAX_LATENCY_US
    assert values.tokens(2**31 - 1, "f") == values.tokens(float(2**31 - 1), "f") == 2**31 - 1
    for read, above in (
        (values.picodollars, 100_000.000001),
        (values.microseconds, 366 * 86_400 + 0.001),
        (values.tokens, 2**31),
    ):
        with pytest.raises(InvalidInput, match="must be"):
            read(above, "f")
    assert values.picodollars(None, "f") is values.microseconds(None, "f") is values.tokens(None, "f") is None


@given(st.text(st.characters(exclude_categories=()), max_size=30))
def test_cleaned_text_can_be_stored_and_clean_text_is_unchanged(text: str) -> None:
    cleaned = values.clean(text)
    assert "\x00" not in cleaned
    cleaned.encode()
    assert len(cleaned) == len(text)
    assert (cleaned == text) is values.is_clean(text)


@given(st.text(max_size=300) | st.text(st.characters(exclude_categories=()), max_size=20))
def test_an_id_is_unchanged_or_refused(text: str) -> None:
    storable = values.is_clean(text) and text not in (".", "..") and len(text.encode("utf-8", "surrogatepass")) <= 256
    try:
        assert values.identifier(text, "id") == (text or None)
        assert storable
    except InvalidInput:
        assert not storable


@given(st.text(max_size=100), st.integers(4, 60))
def test_cut_text_is_the_longest_beginning_that_fits(text: str, limit: int) -> None:
    short = values.cut(text, limit)
    assert short is not None
    assert text.startswith(short)
    assert len(short.encode()) <= limit
    assert short == text or len(text[: len(short) + 1].encode()) > limit


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_billionths_are_exact_within_range_and_none_outside(score: float) -> None:
    expected = half_even(score, 10**9) if abs(score) <= 9e9 else None
    assert values.billionths(score) == expected
