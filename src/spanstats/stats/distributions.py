"""Tail areas and quantiles of the tests, as floats. Their oracle in the tests is scipy."""

import math
from fractions import Fraction
from statistics import NormalDist

from .incomplete_beta import half_beta

_NORMAL = NormalDist()
_FEW = 1_000
"""Below this many trials a binomial tail is summed in whole numbers."""


def t_two_sided(t: float, df: float) -> float:
    """The probability of a value at least as far from 0 under Student's t with `df` > 0 degrees of freedom."""
    if t == 0:
        return 1.0
    # The share of t² in df + t² , without a square that is too large or too small for a float.
    y = 1 / (1 + df / t / t)
    x = 1 / (1 + t / df * t)
    return 0.0 if x == 0 else half_beta(df / 2, x, y) if y else 1.0


def t_quantile(p: float, df: float) -> float:
    """The value below which a share `p` (0 < p < 1) of Student's t with `df` >= 1 lies."""
    if p < 0.5:
        return -t_quantile(1 - p, df)
    if p == 0.5:
        return 0.0
    if df == 1:
        return math.tan(math.pi * (p - 0.5))
    t = _hill(p, df)
    for _ in range(20):
        step = (1 - t_two_sided(t, df) / 2 - p) / _t_density(t, df)
        t -= step
        if abs(step) <= 1e-13 * t:
            break
    return t


def _hill(p: float, df: float) -> float:
    """A first value from the normal one (the first terms of the Cornish-Fisher series)."""
    z = _NORMAL.inv_cdf(p)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / df + second / df**2 + third / df**3 if df > 2 else z


def _t_density(t: float, df: float) -> float:
    log = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    return math.exp(log - (df + 1) / 2 * math.log1p(t * t / df))


def z_quantile(p: float) -> float:
    """The value below which a share `p` (0 < p < 1) of the standard normal lies."""
    return _NORMAL.inv_cdf(p)


def mcnemar_mid_p(up: int, down: int) -> float:
    """Two-sided mid-p of McNemar's test: of the pairs that differ, `up` changed one way and `down` the other.

    Fagerland, Lydersen and Laake 2013: the exact conditional test is too conservative, its mid-p is not.
    """
    n, k = up + down, min(up, down)
    if up == down:
        return 1.0
    if n < _FEW:
        below = sum(math.comb(n, i) for i in range(k))
        return float(Fraction(2 * below + math.comb(n, k), 2**n))
    at_k = math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2))
    return min(1.0, 2 * _below(at_k, n, k) + at_k)


def _below(at_k: float, n: int, k: int) -> float:
    """The probability of fewer than k of n: the terms fall fast."""
    total, term = 0.0, at_k
    for i in range(k, 0, -1):
        term *= i / (n - i + 1)
        total += term
        if term < total * 1e-17:
            break
    return total


def sign_p(n: int) -> float:
    """Two-sided sign test of n differences that all have one sign."""
    return math.ldexp(1.0, 1 - n) if n else 1.0
