"""One evaluator's scores in Respan's summary."""

import math
from typing import Any

from pydantic import BaseModel, Field

from ...domain.values import NANO
from ...stats.evaluators import Evaluator
from ...stats.summary import Summary
from ...stats.sums import ScoreSums

SCORE_EXAMPLE: dict[str, Any] = {
    "evaluator_id": "eval_1",
    "evaluator_slug": "quality",
    "evaluator_name": "Quality",
    "score_value_type": "numerical",
    "avg_score": 4.2,
    "avg_score_count": 150,
    "true_count": None,
    "false_count": None,
    "text_count": 0,
    "trace_count": 150,
    "missing_count": 0,
    "count": 150,
    "min_score": 1.0,
    "max_score": 5.0,
    "standard_deviation": 0.7,
}


class ScoreSummary(BaseModel):
    """One evaluator's scores in all matching traces."""

    evaluator_id: str | None
    evaluator_slug: str | None
    evaluator_name: str | None
    score_value_type: str
    avg_score: float | None = Field(
        description="Mean of the numbers, and of booleans as 1 and 0 where the evaluator has both; null without numbers"
    )
    avg_score_count: int | None = Field(description="Scores behind avg_score")
    true_count: int | None = Field(description="Booleans only")
    false_count: int | None = Field(description="Booleans only")
    text_count: int = Field(description="Scores that are text or categories")
    trace_count: int = Field(description="Traces (of a summary of spans: spans) that have a number or boolean")
    missing_count: int = Field(description="The others")
    count: int = Field(description="Scores of any kind")
    min_score: float | None
    max_score: float | None
    standard_deviation: float | None = Field(description="Of the sample; null below two numbers")


def score_summaries(summary: Summary) -> dict[str, ScoreSummary]:
    """By evaluator key, from exact sums, which become floats here: a quotient of whole numbers is rounded once."""
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
        avg_score=averaged.total / (averaged.n * NANO) if averaged.n else None,
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
    squared = sums.n * sums.squares - sums.total * sums.total
    return math.sqrt(squared / (sums.n * (sums.n - 1) * NANO * NANO))
