"""Spans as Parea's logs: trees that its SDKs can read, of spans of any dialect.

The SDKs fail on nulls in lists and objects and on several other shapes, some of which they send themselves; so every
value is brought into the shape that they read. All numbers are the span's own.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ...domain.keys import ExperimentKey
from ...domain.span import Score, Span
from ...domain.times import iso
from ...domain.values import MICRO, PICO
from ...reading.tree import Node, by_start, tree
from .coerce import annotations, comments, configuration, images, number, text, texts, whole
from .fields import LABELS
from .log_shape import Log, LogScore

_ENCODER = msgspec.json.Encoder()
_NULL = msgspec.Raw(b"null")

ExperimentIds = Mapping[ExperimentKey, str]
"""The store's keys of experiments to the ids that clients know."""


def by_execution(span: Span) -> tuple[float, int, str]:
    """The order of the logs below one log."""
    return (whole(span.attributes.get("execution_order")) or 0, *by_start(span))


def forest(spans: list[Span]) -> list[Node]:
    """The trees of one trace, as Parea orders them; one where its root has arrived."""
    return tree(spans, by_execution)


def find(nodes: list[Node], log_id: str) -> tuple[Node, Node, int] | None:
    """The node of this log with its top and its depth; the trace's own id means its root, else its earliest top."""
    top = min(nodes, key=lambda node: by_start(node.span), default=None)
    pending = [(node, node, 0) for node in nodes]
    while pending:
        node, root, depth = pending.pop()
        if node.span.span_id == log_id:
            return node, root, depth
        pending += [(child, root, depth + 1) for child in node.children]
    return (top, top, 0) if top is not None and top.span.trace_id == log_id else None


def encode_trees(nodes: list[Node], experiments: ExperimentIds) -> str:
    """JSON texts of whole traces, joined by commas."""
    return ",".join(encode_tree(node, node, 0, experiments) for node in nodes)


def encode_tree(node: Node, top: Node, depth: int, experiments: ExperimentIds) -> str:
    """JSON text of the log and those below it; `top` is the top of its trace."""
    return _ENCODER.encode(_Tree(top.span, experiments).log(node, depth, top.span)).decode()


class _Tree:
    """What the logs of one trace have in common. The id of a root is the trace's id in every dialect."""

    def __init__(self, top: Span, experiments: ExperimentIds) -> None:
        self._top = top
        self._experiments = experiments

    def _id(self, span: Span) -> str:
        is_renamed = span is self._top and span.is_root and not span.by_span_id
        return span.trace_id if is_renamed else span.span_id

    def log(self, node: Node, depth: int, above: Span) -> Log:
        """The log of the node with those below it; `above` is the span of the node above, of a top its own."""
        span, children = node.span, [self.log(child, depth + 1, node.span) for child in node.children]
        attributes = span.attributes
        return Log(
            trace_id=self._id(span),
            parent_trace_id=self._parent_id(span, above),
            root_trace_id=span.trace_id,
            experiment_uuid=self._experiments.get(span.experiment_key) if span.experiment_key is not None else None,
            depth=_or(whole(attributes.get("depth")), depth),
            execution_order=_or(whole(attributes.get("execution_order")), 0),
            children=texts(attributes.get("children")) or [child.trace_id for child in children],
            children_logs=children,
            **_content(span),
            **_numbers(span),
            **_labels(span.labels),
            **_annotated(attributes),
        )

    def _parent_id(self, span: Span, above: Span) -> str:
        """As it was sent, even where no such log came; a root's is its own."""
        if span is self._top and span.is_root:
            return self._id(span)
        if span.parent_id in (None, span.span_id, above.span_id):
            return self._id(above)
        return span.parent_id or self._id(above)


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _or_one(value: float | None) -> float:
    return 1.0 if value is None else value


def _content(span: Span) -> dict[str, Any]:
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


def _numbers(span: Span) -> dict[str, Any]:
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


def _labels(labels: Mapping[str, str]) -> dict[str, Any]:
    return {field: labels.get(label) for field, label in LABELS.items()}


def _annotated(attributes: Mapping[str, Any]) -> dict[str, Any]:
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
