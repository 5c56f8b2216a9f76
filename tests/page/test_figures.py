import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.page import figures
from spanstats.page.columns import column


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, figures.NONE),
        (0, "0"),
        (0.0123456, "0.0123"),
        (1234.5, "1\u202f234"),
        (0.5, "0.500"),
        (2, "2"),
        (-3.14159, "\u22123.14"),
        (0.0000123, "0.0000123"),
        (6.6e-9, "6.60\u00d710⁻⁹"),
        (0.99996, "1.00"),
        (-99.999, "\u2212100"),
        (-1.5e18, "\u22121.50\u00d710¹⁸"),
    ],
)
def test_three_digits_that_say_something(value: float | None, shown: str) -> None:
    assert figures.digits(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, figures.NONE), (0, "$0"), (0.00012345, "$0.000123"), (1234.5, "$1\u202f234.50"), (-0.5, "\u2212$0.500")],
)
def test_dollars(value: float | None, shown: str) -> None:
    assert figures.dollars(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0\u202fs"),
        (0.00085, "850\u202fµs"),
        (1.25, "1.25\u202fs"),
        (90, "1.50\u202fmin"),
        (0.9999, "1.00\u202fs"),
        (7200, "2\u202fh"),
    ],
)
def test_seconds_in_the_unit_that_fits(value: float, shown: str) -> None:
    assert figures.seconds(value) == shown


def test_a_change_has_its_sign() -> None:
    assert figures.change(0.5) == "+0.500"
    assert figures.change(-2, "USD") == "\u2212$2"
    assert figures.change(0) == "±0"
    assert figures.change(None) == figures.NONE


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([None, "USD", "s", "tokens/s", "%"]))
def test_every_number_has_a_short_text(value: float, unit: str | None) -> None:
    for text in (figures.measured(value, unit), figures.change(value, unit)):
        assert text
        assert len(text) < 40
        assert "-" not in text


@pytest.mark.parametrize(
    ("values", "unit", "shown"),
    [
        ([0.63, -0.02, None], None, ["0.630", "\u22120.020", figures.NONE]),
        ([1, 0, 1], None, ["1", "0", "1"]),
        ([1, 0.499], None, ["1.000", "0.499"]),
        ([0.0000246, 0.000898], "USD", ["$0.000025", "$0.000898"]),
        ([-1234.5, 0.001], "USD", ["\u2212$1\u202f234.50", "$0.00"]),
        ([1.5, 0.002], "s", ["1.50\u202fs", "2\u202fms"]),
        ([], None, []),
    ],
)
def test_a_column_has_the_same_decimals(values: list[float | None], unit: str | None, shown: list[str]) -> None:
    assert column(values, unit) == shown


some_numbers = st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=9)


@given(some_numbers, st.sampled_from([None, "USD"]))
def test_a_column_has_a_short_text_for_each_value(values: list[float | None], unit: str | None) -> None:
    assert all(0 < len(text) < 40 for text in column(values, unit))


@given(st.floats(min_value=1e-5, max_value=1e9))
def test_three_digits_are_within_half_a_percent(value: float) -> None:
    shown = float(figures.digits(value).replace(figures.THIN, ""))
    assert shown == pytest.approx(value, rel=0.0051)
