"""Single spans as they are described to clients."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .intake_schema import SPAN_EXAMPLE
from .summary import SUMMARY_EXAMPLE, SummaryAnswer

_EXAMPLE: dict[str, Any] = SPAN_EXAMPLE | {
    "id": "a1",
    "unique_id": "a1",
    "status": "success",
    "cost": 0.00008,
    "total_request_tokens": 17,
    "usage_counted": True,
    "cost_counted": True,
    "is_root_span": True,
    "scores": {},
}


class SpanObject(BaseModel):
    """A span with its content; keys that it has no value for may be null or absent."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    unique_id: str
    trace_unique_id: str
    span_unique_id: str
    span_parent_id: str | None
    span_name: str | None
    log_type: str | None
    model: str | None
    status: str
    cost: float | None = Field(description="US dollars")
    latency: float | None = Field(description="Seconds")
    prompt_tokens: int | None
    completion_tokens: int | None
    total_request_tokens: int | None
    usage_counted: bool = Field(description="Whether its tokens enter its trace's sums, or another span reports them")
    cost_counted: bool = Field(description="Whether its cost does")
    start_time: str
    timestamp: str = Field(description="The end")
    metadata: dict[str, Any]
    scores: dict[str, dict[str, Any]]


class SpanSummary(SummaryAnswer):
    """Totals over spans: what an experiment's summary has, and the names that older clients read."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [SUMMARY_EXAMPLE | {"total_requests": 150, "average_latency": 1.23, "average_cost": 0.083}]
        }
    )

    total_requests: int = Field(description="The same number as total_count")
    average_latency: float = Field(description="The same number as avg_latency")
    average_cost: float = Field(description="US dollars, over the spans whose cost is known; 0 where none is")


class SpanList(BaseModel):
    """A page of spans."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"count": 1, "next": None, "previous": None, "results": [_EXAMPLE], "current_filters": {}}]
        }
    )

    count: int = Field(description="Of all pages, the same as the summary's `total_count`")
    next: str | None
    previous: str | None
    results: list[dict[str, Any]]
    current_filters: dict[str, Any]


FLAGS, TEXTS = ("is_pinned", "positive_feedback"), ("note",)
PATCH_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **{key: {"type": ["boolean", "null"]} for key in FLAGS},
        **{key: {"type": ["string", "null"]} for key in TEXTS},
        "metadata": {"type": ["object", "null"]},
    },
    "examples": [{"positive_feedback": True, "note": "Well put", "metadata": {"reviewed": True}}],
}
