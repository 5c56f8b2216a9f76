"""Spans that clients send to `request-logs`, one or many: as read, and as answered."""

from typing import Any

from ...domain.span import Span
from ...domain.times import iso
from ...domain.values import MICRO, PICO
from ...errors import invalid
from ..batch import Batch, read_each
from ..json_limits import MAX_DEPTH
from ..json_repair import decode_list, decoded_item
from .flat import read_flat
from .intake_schema import MAX_BULK, BulkCreated, BulkError, SpanCreated


def read_bulk(body: bytes, max_spans: int = MAX_BULK) -> Batch:
    """The spans of `{"logs": [...]}`. Raises `InvalidInput` where there is no such list, or too long a one."""
    logs = decode_list(body, "logs", MAX_DEPTH + 1).value
    if logs is None:
        raise invalid("must be a list of spans", "logs", code="list_type")
    if len(logs) > max_spans:
        raise invalid(f"must have at most {max_spans} spans", "logs", code="too_long")
    return read_each(logs, lambda item: read_flat(decoded_item(item)))


def bulk_answer(batch: Batch) -> BulkCreated:
    """How many spans were stored, and the error of each other one."""
    errors = [BulkError(index=index, error=str(problem)) for index, problem in batch.rejected]
    return BulkCreated(success_count=len(batch.spans), error_count=len(errors), errors=errors)


def created_answer(span: Span) -> SpanCreated:
    """A stored span's own figures."""
    return SpanCreated.model_validate(figures(span))


def figures(span: Span) -> dict[str, Any]:
    """What every description of a stored span begins with; times as text, durations in seconds, cost in dollars."""
    return {
        "id": span.span_id,
        "unique_id": span.span_id,
        "trace_unique_id": span.trace_id,
        "span_unique_id": span.span_id,
        "customer_identifier": span.labels.get("customer_identifier"),
        "environment": span.labels.get("environment"),
        "status": span.status or "success",
        "model": span.model,
        "cost": None if span.cost_pd is None else span.cost_pd / PICO,
        "latency": seconds(span.latency_us),
        "time_to_first_token": seconds(span.ttft_us),
        "prompt_tokens": span.prompt_tokens,
        "completion_tokens": span.completion_tokens,
        "total_request_tokens": span.total_tokens,
        "usage_counted": span.is_usage_counted,
        "cost_counted": span.is_cost_counted,
        "prompt_cache_hit_tokens": span.cache_read_tokens,
        "prompt_cache_creation_tokens": span.cache_write_tokens,
        "start_time": iso(span.start_us or 0),
        "timestamp": iso(span.end_us or 0),
    }


def seconds(us: int | None) -> float | None:
    """Microseconds as seconds; `None` stays `None`."""
    return None if us is None else us / MICRO
