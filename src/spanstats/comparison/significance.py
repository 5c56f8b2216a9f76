"""Is a difference of means real: paired t, clustered errors, McNemar's mid-p, the sign test and Welch's t.

Means and variances are exact fractions until the square root. A result that cannot be computed is `None`.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from ..stats.distributions import mcnemar_mid_p, sign_p, t_quantile, t_two_sided, z_quantile
from .sums import ArmSums, Clustered, PairedSums

POWER = 0.8
"""Chance to see the smallest detectable difference."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one test of a difference.

    `low` and `high` bound it at the confidence asked for, `narrow` at 1 - 2 alpha, for the test of equivalence.
    `smallest` is what would have been seen with a power of 80 %.
    """

    method: str
    std_error: float | None = None
    low: float | None = None
    high: float | None = None
    narrow: tuple[float, float] | None = None
    p_value: float | None = None
    smallest: float | None = None
    df: float | None = None


def paired_test(sums: PairedSums, confidence: float) -> Outcome:
    """The test that fits the items: McNemar's for single traces that are 0 or 1, else t over items or clusters."""
    if sums.single and sums.binary and sums.clusters is None and sums.n >= 2:
        return _mcnemar(sums, confidence)
    groups = sums.groups
    method = "paired_t" if sums.clusters is None else "clustered_t"
    if sums.n < 2 or groups.n < 2:
        return Outcome(method)
    difference = Fraction(sums.b - sums.a, sums.n * sums.unit)
    variance = _variance_of_mean(groups.dd, groups.bm - groups.am, sums.b - sums.a, sums, groups)
    if variance == 0 and difference != 0:
        # All differ by the same: there is no spread to compare with, only a direction.
        alone = float(difference)
        return Outcome("sign", 0.0, narrow=(alone, alone), p_value=sign_p(groups.n), smallest=0.0)
    return _t_test(method, float(difference), math.sqrt(variance), groups.n - 1, confidence)


def _t_test(method: str, difference: float, std_error: float, df: float, confidence: float) -> Outcome:
    alpha = 1 - confidence
    wide, narrow = t_quantile(1 - alpha / 2, df) * std_error, t_quantile(1 - alpha, df) * std_error
    p_value = t_two_sided(difference / std_error, df) if std_error else 1.0
    return Outcome(
        method,
        std_error,
        difference - wide,
        difference + wide,
        (difference - narrow, difference + narrow),
        p_value,
        wide + t_quantile(POWER, df) * std_error,
        df,
    )


def _variance_of_mean(square: int, product: int, total: int, sums: PairedSums, groups: Clustered) -> Fraction:
    """C/(C-1) Σ (T_c - m_c mean)² / n², in squared units; with each item as its own cluster s²/n.

    Miller 2024 (arXiv 2411.00640), Eq. 4, with the finite factor that inspect_ai applies. `square`, `product` and
    `total` are Σ T_c², Σ T_c m_c and Σ T_c.
    """
    mean = Fraction(total, sums.n)
    spread = square - 2 * mean * product + mean * mean * groups.mm
    return spread * Fraction(groups.n, (groups.n - 1) * (sums.n * sums.unit) ** 2)


def _mcnemar(sums: PairedSums, confidence: float) -> Outcome:
    """Mid-p, and the interval of Bonett and Price (2012): Wald's, with one pair more of each kind that differs."""
    up, down, n = (sums.up + 1) / (sums.n + 2), (sums.down + 1) / (sums.n + 2), sums.n + 2
    centre = up - down
    std_error = math.sqrt((up + down - centre * centre) / n)
    alpha = 1 - confidence
    wide, narrow = z_quantile(1 - alpha / 2) * std_error, z_quantile(1 - alpha) * std_error
    return Outcome(
        "mcnemar_mid_p",
        std_error,
        max(-1.0, centre - wide),
        min(1.0, centre + wide),
        (centre - narrow, centre + narrow),
        mcnemar_mid_p(sums.up, sums.down),
        wide + z_quantile(POWER) * std_error,
    )


@dataclass(frozen=True, slots=True)
class Relative:
    """The candidate's mean by the base's, less one."""

    difference: float
    low: float
    high: float


CLEAR_OF_ZERO = 4
"""A base mean less than this many of its standard errors above 0 is no measure to compare with."""


def relative(sums: PairedSums, confidence: float) -> Relative | None:
    """By the delta method with the covariance of the pairs; `None` where the base's mean is not clear of 0."""
    groups = sums.groups
    if sums.n < 2 or groups.n < 2 or sums.a <= 0:
        return None
    base_variance = _variance_of_mean(groups.aa, groups.am, sums.a, sums, groups)
    mean = Fraction(sums.a, sums.n * sums.unit)
    if mean * mean < CLEAR_OF_ZERO**2 * base_variance:
        return None
    ratio = Fraction(sums.b, sums.a)
    cross = Fraction(groups.aa + groups.bb - groups.dd, 2)
    # Of b - ratio·a, whose mean is 0.
    square = groups.bb - 2 * ratio * cross + ratio * ratio * groups.aa
    variance = square * Fraction(groups.n, (groups.n - 1) * (sums.n * sums.unit) ** 2) / (mean * mean)
    wide = t_quantile(1 - (1 - confidence) / 2, groups.n - 1) * math.sqrt(variance)
    change = float(ratio - 1)
    return Relative(change, change - wide, change + wide)


def welch_test(base: ArmSums, candidate: ArmSums, confidence: float) -> Outcome:
    """Welch's t of two arms whose traces are not matched, with Satterthwaite's degrees of freedom."""
    if base.n < 2 or candidate.n < 2 or base.mean is None or candidate.mean is None:
        return Outcome("welch")
    difference = candidate.mean - base.mean
    of_base, of_candidate = _arm_variance(base), _arm_variance(candidate)
    variance = of_base + of_candidate
    if variance == 0:
        alone = float(difference)
        return Outcome("welch", 0.0, narrow=(alone, alone), p_value=None if difference else 1.0, smallest=0.0)
    df = variance**2 / (of_base**2 / (base.n - 1) + of_candidate**2 / (candidate.n - 1))
    return _t_test("welch", float(difference), math.sqrt(variance), float(df), confidence)


def _arm_variance(arm: ArmSums) -> Fraction:
    """Of the arm's mean."""
    spread = arm.n * arm.squares - arm.total * arm.total
    return Fraction(spread, arm.n * arm.n * (arm.n - 1) * arm.unit * arm.unit)
