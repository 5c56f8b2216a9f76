"""A log as it is read: every field that Parea's readers look for, none of them null where they cannot bear it."""

from typing import Any

import msgspec


class LogScore(msgspec.Struct):
    """One score of a log, a number."""

    name: str
    score: float
    evaluation_metric_id: int | None
    reason: str | None


class Log(msgspec.Struct, kw_only=True):
    """One log, its fields in the order of Parea's. Times are ISO 8601, durations seconds, cost US dollars."""

    configuration: dict[str, Any]
    inputs: msgspec.Raw
    output: str | None
    target: str | None
    latency: float | None
    time_to_first_token: float | None
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    cost: float | None
    usage_counted: bool
    """Whether its tokens enter its trace's sums, or another log reports them. Parea's API has no such key."""
    scores: list[LogScore]
    trace_id: str
    parent_trace_id: str
    root_trace_id: str
    start_timestamp: str
    organization_id: None = None
    project_uuid: str | None
    project_name: str | None
    error: str | None
    status: str | None
    deployment_id: str | None
    cache_hit: bool
    output_for_eval_metrics: str | None
    evaluation_metric_names: list[str] | None
    apply_eval_frac: float
    log_sample_rate: float
    feedback_score: float | None
    trace_name: str | None
    children: list[str]
    end_timestamp: str | None
    end_user_identifier: str | None
    session_id: str | None
    metadata: dict[str, Any] | None
    tags: list[str] | None
    experiment_uuid: str | None
    images: list[dict[str, Any]]
    comments: list[dict[str, Any]]
    annotations: dict[str, Any]
    depth: int
    execution_order: int
    children_logs: list["Log"]
