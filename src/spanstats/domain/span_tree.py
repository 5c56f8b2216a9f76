"""The spans of a trace as a tree."""

from collections.abc import Iterable, Iterator

import msgspec

from .reports import parent_of
from .span import Span


class Node(msgspec.Struct, eq=False):
    """A span in the tree of its trace. Its own `Reports` bits, and in `reports_below` those of its descendants."""

    span: Span
    reports: int
    repeats: bool
    parent: "Node | None" = None
    children: "list[Node]" = []
    reports_below: int = 0
    is_cut: bool = False
    """Its parents form a circle, which begins here."""
    inner_ids: set[str | None] = set()
    """The response ids of the inner calls that are the same call."""
    is_sum: bool = False
    """It is no call, and descendants report its tokens."""
    is_outer: bool = False
    """It is a call that a descendant reports as well."""
    is_compared: bool = False
    """Other spans have its response id."""


def tree(of_spans: Iterable[Node]) -> list[Node]:
    """Every parent before its children; a circle of parents is cut at its first span."""
    nodes = {node.span.span_id: node for node in of_spans}
    pending: list[Node] = []
    for node in nodes.values():
        parent = nodes.get(parent_of(node.span) or "")
        if parent is None:
            pending.append(node)
        else:
            node.parent = parent
            parent.children.append(node)
    ordered = _with_descendants(pending)
    if len(ordered) < len(nodes):
        reached = {id(node) for node in ordered}
        for node in sorted(nodes.values(), key=lambda n: (n.span.start_us or 0, n.span.span_id)):
            if id(node) not in reached:
                _cut(node)
                circle = _with_descendants([node])
                reached.update(map(id, circle))
                ordered += circle
    return ordered


def _with_descendants(tops: list[Node]) -> list[Node]:
    """These, to which all their descendants are appended."""
    for node in tops:
        tops += node.children
    return tops


def _cut(node: Node) -> None:
    if node.parent is not None:
        node.parent.children.remove(node)
        node.parent, node.is_cut = None, True


def ancestors(node: Node) -> Iterator[Node]:
    """Its parent, the parent of that, and so on."""
    while node.parent is not None:
        node = node.parent
        yield node
