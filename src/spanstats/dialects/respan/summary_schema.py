"""Respan's summary of an experiment: the union of the keys of all client generations, and ours beside them.

Generation A reads `total_count` and the totals, B and C `number_of_requests`, the means and `scores`. None of the ten
keys is ever null or missing. `error_count`, the counts behind each mean and the spread of scores are additions.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

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
