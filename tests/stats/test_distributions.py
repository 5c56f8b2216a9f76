"""Tail areas and quantiles, against scipy."""

import math

import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from spanstats.stats.distributions import mcnemar_mid_p, sign_p, t_quantile, t_two_sided, z_quantile

DEGREES = st.one_of(st.integers(1, 300_000), st.floats(1, 1e6), st.floats(1e6, 1e9))


@given(st.floats(-60, 60), DEGREES)
def test_tails_of_t(t: float, df: float) -> None:
    assert t_two_sided(t, df) == pytest.approx(_two_sided(abs(t), df), rel=1e-12, abs=1e-290)


def _two_sided(t: float, df: float) -> float:
    """By scipy; near 0, where scipy loses t next to 1, by the series of the density."""
    if t > 1e-4:
        return float(2 * scipy.stats.t.sf(t, df))
    return float(1 - 2 * t * scipy.stats.t.pdf(0, df) * (1 - t * t * (df + 1) / (6 * df)))


@given(st.floats(0.001, 0.999), DEGREES)
def test_quantiles_of_t(p: float, df: float) -> None:
    assert t_quantile(p, df) == pytest.approx(scipy.stats.t.ppf(p, df), rel=1e-11, abs=1e-11)


def test_t_has_ends_and_a_middle() -> None:
    assert (t_two_sided(0.0, 7), t_two_sided(math.inf, 7), t_quantile(0.5, 7)) == (1.0, 0.0, 0.0)
    assert z_quantile(0.975) == pytest.approx(scipy.stats.norm.ppf(0.975))


def _mid_p(n: int, k: int) -> float:
    """In whole numbers: for the least probabilities scipy's difference of two is less than nothing."""
    fewer, ways = 0, 1
    for i in range(k):
        fewer, ways = fewer + ways, ways * (n - i) // (i + 1)
    return (2 * fewer + ways) / 2**n


@given(st.integers(0, 3_000), st.integers(0, 3_000))
def test_mid_p_of_mcnemar(up: int, down: int) -> None:
    n, k = up + down, min(up, down)
    expected = 1.0 if up == down else _mid_p(n, k)
    assert mcnemar_mid_p(up, down) == pytest.approx(expected, rel=1e-8, abs=1e-300)
    assert mcnemar_mid_p(up, down) == mcnemar_mid_p(down, up)


def test_mid_p_of_a_published_table() -> None:
    # Fagerland, Lydersen and Laake 2013: 7 children changed one way, 1 the other.
    assert mcnemar_mid_p(1, 7) == pytest.approx(0.0391, abs=5e-5)


@given(st.integers(1, 900))
def test_the_sign_test_of_one_sign(n: int) -> None:
    assert sign_p(n) == pytest.approx(min(1.0, scipy.stats.binomtest(n, n).pvalue))


@pytest.mark.parametrize("t", [0.0, 1e-200, 1e-9, 1e9, 1e200, math.inf])
def test_tails_of_t_at_the_ends_of_floats(t: float) -> None:
    assert t_two_sided(t, 1) == pytest.approx(math.atan2(1, t) * 2 / math.pi, rel=1e-12)
    for df in (0.5, 2.5, 100, 1e7):
        assert t_two_sided(t, df) == pytest.approx(2 * scipy.stats.t.sf(t, df), rel=1e-8, abs=1e-290)
