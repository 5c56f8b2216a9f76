"""Percentiles by linear interpolation between two whole order statistics, divided once.

Hyndman and Fan's type 7, as numpy, pandas and `percentile_cont` have it: h = (n - 1) p, and then
y[floor h] + (h - floor h) (y[floor h + 1] - y[floor h]), order statistics counted from 0.
"""

import math
from collections.abc import Callable, Iterable
from fractions import Fraction

METHOD = "linear"

OrderStatistic = Callable[[int], int]
"""The value of a rank, from 0."""


def ranks(count: int, fractions: Iterable[Fraction]) -> list[int]:
    """The ranks whose values these percentiles of `count` values are made of, in order, each once."""
    different = set()
    for fraction in fractions:
        low = math.floor((count - 1) * fraction)
        different |= {low, min(low + 1, count - 1)} if count else set()
    return sorted(different)


def interpolated(count: int, fraction: Fraction, value: OrderStatistic) -> Fraction | None:
    """The percentile of `count` values, exactly; `None` of none."""
    if count == 0:
        return None
    h = (count - 1) * fraction
    low = math.floor(h)
    below = value(low)
    if h == low:
        return Fraction(below)
    return below + (h - low) * (value(low + 1) - below)


def interval_ranks(count: int, fraction: Fraction, confidence: float = 0.95) -> tuple[int, int] | None:
    """The ranks (from 0) of the two values between which the percentile of the population lies with this confidence.

    Distribution-free: X(l) and X(u) cover it where the number of values below it, binomial(count, fraction), is at
    least l and less than u. The ranks are those whose tails are each at most half of what the confidence leaves.
    `None` where so few values cannot give that confidence (Conover, Practical Nonparametric Statistics, 3.2).
    """
    if not 0 < fraction < 1:
        return None
    tail = (1 - confidence) / 2
    low = _largest_below(count, float(fraction), tail)
    high = count - 1 - _largest_below(count, 1 - float(fraction), tail)
    return (low, high) if low >= 0 and high <= count - 1 and low <= high else None


def _largest_below(count: int, p: float, tail: float) -> int:
    """The largest k for which binomial(count, p) <= k has at most the probability `tail`, -1 where there is none."""
    low, high = -1, max(0, math.floor(count * p))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _binomial_cdf(middle, count, p) <= tail else (low, middle)
    return high if low == high - 1 and _binomial_cdf(high, count, p) <= tail else low


def _binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X <= k), below the mean, added up from the largest term downwards until terms no longer count."""
    log_term = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    term = math.exp(log_term + k * math.log(p) + (n - k) * math.log1p(-p))
    total = 0.0
    while k >= 0 and term > total * 1e-16:
        total += term
        term *= k / (n - k + 1) * (1 - p) / p
        k -= 1
    return total
