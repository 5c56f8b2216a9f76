"""The usage that a fold of a long trace keeps, so that a span can be added without reading the others.

It is what spans report whose parent is not stored yet, and which calls may have a sibling that reports the same.
"""

from zlib import crc32

import msgspec

from .calls import WITH_ID, WITHOUT_ID, UsedTokens, sibling_class, used
from .reports import Reports, parent_of, reports_of
from .span import Span
from .span_tree import Node

MAX_MISSING = 4_000
"""At most this many missing parents are kept; a trace with more is read whole with every span that comes."""


class Call(msgspec.Struct, array_like=True):
    """A call of a model, as far as an outer one is compared with it."""

    span_id: str
    usage: tuple[int, int]
    response_id: str | None
    start_us: int | None
    end_us: int | None
    filled: int
    cached: int = 0
    beyond_input: int = 0

    @property
    def used(self) -> UsedTokens:
        return UsedTokens(*self.usage, self.cached, max(self.usage[1], self.beyond_input))


class Descendants(msgspec.Struct, array_like=True):
    """What the descendants of a span that is not stored yet report, and the call among them, if there is only one."""

    reports: int = 0
    call: Call | None = None

    def join(self, other: "Descendants") -> "Descendants":
        calls = [each.call for each in (self, other) if each.reports & Reports.CALL]
        return Descendants(self.reports | other.reports, calls[0] if len(calls) == 1 else None)


class Usage(msgspec.Struct, array_like=True):
    """The usage that the spans of a fold report.

    `missing` has the parents that are not stored yet, by span id; it is `None` where these are not known.
    """

    repeats: bool = False
    """Whether any span may repeat the usage of another."""
    shares_ids: bool = False
    """Whether spans with one response id were compared, other than an outer with its inner one."""
    missing: dict[str, Descendants] | None = None
    sibling_ids: dict[str, int] = {}
    """By what is called: whether some calls with tokens have a response id, and some have none."""
    sibling_ids_by_parent: dict[int, int] | None = None
    """The same by a digest of the parent and of the tokens of the answer, where `sibling_ids` alone does not decide."""

    def add_sibling(self, span: Span) -> bool:
        """Add a new span; whether it may have a sibling that reports the same call, one of them with a response id."""
        own_class, parent_id = sibling_class(span), parent_of(span)
        if own_class is None or parent_id is None:
            return False
        before = self.sibling_ids.get(own_class[0], 0)
        self.sibling_ids[own_class[0]] = before | own_class[1]
        if before | own_class[1] != BOTH:
            return False
        by_parent = self.sibling_ids_by_parent
        if before != BOTH or by_parent is None:
            return True
        digest = _digest(parent_id, span)
        by_parent[digest] = by_parent.get(digest, 0) | own_class[1]
        return by_parent[digest] == BOTH or len(by_parent) > MAX_MISSING


BOTH = WITH_ID | WITHOUT_ID


def _digest(parent_id: str, span: Span) -> int:
    return crc32(f"{parent_id}/{span.completion_tokens or 0}".encode())


def usage_in(nodes: list[Node] | None) -> Usage:
    """The usage of a fold of these spans, the result of `count_usage`, as spans are added to it later."""
    if not nodes:
        return Usage(repeats=nodes is None)
    missing: dict[str, Descendants] = {}
    descendants: dict[str, Descendants] = {}
    for node in reversed(nodes):
        reported = with_span(node.span, descendants.pop(node.span.span_id, NOTHING))
        if node.parent is None:
            parents, parent_id = missing, _missing_parent(node)
        else:
            parents, parent_id = descendants, node.parent.span.span_id
        if reported.reports and parent_id is not None:
            parents[parent_id] = parents.get(parent_id, NOTHING).join(reported)
    shares_ids = any(node.is_compared for node in nodes)
    usage = Usage(True, shares_ids, missing if len(missing) <= MAX_MISSING else None, {})
    for node in nodes:
        usage.add_sibling(node.span)
    if BOTH in usage.sibling_ids.values():
        usage.sibling_ids_by_parent = {}
        for node in nodes:
            usage.add_sibling(node.span)
    return usage


def _missing_parent(top: Node) -> str | None:
    """The parent that is not stored yet; a circle that was cut lacks none."""
    return None if top.is_cut else parent_of(top.span)


NOTHING = Descendants()


def with_span(span: Span, descendants: Descendants) -> Descendants:
    """The span and its descendants, as its ancestors see them. Of calls with equal usage the outer one is compared."""
    own = reports_of(span)
    if not own & Reports.CALL:
        return Descendants(own | descendants.reports, descendants.call)
    is_one = not descendants.reports & Reports.CALL or (
        descendants.call is not None and descendants.call.used.may_equal(used(span))
    )
    return Descendants(own | descendants.reports, call_of(span) if is_one else None)


def call_of(span: Span) -> Call:
    """The span, which is a call, as it is compared."""
    prompt, completion, cached, beyond_input = used(span)
    times = span.start_us, span.end_us
    return Call(span.span_id, (prompt, completion), span.response_id, *times, span.filled, cached, beyond_input)
