"""Spans as Parea's logs: trees that its SDKs can read, of whatever dialect the spans were sent in.

The SDKs fail on nulls in lists and objects and on several other shapes, some of which they send themselves; so every
value is brought into the shape that they read. All numbers are the span's own.
"""

from collections.abc import Iterator, Mapping

import msgspec

from ...domain.keys import ExperimentKey
from ...domain.span import Score, Span
from ...domain.values import MICRO, PICO, iso
from ...reading.tree import Node, by_start, tree
from .coerce import annotations, comments, configuration, images, number, text, texts, whole
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
    """What the logs of one trace have in common. The root of a trace goes by the trace's id in every dialect."""

    def __init__(self, top: Span, experiments: ExperimentIds) -> None:
        self._top = top
        self._experiments = experiments

    def _id(self, span: Span) -> str:
        is_renamed = span is self._top and span.is_root and not span.by_span_id
        return span.trace_id if is_renamed else span.span_id

    def log(self, node: Node, depth: int, above: Span) -> Log:
        span, children = node.span, [self.log(child, depth + 1, node.span) for child in node.children]
        carried, labels = span.attributes, span.labels
        return Log(
            configuration=configuration(span),
            inputs=_inputs(span),
            output=_text_of(span.output),
            target=_text_of(span.target) or text(carried.get("feedback_target")),
            latency=None if span.latency_us is None else span.latency_us / MICRO,
            time_to_first_token=None if span.ttft_us is None else span.ttft_us / MICRO,
            input_tokens=span.prompt_tokens,
            output_tokens=span.completion_tokens,
            total_tokens=span.total_tokens,
            cost=None if span.cost_pd is None else span.cost_pd / PICO,
            usage_counted=span.is_usage_counted,
            scores=list(_scores(span.scores or [])),
            trace_id=self._id(span),
            parent_trace_id=self._parent_id(span, above),
            root_trace_id=span.trace_id,
            start_timestamp=iso(span.start_us or 0),
            end_timestamp=None if span.end_us is None else iso(span.end_us),
            project_uuid=labels.get("project_id"),
            project_name=labels.get("project_name"),
            experiment_uuid=self._experiments.get(span.experiment_key) if span.experiment_key is not None else None,
            trace_name=text(carried.get("full_name")) or span.name,
            error=span.error,
            status=span.status,
            deployment_id=labels.get("deployment_id"),
            end_user_identifier=labels.get("customer_identifier"),
            session_id=labels.get("session_identifier"),
            metadata=span.metadata,
            cache_hit=carried.get("cache_hit") is True,
            output_for_eval_metrics=text(carried.get("output_for_eval_metrics")),
            evaluation_metric_names=texts(carried.get("evaluation_metric_names")),
            apply_eval_frac=_or_one(number(carried.get("apply_eval_frac"))),
            log_sample_rate=_or_one(number(carried.get("log_sample_rate"))),
            feedback_score=number(carried.get("feedback_score")),
            tags=texts(carried.get("tags")),
            images=images(carried.get("images")),
            comments=comments(carried),
            annotations=annotations(carried.get("annotations")),
            depth=_or(whole(carried.get("depth")), depth),
            execution_order=_or(whole(carried.get("execution_order")), 0),
            children=texts(carried.get("children")) or [child.trace_id for child in children],
            children_logs=children,
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
