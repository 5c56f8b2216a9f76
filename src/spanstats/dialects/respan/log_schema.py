"""Logs as they are described to clients."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ...domain.values import MAX_LATENCY_US, MAX_TOKENS, MICRO

_LOG: dict[str, Any] = {
    "id": "5f2b1c",
    "trace_unique_id": "5f2b1c",
    "root_span_unique_id": "a1",
    "name": "answer",
    "status": "success",
    "environment": "prod",
    "customer_identifier": None,
    "comparison_key": None,
    "start_time": "2026-01-01T00:00:00+00:00",
    "end_time": "2026-01-01T00:00:01.230000+00:00",
    "duration": 1.23,
    "span_count": 3,
    "llm_call_count": 1,
    "error_count": 0,
    "total_cost": 0.083,
    "total_tokens": 350,
    "total_prompt_tokens": 200,
    "total_completion_tokens": 150,
    "scores": {},
    "metadata": {"plan": "pro"},
    "input": "Hi",
    "output": "Hello",
    "expected_output": None,
}


class LogObject(BaseModel):
    """A trace of an experiment; numbers are the sums over its spans."""

    model_config = ConfigDict(json_schema_extra={"examples": [_LOG]})

    id: str
    trace_unique_id: str
    root_span_unique_id: str | None
    name: str | None
    status: str
    environment: str | None
    customer_identifier: str | None
    comparison_key: str | None
    start_time: str
    end_time: str
    duration: float | None = Field(description="Seconds")
    span_count: int
    llm_call_count: int
    error_count: int
    total_cost: float | None = Field(description="US dollars; null where no span has a cost")
    total_tokens: int
    total_prompt_tokens: int
    total_completion_tokens: int
    scores: dict[str, dict[str, Any]] = Field(description="By evaluator id, else slug, else name")
    metadata: dict[str, Any]
    input: Any
    output: Any
    expected_output: Any


class LogDetail(LogObject):
    """A trace with its spans."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _LOG | {"span_tree": [{"id": "a1", "span_name": "answer", "log_type": "task", "children": []}]}
            ]
        }
    )

    span_tree: list[dict[str, Any]] = Field(description="The root with its `children`; without a root several spans")


class LogList(BaseModel):
    """A page of the traces of an experiment."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"count": 1, "next": None, "previous": None, "results": [_LOG], "current_filters": {}}]
        }
    )

    count: int = Field(description="Of all pages, the same as the summary's `total_count`")
    next: str | None
    previous: str | None
    results: list[LogObject]
    current_filters: dict[str, Any]


class LogChanged(BaseModel):
    """What a change is answered with."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": "5f2b1c", "trace_unique_id": "5f2b1c", "status": "success"}]}
    )

    id: str
    trace_unique_id: str
    status: str


class TraceDeleted(BaseModel):
    """What a deletion is answered with."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"message": "The trace is deleted"}]})

    message: str


def _number(maximum: int, unit: str) -> dict[str, Any]:
    return {"type": ["number", "null"], "minimum": 0, "maximum": maximum, "description": unit}


_TOKENS = {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_TOKENS}

CHANGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "input": {},
        "output": {},
        "expected_output": {},
        "name": {"description": "Text; numbers and booleans are made text, other values are not carried"},
        "metrics": {
            "type": ["object", "null"],
            "properties": {
                "cost": _number(100_000, "US dollars"),
                **{key: _number(MAX_LATENCY_US // MICRO, "Seconds") for key in ("latency", "time_to_first_token")},
                **dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), _TOKENS),
            },
        },
        "metadata": {"type": ["object", "null"]},
    },
    "examples": [{"output": "Hello", "metrics": {"cost": 0.01, "latency": 0.8}, "metadata": {"reviewed": True}}],
}
