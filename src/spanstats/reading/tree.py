"""The spans of a trace as a tree. Parent links may be missing, lead nowhere or in circles: every span is there once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..domain.span import Span

Sort = Callable[[Span], Any]

MAX_DEPTH = 100
"""A deeper span becomes a sibling of its parent: a document nested without bound can be neither written nor parsed."""


@dataclass(slots=True)
class Node:
    """A span and its children, in order."""

    span: Span
    children: list["Node"] = field(default_factory=list)


def by_start(span: Span) -> tuple[int, str]:
    """The order in which spans begin; equal starts by span id in byte order."""
    return span.start_us or 0, span.span_id


def tree(spans: Iterable[Span], sort: Sort = by_start, max_depth: int = MAX_DEPTH) -> list[Node]:
    """The tops of the trace's tree, each list in the order of `sort`, no deeper than `max_depth`.

    With a root it is the only top, and spans without a parent in the trace are its children.
    Without a root every span that has no parent in the trace is a top.
    """
    ordered = sorted(spans, key=sort)
    ids = {span.span_id for span in ordered}
    root = min((s for s in ordered if s.is_root), key=lambda s: s.root_order, default=None)
    children: dict[str, list[Span]] = {}
    orphans: list[Span] = []
    for span in ordered:
        if span is root:
            continue
        if span.is_root or span.parent_id not in ids:
            orphans.append(span)
        else:
            children.setdefault(span.parent_id or "", []).append(span)
    if root is not None:
        children[root.span_id] = sorted(children.get(root.span_id, []) + orphans, key=sort)
    return _grow([root] if root else orphans, ordered, children, max_depth)


def _grow(tops: list[Span], ordered: list[Span], children: dict[str, list[Span]], max_depth: int) -> list[Node]:
    """The trees of the tops; then the spans of circles, each circle cut at its first span."""
    attached: set[str] = set()
    nodes = [_attach(span, children, attached, max_depth) for span in tops]
    cut = [_attach(span, children, attached, max_depth) for span in ordered if span.span_id not in attached]
    return nodes + cut if not nodes or len(nodes) > 1 else [Node(nodes[0].span, nodes[0].children + cut)]


def _attach(top: Span, children: dict[str, list[Span]], attached: set[str], max_depth: int) -> Node:
    node = Node(top)
    attached.add(top.span_id)
    pending = deque([(node, node, 1)])
    while pending:
        current, parent, depth = pending.popleft()
        for span in children.get(current.span.span_id, ()):
            if span.span_id not in attached:
                attached.add(span.span_id)
                child = Node(span)
                host = current if depth < max_depth else parent
                host.children.append(child)
                pending.append((child, host, min(depth + 1, max_depth)))
    return node


def walk(nodes: Iterable[Node]) -> Iterator[Span]:
    """Every span of the trees, each before its descendants."""
    pending = deque(nodes)
    while pending:
        node = pending.popleft()
        yield node.span
        pending.extendleft(reversed(node.children))
