"""Parea's log fields: which domain field each one is, and how its value is read.

One table serves the log, where null is absent, and the update, where null is a value. Numbers, times and ids that
cannot be read are refused by name; anything else that is odd is dropped, as both SDKs lose a log that is refused.
"""

from collections.abc import Callable
from typing import Any

from ...domain.span import normal_status
from ...domain.times import instant
from ..document import from_value
from ..normalize import metadata_of
from ..numbers import first_token_seconds, known_dollars, known_seconds, known_tokens
from .scores import read_scores

Reader = Callable[[Any, str], Any]


def text(value: object, _field: str) -> str | None:
    """Non-empty text, else `None`."""
    return value if isinstance(value, str) and value else None


def status(value: object, _field: str) -> str | None:
    """A status in the words of the domain; `None` where it is no text."""
    return normal_status(value) if isinstance(value, str) else None


def document(value: object, _field: str) -> str | None:
    """Any JSON value as a JSON text."""
    return from_value(value)


# Parea's name -> (domain field, how to read it).
SPAN_FIELDS: dict[str, tuple[str, Reader]] = {
    "trace_name": ("name", text),
    "start_timestamp": ("start_us", instant),
    "end_timestamp": ("end_us", instant),
    "latency": ("latency_us", known_seconds),
    "time_to_first_token": ("ttft_us", first_token_seconds),
    "input_tokens": ("prompt_tokens", known_tokens),
    "output_tokens": ("completion_tokens", known_tokens),
    "total_tokens": ("total_tokens", known_tokens),
    "cost": ("cost_pd", known_dollars),
    "status": ("status", status),
    "error": ("error", text),
    "inputs": ("input", document),
    "output": ("output", document),
    "target": ("target", document),
    "metadata": ("metadata", metadata_of),
    "scores": ("scores", read_scores),
}

LABELS = {
    "project_uuid": "project_id",
    "project_name": "project_name",
    "session_id": "session_identifier",
    "end_user_identifier": "customer_identifier",
    "deployment_id": "deployment_id",
}

# What a tree gives back and no number depends on.
ATTRIBUTES = (
    "configuration",
    "tags",
    "children",
    "images",
    "depth",
    "execution_order",
    "cache_hit",
    "evaluation_metric_names",
    "output_for_eval_metrics",
    "feedback_score",
    "apply_eval_frac",
    "log_sample_rate",
    "comments",
    "annotations",
)


def carried_configuration(value: object) -> dict[str, Any] | None:
    """A configuration that names a model or has messages; one of nothing but defaults is not carried."""
    if isinstance(value, dict) and (value.get("model") or value.get("messages")):
        return value
    return None
