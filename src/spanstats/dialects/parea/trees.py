"""Spans as Parea's logs: trees that its SDKs can read, of spans of any dialect."""

from collections.abc import Mapping

import msgspec

from ...domain.keys import ExperimentKey
from ...domain.span import Span
from ...reading.tree import Node, by_start, tree
from .coerce import texts, whole
from .log_fields import annotation_fields, content_fields, label_fields, number_fields
from .log_shape import Log

_ENCODER = msgspec.json.Encoder()

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
            **content_fields(span),
            **number_fields(span),
            **label_fields(span.labels),
            **annotation_fields(attributes),
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
