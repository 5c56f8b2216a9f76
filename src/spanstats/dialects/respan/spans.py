"""A stored span as Respan's clients read it (`request-logs`)."""

from typing import Any

from ...domain.measures import tps_thousandths
from ...domain.span import Span
from ...domain.values import MILLI, PICO
from ...stats.summary import Summary
from ..document import SENT_AS_TEXT, parsed
from .filter_names import SPAN_FIELD_NAMES, with_other_names
from .intake import figures
from .logs import scores_object
from .span_schema import SpanSummary
from .summary import mean, summary_answer

SORTS = with_other_names(
    {
        "start_time": "start_time",
        **dict.fromkeys(("timestamp", "end_time"), "end_time"),
        **dict.fromkeys(("id", "span_unique_id"), "span_id"),
        "trace_unique_id": "trace_id",
        "cost": "cost_pd",
        "latency": "latency_us",
        "time_to_first_token": "ttft_us",
        "prompt_tokens": "prompt_tokens",
        "completion_tokens": "completion_tokens",
        "total_request_tokens": "total_tokens",
        "model": "model",
        "status": "status",
        "span_name": "name",
    },
    SPAN_FIELD_NAMES,
)
"""The columns of `spans` that spans are sorted by, by every name of their fields."""

# Attributes that are shown, each only where it has the type that clients parse.
_ATTRIBUTES: dict[type | tuple[type, ...], tuple[str, ...]] = {
    str: (
        *("log_method", "prompt_id", "prompt_name", "deployment_name", "provider_id", "organization_key_id"),
        *("error_code", "error_class", "error_fingerprint", "fault_domain", "cache_key", "note", "span_path"),
    ),
    dict: ("properties", "variables", "full_request", "full_response"),
    list: ("tools", "tool_calls", "behaviors"),
    (int, float): ("routing_time", "temperature", "top_p"),
    int: ("prompt_version_number", "max_tokens"),
    bool: ("stream", "has_tool_calls", "cache_bit", "used_custom_credential", "positive_feedback", "is_pinned"),
    (str, dict, list): ("warnings",),
}
_LABELS = {
    "customer_email": "customer_email",
    "customer_name": "customer_name",
    "thread_identifier": "thread_identifier",
    "session_identifier": "session_identifier",
    "group_identifier": "trace_group_identifier",
    "custom_identifier": "custom_identifier",
    "evaluation_identifier": "evaluation_identifier",
}


def span_object(span: Span) -> dict[str, Any]:
    """A span with all that is known of it; durations in seconds, cost in dollars."""
    shown = figures(span) | {
        # A root has no parent, even where it names itself.
        "span_parent_id": None if span.is_root else span.parent_id,
        "is_root_span": span.is_root,
        "span_name": span.name,
        "span_workflow_name": span.workflow_name,
        "log_type": span.kind,
        "status_code": span.status_code,
        "error_message": span.error,
        "provider_id": span.provider,
        "tokens_per_second": _tokens_per_second(span),
        "metadata": span.metadata or {},
        "scores": scores_object(span.scores or []),
        "expected_output": parsed(span.target),
        **{name: span.labels.get(label) for name, label in _LABELS.items()},
        **_messages(parsed(span.input), parsed(span.output)),
    }
    return shown | _attributes(span.attributes)


def listed_span(span: Span) -> dict[str, Any]:
    """As `span_object`, with content as text where it was sent as text: clients of lists parse it so."""
    shown = span_object(span)
    texts = span.attributes.get(SENT_AS_TEXT) or ()
    return shown | {name: getattr(span, name) for name in ("input", "output") if name in texts}


def span_summary(summary: Summary) -> SpanSummary:
    """The answer for exact sums over spans."""
    answer = summary_answer(summary)
    return SpanSummary(
        **dict(answer),
        total_requests=answer.total_count,
        average_latency=answer.avg_latency,
        average_cost=mean(summary, "cost_pd", PICO),
    )


def _tokens_per_second(span: Span) -> float | None:
    thousandths = tps_thousandths(span.completion_tokens or 0, span.latency_us)
    return None if thousandths is None else thousandths / MILLI


def _messages(input_: Any, output: Any) -> dict[str, Any]:
    """Content, and again under the names of messages where it is some."""
    shown: dict[str, Any] = {"input": input_, "output": output}
    if isinstance(input_, list) and all(isinstance(message, dict) for message in input_):
        shown["prompt_messages"] = input_
    if isinstance(output, dict) and "role" in output:
        shown["completion_message"] = output
    return shown


def _attributes(attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for types, names in _ATTRIBUTES.items()
        for name in names
        if isinstance(value := attributes.get(name), types) and (types is bool or not isinstance(value, bool))
    }
