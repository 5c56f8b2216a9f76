"""One trace with the tree of its spans: as answered."""

from collections.abc import Iterator
from typing import Any

from ...domain.span import Span
from ...domain.times import iso
from ...domain.values import MICRO, PICO
from ...insights.trace_tree import Extent, TraceTree
from ...reading.tree import Node
from ..json_body import encode
from ..respan.logs import content, scores_object
from .answers import Json, experiment_object
from .trace_list import trace_object


def trace_tree_object(tree: TraceTree, preview: int | None) -> Json:
    """The trace and its first spans; content is cut to `preview` characters, and each span says what of it is cut."""
    extent = tree.extent
    return {
        "as_of": iso(tree.as_of),
        "experiment": experiment_object(tree.experiment),
        "trace": trace_object(tree.log.row) | {"scores": scores_object(tree.log.scores)},
        "began": iso(extent.began_us),
        "ended": iso(extent.ended_us),
        "takes": _seconds(extent.ended_us - extent.began_us),
        "shown": tree.shown,
        "not_shown": tree.count - tree.shown,
        "spans": [_node(node, extent, preview) for node in tree.tops],
    }


def _node(node: Node, extent: Extent, preview: int | None) -> Json:
    """A span and the spans below it; trees are never deeper than `reading.tree.MAX_DEPTH`."""
    children = [_node(child, extent, preview) for child in node.children]
    return {**_span(node.span), **_times(node.span, extent), **_content(node.span, preview), "children": children}


def _span(span: Span) -> Json:
    return {
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "kind": span.kind,
        "model": span.model,
        "status": span.status,
        "error": span.error,
        "cost": None if span.cost_pd is None else span.cost_pd / PICO,
        "prompt_tokens": span.prompt_tokens,
        "completion_tokens": span.completion_tokens,
        "total_tokens": span.total_tokens,
        "usage_counted": span.is_usage_counted,
        "cost_counted": span.is_cost_counted,
        "metadata": span.metadata or {},
        "scores": scores_object(span.scores or []),
    }


def _times(span: Span, extent: Extent) -> Json:
    """`takes` is the latency, else the time from its start to its end."""
    start, end = span.start_us or 0, span.end_us or 0
    return {
        "start_time": iso(start),
        "end_time": iso(end),
        "latency": _seconds(span.latency_us),
        "ttft": _seconds(span.ttft_us),
        "begins_after": _seconds(start - extent.began_us),
        "takes": _seconds(max(0, end - start) if span.latency_us is None else span.latency_us),
    }


def _content(span: Span, preview: int | None) -> Json:
    """What went in and out, and the names of what is longer than the preview."""
    whole = content(span)
    cut = {} if preview is None else {name: text[:preview] for name, text in _texts(whole) if len(text) > preview}
    return {**whole, **cut, "cut": list(cut)}


def _texts(whole: Json) -> Iterator[tuple[str, str]]:
    for name, value in whole.items():
        if value is not None:
            yield name, _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else encode(value)


def _seconds(us: int | None) -> float | None:
    return None if us is None else us / MICRO
