"""The fields of a span as one of Parea's logs.

The SDKs fail on nulls in lists and objects and on several other shapes, some of which they send themselves; so every
value is brought into the shape that they read. All numbers are the span's own.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ...domain.span import Score, Span
from ...domain.times import iso
from ...domain.values import MICRO, PICO
from .coerce import annotations, comments, configuration, images, number, text, texts
from .fields import LABELS
from .log_shape import LogScore

_NULL = msgspec.Raw(b"null")


def _or_one(value: float | None) -> float:
    return 1.0 if value is None else value


def content_fields(span: Span) -> dict[str, Any]:
    """What the span did, and how it ended."""
    return {
        "trace_name": text(span.attributes.get("full_name")) or span.name,
        "configuration": configuration(span),
        "inputs": _inputs(span),
        "output": _text_of(span.output),
        "target": _text_of(span.target) or text(span.attributes.get("feedback_target")),
        "metadata": span.metadata,
        "status": span.status,
        "error": span.error,
    }


def number_fields(span: Span) -> dict[str, Any]:
    """Durations in seconds, cost in dollars, times as ISO 8601."""
    return {
        "start_timestamp": iso(span.start_us or 0),
        "end_timestamp": None if span.end_us is None else iso(span.end_us),
        "latency": None if span.latency_us is None else span.latency_us / MICRO,
        "time_to_first_token": None if span.ttft_us is None else span.ttft_us / MICRO,
        "input_tokens": span.prompt_tokens,
        "output_tokens": span.completion_tokens,
        "total_tokens": span.total_tokens,
        "cost": None if span.cost_pd is None else span.cost_pd / PICO,
        "usage_counted": span.is_usage_counted,
        "scores": list(_scores(span.scores or [])),
    }


def label_fields(labels: Mapping[str, str]) -> dict[str, Any]:
    """The labels that Parea has fields for."""
    return {field: labels.get(label) for field, label in LABELS.items()}


def annotation_fields(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What the SDK sends of a log beside its content, and what people add to it later."""
    return {
        "cache_hit": attributes.get("cache_hit") is True,
        "output_for_eval_metrics": text(attributes.get("output_for_eval_metrics")),
        "evaluation_metric_names": texts(attributes.get("evaluation_metric_names")),
        "apply_eval_frac": _or_one(number(attributes.get("apply_eval_frac"))),
        "log_sample_rate": _or_one(number(attributes.get("log_sample_rate"))),
        "feedback_score": number(attributes.get("feedback_score")),
        "tags": texts(attributes.get("tags")),
        "images": images(attributes.get("images")),
        "comments": comments(attributes),
        "annotations": annotations(attributes.get("annotations")),
    }


def _inputs(span: Span) -> msgspec.Raw:
    """An object as it was sent; anything else under one key, as only objects can be read."""
    if span.input is None:
        return _NULL
    document = span.input.encode()
    return msgspec.Raw(document if document.lstrip()[:1] == b"{" else b'{"input":' + document + b"}")


def _text_of(document: str | None) -> str | None:
    """Text as it was sent, other documents as JSON."""
    if document is None or document[:1] != '"':
        return document
    decoded: str = msgspec.json.decode(document)
    return decoded


def _scores(scores: list[Score]) -> Iterator[LogScore]:
    """The scores that have a number; repeats are kept."""
    for score in scores:
        if score.value is not None:
            yield LogScore(score.name or score.slug or score.key, score.value, score.metric_id, score.reason)
