"""The logs of an experiment (its traces) as Respan's clients read and change them."""

from typing import Any

from ...domain.span import Score, Span
from ...domain.times import iso
from ...domain.values import PICO
from ...reading.logs import Log
from ...reading.tree import Node, tree
from ..document import parsed
from ..json_body import encode
from .filter_names import LOG_FIELD_NAMES, with_other_names
from .intake import seconds

SORTS = with_other_names(
    {
        "start_time": "start_time",
        "end_time": "end_time",
        "duration": "latency_us",
        "total_cost": "cost_pd",
        "total_tokens": "total_tokens",
        "total_prompt_tokens": "prompt_tokens",
        "total_completion_tokens": "completion_tokens",
        "trace_unique_id": "trace_id",
        "name": "name",
        "status": "status",
        "span_count": "n_spans",
        "llm_call_count": "n_llm_calls",
        "error_count": "n_errors",
    },
    LOG_FIELD_NAMES,
)
"""The columns of `traces` that logs are sorted by, by every name of their fields."""


def log_object(log: Log, preview: int | None = None) -> dict[str, Any]:
    """A trace as clients read it; durations in seconds, cost in dollars. `preview` characters are left of content.

    With its spans where they were read.
    """
    row, first, labels = log.row, log.first, log.row.labels or {}
    shown: dict[str, Any] = {
        "id": row.trace_id,
        "trace_unique_id": row.trace_id,
        "root_span_unique_id": row.root_span_id,
        "name": row.name,
        "status": row.status,
        "environment": labels.get("environment"),
        "customer_identifier": labels.get("customer_identifier"),
        "comparison_key": labels.get("comparison_key") or (row.item_key.hex() if row.item_key else None),
        **_sums(row),
        "scores": scores_object(log.scores),
        "metadata": row.metadata or {},
        **content(first, None if log.spans is not None else preview),
    }
    if log.spans is not None:
        shown["span_tree"] = [node_object(node) for node in tree(log.spans)]
    return shown


def _sums(row: Any) -> dict[str, Any]:
    return {
        "start_time": iso(row.start_time),
        "end_time": iso(row.end_time),
        "duration": seconds(row.latency_us),
        "span_count": row.n_spans,
        "llm_call_count": row.n_llm_calls,
        "error_count": row.n_errors,
        "total_cost": None if row.cost_pd is None else row.cost_pd / PICO,
        "total_tokens": row.total_tokens,
        "total_prompt_tokens": row.prompt_tokens,
        "total_completion_tokens": row.completion_tokens,
    }


def trace_object(log: Log) -> dict[str, Any]:
    """As `log_object`, for clients that parse content as text: JSON is written out."""
    shown = log_object(log)
    return shown | {name: _text(shown[name]) for name in ("input", "output", "expected_output")}


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else encode(value)


def content(span: Span, preview: int | None = None) -> dict[str, Any]:
    """Input, output and expected output, cut as text where a preview is wanted."""
    values = {"input": span.input, "output": span.output, "expected_output": span.target}
    return {name: _preview(parsed(document), preview) for name, document in values.items()}


def _preview(value: Any, preview: int | None) -> Any:
    if value is None or preview is None:
        return value
    text = value if isinstance(value, str) else encode(value)
    return text[:preview] if len(text) > preview else value


def node_object(node: Node) -> dict[str, Any]:
    """A span and those below it; trees are never deeper than `reading.tree.MAX_DEPTH`."""
    span = node.span
    return {
        "id": span.span_id,
        "trace_unique_id": span.trace_id,
        "span_unique_id": span.span_id,
        "span_parent_id": span.parent_id,
        "name": span.name,
        "span_name": span.name,
        "span_workflow_name": span.workflow_name,
        "log_type": span.kind,
        "model": span.model,
        "status": span.status,
        "error_message": span.error,
        "environment": span.labels.get("environment"),
        "customer_identifier": span.labels.get("customer_identifier"),
        **_numbers(span),
        "scores": scores_object(span.scores or []),
        "metadata": span.metadata or {},
        **content(span),
        "children": [node_object(child) for child in node.children],
    }


def _numbers(span: Span) -> dict[str, Any]:
    return {
        "start_time": iso(span.start_us or 0),
        "end_time": iso(span.end_us or 0),
        "duration": seconds(span.latency_us),
        "latency": seconds(span.latency_us),
        "time_to_first_token": seconds(span.ttft_us),
        "total_cost": None if span.cost_pd is None else span.cost_pd / PICO,
        "total_tokens": span.total_tokens or 0,
        "total_prompt_tokens": span.prompt_tokens or 0,
        "total_completion_tokens": span.completion_tokens or 0,
        "usage_counted": span.is_usage_counted,
        "cost_counted": span.is_cost_counted,
    }


def scores_object(scores: list[Score]) -> dict[str, dict[str, Any]]:
    """Scores by evaluator key; of several of one evaluator the first is shown."""
    by_key: dict[str, dict[str, Any]] = {}
    for score in scores:
        by_key.setdefault(score.key, _score_object(score))
    return by_key


def _score_object(score: Score) -> dict[str, Any]:
    numeric = score.value is not None
    boolean = numeric and score.value_type == "boolean"
    unnamed = score.evaluator_id is None and score.slug is None and score.name is None
    return {
        "evaluator_id": score.evaluator_id,
        "evaluator_slug": score.slug,
        "evaluator_name": score.key if unnamed else score.name,
        "score_value_type": score.value_type,
        "numerical_value": score.value if numeric and not boolean else None,
        "boolean_value": bool(score.value) if boolean else None,
        "string_value": None if numeric else score.text,
        "explanation": score.reason,
    }
