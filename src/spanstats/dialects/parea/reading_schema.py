"""Parea's models of reading logs: filters, pages, trees."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .filters import OPERATOR_NAMES
from .schema import EvaluationScoreSchema

_DAY_S = 86_400
TIME_RANGES_S = {
    "na": None,
    "1h": 3_600,
    "3h": 3 * 3_600,
    "6h": 6 * 3_600,
    "24h": _DAY_S,
    "7d": 7 * _DAY_S,
    "1m": 30 * _DAY_S,
    "3m": 90 * _DAY_S,
    "6m": 180 * _DAY_S,
    "1y": 365 * _DAY_S,
}
"""How long before now a trace may have begun, in seconds, by Parea's word; a month has 30 days."""

FILTER_KEYS = {"filter_field", "filter_key", "filter_operator", "filter_value"}
MAX_PAGE_SIZE = 100_000
MAX_PAGE = 2**31 - 1

_LOG: dict[str, Any] = {
    "trace_id": "a7ff3914-e9a8-4ccc-bb69-b1ff1a7277d7",
    "parent_trace_id": "a7ff3914-e9a8-4ccc-bb69-b1ff1a7277d7",
    "root_trace_id": "a7ff3914-e9a8-4ccc-bb69-b1ff1a7277d7",
    "start_timestamp": "2026-01-01T12:00:00.000001+00:00",
    "end_timestamp": "2026-01-01T12:00:00.800001+00:00",
    "trace_name": "greet",
    "status": "success",
    "inputs": {"name": "Ada"},
    "output": "Hello Ada",
    "target": "Hello Ada",
    "latency": 0.8,
    "input_tokens": 22,
    "output_tokens": 14,
    "total_tokens": 36,
    "cost": 0.0002,
    "scores": [{"name": "accuracy", "score": 1.0, "reason": None, "evaluation_metric_id": None}],
    "configuration": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Greet Ada"}]},
    "children": [],
    "children_logs": [],
    "depth": 0,
    "execution_order": 0,
}


def _example(*examples: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class TraceLogFilters(BaseModel):
    """One condition on root logs; without field or operator there is none."""

    model_config = _example(
        {"filter_field": "error", "filter_operator": "exists"},
        {"filter_field": "score:accuracy", "filter_operator": "greater_than", "filter_value": "0.5"},
        {"filter_field": "metadata", "filter_key": "env", "filter_operator": "equals", "filter_value": "prod"},
    )

    filter_field: Any = Field(
        None,
        description="A field of a log, `score:<name>`, or the bare name of a score: one of the trace's scores passes.",
        json_schema_extra={"type": ["string", "null"]},
    )
    filter_key: Any = Field(
        None, description="The key of `metadata` or `inputs`.", json_schema_extra={"type": ["string", "null"]}
    )
    filter_operator: Any = Field(None, json_schema_extra={"enum": [*OPERATOR_NAMES, "", None]})
    filter_value: Any = Field(
        None,
        description="Text, or any JSON value; `in` and `between` take a JSON list, or values between commas.",
    )


class QueryParams(TraceLogFilters):
    """A page of a project's root logs."""

    model_config = _example({"project_name": "greetings", "page": 1, "page_size": 20, "time_range": "24h"})

    project_name: str
    page: int = Field(1, ge=1, le=MAX_PAGE, description="Beyond the last page `results` is empty.")
    page_size: int = Field(20, ge=1, le=MAX_PAGE_SIZE)
    time_range: Literal["na", "1h", "3h", "6h", "24h", "7d", "1m", "3m", "6m", "1y"] | None = Field(
        "na", description="How long ago a trace may have begun; a month has 30 days. `na`: any time."
    )
    status: str | None = Field(None, description="`success` or `error`", examples=["error"])


class TraceLogTree(BaseModel):
    """A log with the logs below it. Tokens, cost and scores are its own, never those of its children."""

    model_config = _example(_LOG)

    trace_id: str
    parent_trace_id: str = Field(description="A root's is its own.")
    root_trace_id: str
    start_timestamp: str
    end_timestamp: str | None
    organization_id: str | None
    project_uuid: str | None
    project_name: str | None
    experiment_uuid: str | None
    trace_name: str | None
    configuration: dict[str, Any]
    inputs: dict[str, Any] | None
    output: str | None
    target: str | None
    latency: float | None
    time_to_first_token: float | None
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    cost: float | None
    scores: list[EvaluationScoreSchema]
    status: str | None
    error: str | None
    cache_hit: bool
    metadata: dict[str, Any] | None
    tags: list[str] | None
    feedback_score: float | None
    deployment_id: str | None
    end_user_identifier: str | None
    session_id: str | None
    output_for_eval_metrics: str | None
    evaluation_metric_names: list[str] | None
    apply_eval_frac: float
    log_sample_rate: float
    images: list[dict[str, Any]]
    comments: list[dict[str, Any]]
    annotations: dict[str, Any]
    depth: int
    execution_order: int
    children: list[str]
    children_logs: list["TraceLogTree"]


class PaginatedTraceLogs(BaseModel):
    model_config = _example({"total": 1, "page": 1, "total_pages": 1, "page_size": 20, "results": [_LOG]})

    total: int
    page: int
    total_pages: int
    page_size: int
    results: list[TraceLogTree]
