"""The numbers of one measure over one set of traces, as whole numbers, and what is answered of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, TypeAlias

from ..stats.distributions import t_quantile
from .measures import MeasureSpec
from .percentiles import interpolated, interval_ranks, ranks

Json: TypeAlias = dict[str, Any]

CONFIDENCE = 0.95
"""Of the intervals that are answered."""


@dataclass(frozen=True, slots=True)
class Figures:
    """`count` values; sums and extremes in whole stored units.

    Traces without a value are `missing`: `count` and it are all traces that match, but for scores, of which a trace may
    have several. `order` has the order statistics that were asked for, by rank from 0. What was not computed is `None`.
    `of_scores` is there for an evaluator: traces with a number of it, its texts, and its booleans.
    """

    count: int = 0
    missing: int = 0
    total: int = 0
    squares: int | None = None
    low: int | None = None
    high: int | None = None
    order: Mapping[int, int] = field(default_factory=dict)
    of_scores: "OfScores | None" = None

    def filled(self) -> "Figures":
        """With a 0 for each trace without a score; order statistics must have been taken of those as well."""
        if self.of_scores is None or not self.missing:
            return self
        low, high = (0 if end is None else end for end in (self.low, self.high))
        return replace(
            self,
            count=self.count + self.missing,
            missing=0,
            low=min(low, 0),
            high=max(high, 0),
            of_scores=replace(self.of_scores, filled=self.missing),
        )


@dataclass(frozen=True, slots=True)
class OfScores:
    """What only scores have: one trace may have several, of several kinds. `filled` were counted as 0 on request."""

    trace_count: int = 0
    text_count: int = 0
    true_count: int = 0
    false_count: int = 0
    filled: int = 0


def answer(spec: MeasureSpec, figures: Figures, *, intervals: bool = False) -> Json:
    """The aggregates of the measure that were asked for, in the measure's unit; `None` where there is no data."""
    members: Json = {"count": figures.count, "missing": figures.missing}
    if figures.of_scores is not None:
        members |= _of_scores(figures.of_scores)
    members |= {name: _aggregate(name, spec, figures) for name in spec.aggregates if name not in members}
    members |= {name: _percentile(spec, figures, fraction) for name, fraction in spec.percentiles.items()}
    if intervals:
        members |= {"intervals": of_intervals} if (of_intervals := _intervals(spec, figures)) else {}
    return members


def wanted_ranks(count: int, spec: MeasureSpec, *, intervals: bool = False) -> list[int]:
    """The ranks of order statistics that the answer is made of, for `count` values."""
    needed = set(ranks(count, spec.percentiles.values()))
    if intervals:
        needed |= {rank for p in spec.percentiles.values() for rank in interval_ranks(count, p) or ()}
    return sorted(needed)


def in_unit(value: Fraction | int | None, per_unit: int) -> float | int | None:
    """A whole or fractional number of stored units in the unit of the answer; whole numbers of whole units stay so."""
    if value is None:
        return None
    if per_unit == 1 and isinstance(value, int):
        return value
    return float(Fraction(value, per_unit))


def _of_scores(of_scores: OfScores) -> Json:
    members: Json = {"trace_count": of_scores.trace_count, "text_count": of_scores.text_count}
    if of_scores.true_count or of_scores.false_count:
        members |= {"true_count": of_scores.true_count, "false_count": of_scores.false_count}
    return members | ({"filled": of_scores.filled} if of_scores.filled else {})


def _aggregate(name: str, spec: MeasureSpec, figures: Figures) -> float | int | None:
    per_unit = spec.measure.per_unit
    if figures.count == 0:
        return None
    match name:
        case "sum":
            return in_unit(figures.total, per_unit)
        case "mean":
            return in_unit(Fraction(figures.total, figures.count), per_unit)
        case "std_dev":
            return _deviation(figures, per_unit)
        case "min":
            return in_unit(figures.low, per_unit)
        case _:
            return in_unit(figures.high, per_unit)


def _deviation(figures: Figures, per_unit: int) -> float | None:
    """Of the sample. The numerator is exact, so that it is never negative."""
    n = figures.count
    if n < 2 or figures.squares is None:
        return None
    return math.sqrt(Fraction(n * figures.squares - figures.total**2, n * (n - 1) * per_unit**2))


def _percentile(spec: MeasureSpec, figures: Figures, fraction: Fraction) -> float | int | None:
    if not figures.order:
        return None
    value = interpolated(figures.count, fraction, figures.order.__getitem__)
    return in_unit(value, spec.measure.per_unit)


def _intervals(spec: MeasureSpec, figures: Figures) -> Json:
    """An interval around the mean and around each percentile that was asked for."""
    of_mean = {"mean": _mean_interval(spec, figures)} if "mean" in spec.aggregates else {}
    return of_mean | {name: _percentile_interval(spec, figures, p) for name, p in spec.percentiles.items()}


def _mean_interval(spec: MeasureSpec, figures: Figures) -> Json | None:
    """Student's t around the mean; `None` of fewer than two values."""
    deviation = _deviation(figures, spec.measure.per_unit)
    if deviation is None:
        return None
    mean = float(Fraction(figures.total, figures.count * spec.measure.per_unit))
    half = t_quantile((1 + CONFIDENCE) / 2, figures.count - 1) * deviation / math.sqrt(figures.count)
    return {"low": mean - half, "high": mean + half, "confidence": CONFIDENCE}


def _percentile_interval(spec: MeasureSpec, figures: Figures, fraction: Fraction) -> Json | None:
    both = interval_ranks(figures.count, fraction, CONFIDENCE)
    if both is None:
        return None
    low, high = (in_unit(figures.order[rank], spec.measure.per_unit) for rank in both)
    return {"low": low, "high": high, "confidence": CONFIDENCE}
