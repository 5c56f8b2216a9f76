"""Respan's summary of an experiment, answered from exact sums: here alone they become floats."""

import math
from collections.abc import Mapping
from fractions import Fraction

from ...domain.values import MICRO, NANO, PICO
from ...insights.percentiles import METHOD
from ...stats.evaluators import Evaluator
from ...stats.measures import COST_PARTIAL
from ...stats.summary import Summary
from ...stats.sums import ScoreSums
from .summary_schema import Missing, ScoreSummary, SummaryAnswer

_MILLI = 1000
_COUNTED = {"cost": "cost_pd", "latency": "latency_us", "tps": "tps", "ttft": "ttft_us"}
"""Measures that a trace may lack: their name here, and that of their sum."""


def summary_answer(
    summary: Summary, percentiles: Mapping[str, Mapping[str, float | int | None]] | None = None
) -> SummaryAnswer:
    """The answer for exact sums, which become floats here. Percentiles are in units of the answer."""
    count = summary.total("n")
    counts = {name: summary.total(f"n_{column}") for name, column in _COUNTED.items()}
    return SummaryAnswer(
        total_count=count,
        number_of_requests=count,
        total_cost=summary.total("cost_pd") / PICO,
        total_tokens=summary.total("total_tokens"),
        total_prompt_tokens=summary.total("prompt_tokens"),
        total_completion_tokens=summary.total("completion_tokens"),
        avg_latency=_mean(summary, "latency_us", MICRO),
        avg_tps=_mean(summary, "tps", _MILLI),
        avg_ttft=_mean(summary, "ttft_us", MICRO),
        scores=_scores(summary),
        error_count=summary.total("n_errors"),
        cost_count=counts["cost"],
        latency_count=counts["latency"],
        tps_count=counts["tps"],
        ttft_count=counts["ttft"],
        cost_partial_count=summary.sums.get(COST_PARTIAL) or 0,
        missing=Missing(**{name: count - with_value for name, with_value in counts.items()}),
        percentiles=None
        if percentiles is None
        else {name: dict(by_percent) for name, by_percent in percentiles.items()},
        method=None if percentiles is None else METHOD,
    )


def _mean(summary: Summary, name: str, unit: int) -> float:
    mean = summary.mean(name)
    return 0.0 if mean is None else float(mean / unit)


def _scores(summary: Summary) -> dict[str, ScoreSummary]:
    count = summary.total("n")
    return {
        key: _score(sums, summary.evaluators.get(key) or Evaluator(name=key), count)
        for key, sums in summary.scores.items()
    }


def _score(sums: ScoreSums, evaluator: Evaluator, traces: int) -> ScoreSummary:
    booleans = sums.n_true + sums.n_false
    averaged = _averaged(sums)
    return ScoreSummary(
        evaluator_id=evaluator.id,
        evaluator_slug=evaluator.slug,
        evaluator_name=evaluator.name,
        score_value_type=evaluator.value_type,
        avg_score=float(Fraction(averaged.total, averaged.n * NANO)) if averaged.n else None,
        avg_score_count=averaged.n or None,
        true_count=sums.n_true if booleans else None,
        false_count=sums.n_false if booleans else None,
        text_count=sums.n_text,
        trace_count=sums.n_traces or 0,
        missing_count=traces - (sums.n_traces or 0),
        count=sums.n + booleans + sums.n_text,
        min_score=None if averaged.low is None else averaged.low / NANO,
        max_score=None if averaged.high is None else averaged.high / NANO,
        standard_deviation=_deviation(averaged),
    )


def _averaged(sums: ScoreSums) -> ScoreSums:
    """The numbers alone; with the booleans, as 1 and 0, where an evaluator has both."""
    booleans = sums.n_true + sums.n_false
    if not sums.n or not booleans:
        return sums
    as_numbers = [NANO] * bool(sums.n_true) + [0] * bool(sums.n_false)
    return ScoreSums(
        n=sums.n + booleans,
        total=sums.total + sums.n_true * NANO,
        squares=sums.squares + sums.n_true * NANO * NANO,
        low=None if sums.low is None else min(sums.low, *as_numbers),
        high=None if sums.high is None else max(sums.high, *as_numbers),
    )


def _deviation(sums: ScoreSums) -> float | None:
    """Of the sample. The numerator is exact, so that it is never negative."""
    if sums.n < 2:
        return None
    squared = Fraction(sums.n * sums.squares - sums.total * sums.total, sums.n * (sums.n - 1) * NANO * NANO)
    return math.sqrt(squared)
