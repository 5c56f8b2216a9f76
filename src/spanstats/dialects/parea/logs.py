"""Parea's log, `POST /trace_log`: one span as an SDK sends it when it is complete."""

from typing import Any

import msgspec

from ...domain.span import Filled, Span, normal_status
from ...domain.times import instant
from ...domain.values import identifier
from ...errors import InvalidInput, invalid
from ..document import from_raw
from ..json_limits import MAX_DEPTH
from ..json_repair import decode_stored
from ..normalize import metadata_of, shorten, without_empty
from ..numbers import first_token_seconds, is_no_total, known_dollars, known_seconds, known_tokens
from ..storable import storable
from .fields import ATTRIBUTES, LABELS, carried_configuration
from .scores import long_names, read_scores

_NOT_SENT = msgspec.Raw()


class TraceLog(msgspec.Struct):
    """The body. `trace_id` is the span's own id; root and parent ids name other logs. Times are ISO 8601, latency and
    time to first token seconds, cost US dollars. Unknown fields are ignored."""

    trace_id: Any = None
    parent_trace_id: Any = None
    root_trace_id: Any = None
    experiment_uuid: Any = None
    start_timestamp: Any = None
    end_timestamp: Any = None
    project_uuid: Any = None
    project_name: Any = None
    trace_name: Any = None
    configuration: Any = None
    inputs: msgspec.Raw = _NOT_SENT
    output: msgspec.Raw = _NOT_SENT
    target: msgspec.Raw = _NOT_SENT
    latency: Any = None
    time_to_first_token: Any = None
    input_tokens: Any = None
    output_tokens: Any = None
    total_tokens: Any = None
    cost: Any = None
    scores: Any = None
    status: Any = None
    error: Any = None
    cache_hit: Any = None
    children: Any = None
    depth: Any = None
    execution_order: Any = None
    metadata: Any = None
    tags: Any = None
    images: Any = None
    evaluation_metric_names: Any = None
    output_for_eval_metrics: Any = None
    comments: Any = None
    annotations: Any = None
    feedback_score: Any = None
    deployment_id: Any = None
    session_id: Any = None
    end_user_identifier: Any = None
    apply_eval_frac: Any = None
    log_sample_rate: Any = None


def read_log(body: bytes, max_depth: int = MAX_DEPTH) -> Span:
    """The span of a log. Its id is global; its trace is the root's id, else the parent's, else
    its own. Raises `InvalidInput` where an id, a time or a number is missing or unusable."""
    decoded = decode_stored(TraceLog, body, max_depth)
    span = shorten(_span(decoded.value))
    return storable(span) if decoded.unstorable else span


def _span(log: TraceLog) -> Span:
    span_id = required(identifier(log.trace_id, "trace_id"), "trace_id")
    parent_id = identifier(log.parent_trace_id, "parent_trace_id")
    root_id = identifier(log.root_trace_id, "root_trace_id")
    configuration = carried_configuration(log.configuration) or {}
    span = Span(
        trace_id=root_id or parent_id or span_id,
        span_id=span_id,
        by_span_id=True,
        parent_id=parent_id,
        experiment_id=identifier(log.experiment_uuid, "experiment_uuid"),
        name=_text(log.trace_name),
        status=normal_status(_text(log.status)),
        error=_text(log.error),
        model=_text(configuration.get("model")),
        provider=_text(configuration.get("provider")),
        input=content(log.inputs, "inputs"),
        output=content(log.output, "output"),
        target=content(log.target, "target"),
        metadata=metadata_of(log.metadata, "metadata") if log.metadata else None,
        labels=_labels(log),
        attributes=_attributes(log, configuration),
        scores=read_scores(log.scores) if log.scores else None,
        filled=0 if root_id else Filled.TRACE,
    )
    _add_numbers(span, log)
    return span


def _add_numbers(span: Span, log: TraceLog) -> None:
    span.start_us = instant(log.start_timestamp, "start_timestamp")
    span.end_us = instant(log.end_timestamp, "end_timestamp")
    span.latency_us = known_seconds(log.latency, "latency")
    span.ttft_us = first_token_seconds(log.time_to_first_token, "time_to_first_token")
    span.prompt_tokens = known_tokens(log.input_tokens, "input_tokens")
    span.completion_tokens = known_tokens(log.output_tokens, "output_tokens")
    total = known_tokens(log.total_tokens, "total_tokens")
    span.total_tokens = None if is_no_total(total, span.prompt_tokens, span.completion_tokens) else total
    span.cost_pd = known_dollars(log.cost, "cost")


def required(value: Any, field: str) -> Any:
    """The value; an absent one is refused."""
    if value is None:
        raise invalid("field required", field, code="missing")
    return value


def content(raw: msgspec.Raw, field: str) -> str | None:
    """A document of the body; a problem inside is located at its field."""
    try:
        return from_raw(raw)
    except InvalidInput as error:
        raise InvalidInput([p.under(field) for p in error.problems]) from None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _labels(log: TraceLog) -> dict[str, str]:
    return {label: text for field, label in LABELS.items() if (text := _text(getattr(log, field))) is not None}


def _attributes(log: TraceLog, configuration: dict[str, Any]) -> dict[str, Any]:
    attributes = without_empty({name: getattr(log, name) for name in ATTRIBUTES})
    if not configuration:
        attributes.pop("configuration", None)
    if log.scores and (whole := long_names(log.scores)):
        attributes["long_score_names"] = whole
    return attributes
