"""Spans that clients send to `request-logs`, and the answers: as described."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

MAX_BULK = 500

SPAN_EXAMPLE: dict[str, Any] = {
    "trace_unique_id": "5f2b1c",
    "span_unique_id": "a1",
    "span_name": "answer",
    "log_type": "chat",
    "model": "gpt-4o",
    "input": [{"role": "user", "content": "Hi"}],
    "output": {"role": "assistant", "content": "Hello"},
    "prompt_tokens": 12,
    "completion_tokens": 5,
    "latency": 0.8,
    "timestamp": "2026-01-01T00:00:00Z",
    "metadata": {"experiment_id": "exp_1"},
}
SPAN_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A flat span; keys that are not known are ignored, ids that are absent are made",
    "examples": [SPAN_EXAMPLE],
}
BULK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"logs": {"type": "array", "items": SPAN_SCHEMA, "maxItems": MAX_BULK}},
    "required": ["logs"],
    "examples": [{"logs": [SPAN_EXAMPLE]}],
}


class SpanCreated(BaseModel):
    """The span as it is stored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "a1",
                    "unique_id": "a1",
                    "trace_unique_id": "5f2b1c",
                    "span_unique_id": "a1",
                    "organization_id": None,
                    "customer_identifier": None,
                    "environment": None,
                    "status": "success",
                    "model": "gpt-4o",
                    "cost": 0.00008,
                    "latency": 0.8,
                    "time_to_first_token": None,
                    "prompt_tokens": 12,
                    "completion_tokens": 5,
                    "total_request_tokens": 17,
                    "prompt_cache_hit_tokens": None,
                    "prompt_cache_creation_tokens": None,
                    "start_time": "2025-12-31T23:59:59.200000+00:00",
                    "timestamp": "2026-01-01T00:00:00+00:00",
                }
            ]
        }
    )

    id: str
    unique_id: str = Field(description="The span's id, by which its log is found and scored")
    trace_unique_id: str
    span_unique_id: str
    organization_id: None = None
    customer_identifier: str | None
    environment: str | None
    status: str
    model: str | None
    cost: float | None = Field(description="US dollars; null where no price is known")
    latency: float | None = Field(description="Seconds")
    time_to_first_token: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_request_tokens: int | None
    prompt_cache_hit_tokens: int | None
    prompt_cache_creation_tokens: int | None
    start_time: str
    timestamp: str = Field(description="The end")


class BulkError(BaseModel):
    """A span that was not stored, by its index in the request."""

    index: int
    error: str


class BulkCreated(BaseModel):
    """What became of the spans of one request."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"success_count": 1, "error_count": 1, "errors": [{"index": 1, "error": "cost: must be a number"}]}
            ]
        }
    )

    success_count: int
    error_count: int
    errors: list[BulkError]
