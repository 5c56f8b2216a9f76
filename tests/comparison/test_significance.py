"""Tests of means on random items with trials, gaps, ties and clusters, against scipy and statsmodels."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest
import scipy
from hypothesis import assume, given
from hypothesis import strategies as st

from spanstats.comparison.significance import paired_test, relative, welch_test

from .oracles import arm_sums, paired_sums

Arm = dict[str, list[int]]
Drawn = list[tuple[list[int], list[int], int]]

TRIALS = st.lists(st.one_of(st.integers(0, 5), st.integers(-(10**9), 10**12)), max_size=4)
ITEMS = st.lists(st.tuples(TRIALS, TRIALS, st.integers(0, 5)), min_size=2, max_size=40)
CONFIDENCE = st.sampled_from([0.8, 0.9, 0.95, 0.99])


def split(items: Drawn) -> tuple[Arm, Arm, dict[str, int]]:
    base = {f"i{n}": a for n, (a, _, _) in enumerate(items)}
    candidate = {f"i{n}": b for n, (_, b, _) in enumerate(items)}
    return base, candidate, {f"i{n}": c for n, (_, _, c) in enumerate(items)}


def item_means(base: Arm, candidate: Arm) -> tuple[np.ndarray, np.ndarray]:
    both = [k for k in base if base[k] and candidate[k]]
    a, b = (np.array([float(Fraction(sum(arm[k]), len(arm[k]))) for k in both]) for arm in (base, candidate))
    return a, b


@given(ITEMS, CONFIDENCE)
def test_the_paired_t_is_scipys(items: Drawn, confidence: float) -> None:
    base, candidate, _ = split(items)
    a, b = item_means(base, candidate)
    assume(len(a) >= 2 and np.std(b - a) > 1e-6 * np.max(np.abs(np.concatenate([a, b]))))
    sums = paired_sums(base, candidate)
    assume(not (sums.single and sums.binary))
    outcome, expected = paired_test(sums, confidence), scipy.stats.ttest_rel(b, a)
    interval = expected.confidence_interval(confidence)
    assert outcome.method == "paired_t"
    assert outcome.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    width = interval.high - interval.low
    assert (outcome.low, outcome.high) == pytest.approx((interval.low, interval.high), abs=1e-7 * width)
    assert sums.mean(sums.b - sums.a) == pytest.approx(np.mean(b - a), abs=1e-7 * width)


@given(ITEMS, CONFIDENCE)
def test_clustered_errors_are_those_of_a_regression_on_a_constant(items: Drawn, confidence: float) -> None:
    # Half a second that other tests need not wait for.
    from statsmodels.regression.linear_model import OLS

    base, candidate, clusters = split(items)
    a, b = item_means(base, candidate)
    groups = np.array([clusters[k] for k in base if base[k] and candidate[k]])
    assume(len(set(groups)) >= 2)
    outcome = paired_test(paired_sums(base, candidate, clusters), confidence)
    n, c = len(a), len(set(groups))
    # statsmodels' small-sample factor is C/(C-1) (n-1)/(n-1) for one column.
    fit = OLS(b - a, np.ones(n)).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    assume(fit.bse[0] > 1e-6 * np.max(np.abs(np.concatenate([a, b]))))
    assert outcome.method == "clustered_t"
    assert outcome.df == c - 1
    assert outcome.std_error == pytest.approx(fit.bse[0], rel=1e-6)
    assert outcome.p_value == pytest.approx(fit.pvalues[0], rel=1e-6, abs=1e-12)
    low, high = fit.conf_int(1 - confidence)[0]
    assert (outcome.low, outcome.high) == pytest.approx((low, high), abs=1e-6 * (high - low))


@given(ITEMS)
def test_each_item_as_a_cluster_changes_nothing(items: Drawn) -> None:
    base, candidate, _ = split(items)
    plain = paired_sums(base, candidate)
    assume(not (plain.single and plain.binary) and plain.n >= 2)
    alone, whole = paired_test(paired_sums(base, candidate, {k: k for k in base}), 0.95), paired_test(plain, 0.95)
    assert (alone.std_error, alone.p_value, alone.low) == (whole.std_error, whole.p_value, whole.low)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=200), CONFIDENCE)
def test_ones_and_zeros_get_mcnemars_mid_p_and_bonett_and_prices_interval(
    pairs: list[tuple[bool, bool]], confidence: float
) -> None:
    one = 10**9
    base, candidate, _ = split([([one * a], [one * b], 0) for a, b in pairs])
    outcome = paired_test(paired_sums(base, candidate, one=one), confidence)
    n, up = len(pairs), sum(b and not a for a, b in pairs)
    down = sum(a and not b for a, b in pairs)
    assert outcome.method == "mcnemar_mid_p"
    pmf = scipy.stats.binom.pmf(min(up, down), up + down, 0.5)
    assert outcome.p_value == pytest.approx(scipy.stats.binomtest(up, up + down).pvalue - pmf if up != down else 1)
    # Bonett and Price 2012, equation 10: Wald's interval of the table with a pair added to both changes.
    p12, p21 = (down + 1) / (n + 2), (up + 1) / (n + 2)
    half = scipy.stats.norm.ppf(0.5 + confidence / 2) * math.sqrt((p12 + p21 - (p12 - p21) ** 2) / (n + 2))
    assert outcome.low == pytest.approx(max(-1, p21 - p12 - half))
    assert outcome.high == pytest.approx(min(1, p21 - p12 + half))


@given(ITEMS)
def test_swapped_arms_mirror(items: Drawn) -> None:
    base, candidate, clusters = split(items)
    for by in (None, clusters):
        one, other = (paired_test(paired_sums(*arms, by), 0.95) for arms in ((base, candidate), (candidate, base)))
        assert (one.p_value, one.std_error, one.smallest) == (other.p_value, other.std_error, other.smallest)
        assert (one.low, one.high) == (
            None if other.high is None else -other.high,
            None if other.low is None else -other.low,
        )


@given(ITEMS)
def test_every_trace_told_twice_changes_no_difference_and_no_error(items: Drawn) -> None:
    base, candidate, _ = split(items)
    a, b = ({k: v * 2 for k, v in arm.items()} for arm in (base, candidate))
    once, twice = paired_sums(base, candidate), paired_sums(a, b)
    assert once.mean(once.b - once.a) == twice.mean(twice.b - twice.a)
    # What is single is tested as ones and zeros; doubled it no longer is.
    assume(not (once.single and once.binary))
    assert paired_test(once, 0.95) == paired_test(twice, 0.95)


def test_equal_differences_are_left_to_the_sign_test() -> None:
    base = {f"i{n}": [n * 7] for n in range(6)}
    outcome = paired_test(paired_sums(base, {k: [v + 3] for k, (v,) in base.items()}), 0.95)
    assert (outcome.method, outcome.p_value, outcome.low, outcome.high) == ("sign", 2**-5, None, None)
    same = paired_test(paired_sums(base, base), 0.95)
    assert (same.method, same.p_value, same.low, same.high) == ("paired_t", 1.0, 0.0, 0.0)


def test_less_than_two_items_or_clusters_tell_nothing() -> None:
    one = paired_test(paired_sums({"a": [1]}, {"a": [5]}), 0.95)
    assert (one.p_value, one.std_error) == (None, None)
    base, candidate = {"a": [1], "b": [2]}, {"a": [5], "b": [3]}
    assert paired_test(paired_sums(base, candidate, {"a": 1, "b": 1}), 0.95).p_value is None


@given(ITEMS, CONFIDENCE)
def test_the_relative_difference_is_the_delta_methods(items: Drawn, confidence: float) -> None:
    base, candidate, _ = split(items)
    a, b = item_means(base, candidate)
    assume(len(a) >= 2)
    outcome = relative(paired_sums(base, candidate), confidence)
    if outcome is None:
        se = np.std(a, ddof=1) / math.sqrt(len(a))
        assert np.mean(a) < 4.000001 * se or np.mean(a) <= 0
        return
    r, n = np.mean(b) / np.mean(a), len(a)
    cov = np.cov(a, b)
    variance = (cov[1, 1] - 2 * r * cov[0, 1] + r * r * cov[0, 0]) / n / np.mean(a) ** 2
    half = scipy.stats.t.ppf(0.5 + confidence / 2, n - 1) * math.sqrt(max(variance, 0))
    assert outcome.difference == pytest.approx(r - 1, abs=1e-9 * max(1, abs(r)))
    assert outcome.high - outcome.low == pytest.approx(2 * half, rel=1e-4, abs=1e-6 * max(1, abs(r)))


VALUES = st.lists(st.integers(-(10**12), 10**12), min_size=2, max_size=60)


@given(VALUES, VALUES, CONFIDENCE)
def test_welchs_t_is_scipys(base: list[int], candidate: list[int], confidence: float) -> None:
    assume(all(np.std(arm) > 1e-6 * np.max(np.abs(arm)) for arm in (base, candidate)))
    outcome = welch_test(arm_sums(base), arm_sums(candidate), confidence)
    expected = scipy.stats.ttest_ind(np.array(candidate, float), np.array(base, float), equal_var=False)
    interval = expected.confidence_interval(confidence)
    assert (outcome.p_value, outcome.df) == pytest.approx((expected.pvalue, expected.df), rel=1e-6)
    assert (outcome.low, outcome.high) == pytest.approx(tuple(interval), abs=1e-6 * (interval.high - interval.low))


def test_the_smallest_detectable_difference_has_a_power_of_80_percent() -> None:
    rng = random.Random(5)
    base = {f"i{n}": [rng.randrange(100)] for n in range(50)}
    outcome = paired_test(paired_sums(base, {k: [v + rng.randrange(30)] for k, (v,) in base.items()}), 0.95)
    assert outcome.std_error is not None
    assert outcome.smallest == pytest.approx(
        (scipy.stats.t.ppf(0.975, 49) + scipy.stats.t.ppf(0.8, 49)) * outcome.std_error
    )
