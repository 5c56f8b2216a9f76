"""Respan's summary of an experiment: the union of the keys of all client generations, and ours beside them.

Generation A reads `total_count` and the totals, B and C `number_of_requests`, the means and `scores`. None of the ten
keys is ever null or missing. `error_count`, the counts behind each mean and the spread of scores are additions.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ...domain.values import MICRO, MILLI, PICO
from ...insights.percentiles import METHOD
from ...stats.measures import COST_PARTIAL
from ...stats.summary import Summary
from .score_summary import SCORE_EXAMPLE, ScoreSummary, score_summaries

_COUNTED = {"cost": "cost_pd", "latency": "latency_us", "tps": "tps", "ttft": "ttft_us"}
"""Measures that a trace may lack: their name here, and that of their sum."""

SUMMARY_EXAMPLE: dict[str, Any] = {
    "total_count": 150,
    "number_of_requests": 150,
    "total_cost": 12.45,
    "total_tokens": 50000,
    "total_prompt_tokens": 30000,
    "total_completion_tokens": 20000,
    "avg_latency": 1.23,
    "avg_tps": 45.2,
    "avg_ttft": 0.8,
    "scores": {"eval_1": SCORE_EXAMPLE},
    "error_count": 3,
    "cost_count": 149,
    "latency_count": 150,
    "tps_count": 147,
    "ttft_count": 120,
    "cost_partial_count": 0,
    "missing": {"cost": 1, "latency": 0, "tps": 3, "ttft": 30},
}


Percentiles = dict[str, dict[str, float | int | None]]
"""By measure and percent, in the unit of the measure."""


class Missing(BaseModel):
    """How many of the traces do not have a number: no mean and no sum counts them."""

    cost: int
    latency: int
    tps: int
    ttft: int


class SummaryAnswer(BaseModel):
    """Totals over the traces of an experiment that lie in the window and match the filters."""

    model_config = ConfigDict(json_schema_extra={"examples": [SUMMARY_EXAMPLE]})

    total_count: int = Field(description="Matching traces")
    number_of_requests: int = Field(description="The same number")
    total_cost: float = Field(description="US dollars; traces whose cost is unknown are left out")
    total_tokens: int
    total_prompt_tokens: int
    total_completion_tokens: int
    avg_latency: float = Field(description="Seconds, over the traces that have a latency; 0 where none has")
    avg_tps: float = Field(description="Completion tokens per second of latency, over the traces that have both")
    avg_ttft: float = Field(description="Seconds to the first token, over the traces that know it")
    scores: dict[str, ScoreSummary] = Field(description="By evaluator id, else slug, else name")
    error_count: int = Field(description="Matching traces that failed")
    cost_count: int = Field(description="Traces behind total_cost")
    latency_count: int = Field(description="Traces behind avg_latency")
    tps_count: int = Field(description="Traces behind avg_tps")
    ttft_count: int = Field(description="Traces behind avg_ttft")
    cost_partial_count: int = Field(
        description="Traces whose cost is too low: a span has tokens and a model, and its cost is not known"
    )
    missing: Missing
    percentiles: Percentiles | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="Where `percentiles` asks for them: by measure and percent, null without data",
    )
    method: str | None = Field(
        default=None, exclude_if=lambda value: value is None, description="How percentiles are interpolated"
    )


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
        avg_latency=mean(summary, "latency_us", MICRO),
        avg_tps=mean(summary, "tps", MILLI),
        avg_ttft=mean(summary, "ttft_us", MICRO),
        scores=score_summaries(summary),
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


def mean(summary: Summary, name: str, unit: int) -> float:
    """The mean of a measure, 0 where nothing has a value of it; `unit` of what is stored is 1 in the answer."""
    count = summary.total(f"n_{name}")
    return summary.total(name) / (count * unit) if count else 0.0
