"""How often a test sees a difference between runs that do not differ: simulated, for each method.

`make fuzz` runs this at length. Seeds are fixed, so that what passes once passes always.
"""

import os
from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from spanstats.comparison.correction import CORRECTIONS
from spanstats.comparison.significance import paired_test, welch_test
from spanstats.comparison.sums import ArmSums, Clustered, PairedSums

pytestmark = pytest.mark.skipif("SPANSTATS_FUZZ_EXAMPLES" not in os.environ, reason="a simulation of `make fuzz`")

ALPHA = 0.05
TIMES = 5_000
"""Of 5 % in so many the standard error is 0.31 %."""

Values = NDArray[np.int64]


def paired(a: Values, b: Values, clusters: Values | None = None, *, binary: bool = False) -> PairedSums:
    d = b - a
    return PairedSums(
        unit=1,
        n=len(a),
        a=int(a.sum()),
        b=int(b.sum()),
        aa=int(a @ a),
        bb=int(b @ b),
        dd=int(d @ d),
        up=int((d > 0).sum()),
        down=int((d < 0).sum()),
        single=binary,
        binary=binary,
        clusters=None if clusters is None else clustered(a, b, clusters),
    )


def clustered(a: Values, b: Values, clusters: Values) -> Clustered:
    totals = [np.bincount(clusters, values).astype(np.int64) for values in (a, b, np.ones_like(a))]
    totals = [total[totals[2] > 0] for total in totals]
    one, other, size = totals
    d = other - one
    products = ((one, one), (other, other), (d, d), (one, size), (other, size), (size, size))
    return Clustered(len(size), *(int(x @ y) for x, y in products))


def arm(values: Values) -> ArmSums:
    return ArmSums(1, len(values), int(values.sum()), int(values @ values), len(values))


def skewed_items(rng: Generator) -> float | None:
    """Latencies of 40 items, some harder than others, of one to three trials each."""
    hard = rng.lognormal(0, 0.5, 40)
    runs = [np.array([rng.lognormal(0, 0.4, rng.integers(1, 4)).mean() for _ in hard]) * hard for _ in range(2)]
    one, other = ((run * 1e6).astype(np.int64) for run in runs)
    return paired_test(paired(one, other), 0.95).p_value


def clusters_of_items(rng: Generator) -> tuple[PairedSums, PairedSums]:
    """Items of 60 documents, whose differences have much in common; the same without a word on the documents."""
    of_item = np.repeat(np.arange(60), rng.integers(1, 6, 60))
    base = rng.normal(1e6, 3e5, len(of_item))
    change = rng.normal(0, 1e5, 60)[of_item] + rng.normal(0, 1e5, len(of_item))
    one, other = base.astype(np.int64), (base + change).astype(np.int64)
    return paired(one, other, of_item), paired(one, other)


def clustered_items(rng: Generator) -> float | None:
    return paired_test(clusters_of_items(rng)[0], 0.95).p_value


def clusters_unsaid(rng: Generator) -> float | None:
    return paired_test(clusters_of_items(rng)[1], 0.95).p_value


def right_or_wrong(n: int) -> Callable[[Generator], float | None]:
    def simulated(rng: Generator) -> float | None:
        easy = rng.beta(1, 1, n)
        one, other = ((rng.random(n) < easy).astype(np.int64) for _ in range(2))
        return paired_test(paired(one, other, binary=True), 0.95).p_value

    return simulated


def whole_arms(rng: Generator) -> float | None:
    """Of different sizes and spreads."""
    one = rng.gamma(4, 1e6, 60).astype(np.int64)
    other = (4e6 + rng.normal(0, 4e6, 140)).astype(np.int64)
    return welch_test(arm(one), arm(other), 0.95).p_value


def share(simulated: Callable[[Generator], float | None], times: int = TIMES) -> float:
    """Of false alarms."""
    rng = np.random.default_rng(1)
    p_values = [simulated(rng) for _ in range(times)]
    return sum(p is not None and p <= ALPHA for p in p_values) / times


@pytest.mark.parametrize("simulated", [skewed_items, clustered_items, right_or_wrong(1_000), whole_arms])
def test_one_in_twenty_tests_of_equal_runs_sees_a_difference(simulated: Callable[[Generator], float | None]) -> None:
    assert 0.04 <= share(simulated) <= 0.06


def test_few_items_that_are_right_or_wrong_raise_fewer_alarms_and_never_more() -> None:
    assert 0.02 <= share(right_or_wrong(50)) <= 0.06


def test_the_simulation_sees_what_is_wrong_with_clusters_that_are_not_named() -> None:
    assert share(clusters_unsaid) > 0.08


@pytest.mark.parametrize(
    ("correction", "low", "high"), [("holm", 0.04, 0.06), ("bh", 0.04, 0.06), ("none", 0.36, 0.44)]
)
def test_ten_measures_together_see_a_difference_as_seldom_as_one(correction: str, low: float, high: float) -> None:
    def any_of_ten(rng: Generator) -> float:
        arms = rng.normal(1e6, 1e5, (10, 2, 30)).astype(np.int64)
        p_values = [paired_test(paired(one, other), 0.95).p_value for one, other in arms]
        return min(CORRECTIONS[correction]([p for p in p_values if p is not None]))

    assert low <= share(any_of_ten, TIMES // 2) <= high
