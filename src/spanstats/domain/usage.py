"""Which spans' tokens, cost and call of a model count in their trace: what was bought counts once.

Instrumentations tell of one purchase several times: agents and workflows sum up what is below them, and two of them may
watch one call. By the tree of the trace, whatever the order in which its spans came:

- the tokens of a span that is no call of a model count only where no span below it has any, and what we computed that
  they cost only where none has tokens or a cost; a cost that such a span sends is its own and counts;
- a call inside a call is the same call where their usage is equal, be it that only one of them counts cached tokens as
  input, and it lies within the other's time: the inner one counts. So are calls with the same response id, wherever
  they stand: the innermost counts;
- of two calls side by side, below one span, of equal usage and one within the other's time, of which only one has a
  response id, that one counts: two instrumentations watch one client, and only one of them tells the id;
- of a call that an inner one tells of, the cost counts instead of the inner one's where it is better known: one that
  was sent goes before one that was computed, and that before none.

Spans of which `may_repeat` does not hold always count, as they were sent.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple, Protocol

from .span import Filled, Span, Uncounted


class Told:
    """Bits that say what a span tells of, or what the spans below it do."""

    TOKENS = 1
    COST = 2
    SENT_COST = 4
    CALL = 8


_OF_OTLP = re.compile(r"[0-9a-f]{32}/[0-9a-f]{16}").fullmatch


def may_repeat(span: Span) -> bool:
    """Whether its usage may be that of other spans. Of what was stored before this was known, the ids of OTLP tell."""
    if span.usage_once is not None:
        return span.usage_once
    return not span.by_span_id and _OF_OTLP(f"{span.trace_id}/{span.span_id}") is not None


def parent_of(span: Span) -> str | None:
    """The id of the span above it, also where that is one of another process; `None` of the top of a trace."""
    return None if span.span_id in (span.parent_id, span.trace_id) else span.parent_id


def told(span: Span) -> int:
    """What the span tells of: `Told` bits."""
    found = Told.TOKENS if span.prompt_tokens or span.completion_tokens or span.total_tokens else 0
    # No tokens at no cost are nothing that was bought.
    if span.cost_pd is not None and (span.cost_pd or found) and not has_own_cost(span):
        found |= Told.COST | Told.SENT_COST if _cost_rank(span) == _SENT else Told.COST
    return found | Told.CALL if span.is_llm_call else found


def has_own_cost(span: Span) -> bool:
    """What a span that is no call says that it costs is not what its tokens cost."""
    return not span.is_llm_call and _cost_rank(span) == _SENT


_COMPUTED, _SENT = 1, 2


def _cost_rank(span: Span) -> int:
    """How well its cost is known; a cost of 0 is that of a sum which was never computed."""
    if not span.cost_pd:
        return 0
    return _COMPUTED if span.filled & Filled.COST else _SENT


def is_better_known(span: Span, below: int) -> bool:
    """Whether its cost is better known than that of the spans below it, which tell these `Told` bits."""
    known = _SENT if below & Told.SENT_COST else _COMPUTED if below & Told.COST else 0
    return _cost_rank(span) > known


class Call(Protocol):
    """A call of a model as it is compared with one around it."""

    @property
    def response_id(self) -> str | None: ...
    @property
    def start_us(self) -> int | None: ...
    @property
    def end_us(self) -> int | None: ...
    @property
    def filled(self) -> int: ...


def is_same_call(outer: Call, inner: Call) -> bool:
    """Whether a call is the one inside it, which uses the same: not where they have two ids, or the times differ."""
    if outer.response_id and inner.response_id and outer.response_id != inner.response_id:
        return False
    return _is_within(outer, inner)


SLACK_US = 10_000
"""So far may a call that lies within another reach beyond it: each instrumentation reads the clock for itself."""


def _is_within(outer: Call, inner: Call) -> bool:
    """A time that was not sent tells nothing."""
    known = ~(outer.filled | inner.filled)
    starts = not known & Filled.START or (inner.start_us or 0) >= (outer.start_us or 0) - SLACK_US
    return starts and (not known & Filled.END or (inner.end_us or 0) <= (outer.end_us or 0) + SLACK_US)


class Used(NamedTuple):
    """The tokens of a call as they are compared: nothing sent is as good as 0."""

    prompt: int
    completion: int
    cached: int

    @property
    def readings(self) -> set[tuple[int, int]]:
        """(input, output), with the cached tokens in the input as it was sent, or beside it."""
        return {(self.prompt, self.completion), (self.prompt + self.cached, self.completion)}

    def may_equal(self, other: "Used") -> bool:
        """Whether they are equal in one reading of each."""
        return not self.readings.isdisjoint(other.readings)

    def equals_in_part(self, other: "Used") -> bool:
        """Whether they are equal in some readings and not in all: a third may then equal only one of them."""
        return self.may_equal(other) and self.readings != other.readings


def used(span: Span) -> Used:
    cached = (span.cache_read_tokens or 0) + (span.cache_write_tokens or 0)
    return Used(span.prompt_tokens or 0, span.completion_tokens or 0, cached)


def side_of(span: Span) -> tuple[str, int] | None:
    """(what is called, whether by its response id) of a call with tokens that two spans may report, else `None`."""
    if not span.is_llm_call or not told(span) & Told.TOKENS or not may_repeat(span):
        return None
    called = span.kind if span.kind in _NOT_TEXT else ""
    return called or "", WITH_ID if span.response_id else WITHOUT_ID


WITHOUT_ID, WITH_ID = 1, 2
_NOT_TEXT = frozenset({"embedding", "transcription", "speech"})


def is_told_beside(unnamed: Span, named: Span) -> bool:
    """Whether a call without a response id is the one beside it that has one."""
    if not used(unnamed).may_equal(used(named)):
        return False
    return _is_surely_within(unnamed, named) or _is_surely_within(named, unnamed)


def _is_surely_within(outer: Span, inner: Span) -> bool:
    return not (outer.filled | inner.filled) & (Filled.START | Filled.END) and _is_within(outer, inner)


@dataclass(slots=True)
class Node:
    """A span in the tree of its trace. `below` are the `Told` bits of all spans below it."""

    span: Span
    told: int
    repeats: bool
    above: "Node | None" = None
    children: "list[Node]" = field(default_factory=list)
    below: int = 0
    is_cut: bool = False
    """Its parents form a circle, which begins here."""
    inner_ids: set[str | None] = field(default_factory=set)
    """The response ids of the calls inside it that tell of it as well."""
    is_sum: bool = False
    """It is no call, and spans below it tell of its tokens."""
    is_outer: bool = False
    """It is a call that one below it tells of as well."""
    is_compared: bool = False
    """Other spans have its response id."""


def count_usage(spans: Sequence[Span], *, keeps_tree: bool = True) -> list[Node] | None:
    """Say of each span what of it does not count, in `uncounted`. These are all spans of a trace.

    Returns their tree, each above those below it: empty where no span may repeat another, and `None` where there was no
    need of one and it is not to be kept.
    """
    repeats = [may_repeat(span) for span in spans]
    for span in spans:
        span.uncounted = 0
    if True not in repeats:
        return []
    tells = [told(span) for span in spans]
    if not keeps_tree and len(spans) - tells.count(0) < _TWO:
        return None
    nodes = _tree(map(Node, spans, tells, repeats))
    for node in reversed(nodes):
        if node.above is not None:
            node.above.below |= node.told | node.below
    _find_sums(nodes)
    calls = [node for node in nodes if node.told & Told.CALL]
    if len(calls) > 1:
        if any(node.below & Told.CALL for node in calls):
            _find_inner_calls(nodes)
        _find_calls_beside(calls)
    _find_shared_ids(nodes)
    if any(node.is_outer for node in calls):
        _count_costs(nodes)
    return nodes


_TWO = 2
"""What one span alone tells counts."""


def _tree(of_spans: Iterable[Node]) -> list[Node]:
    """Each span above those below it; a circle of parents is cut at its first span."""
    nodes = {node.span.span_id: node for node in of_spans}
    pending: list[Node] = []
    for node in nodes.values():
        parent = nodes.get(parent_of(node.span) or "")
        if parent is None:
            pending.append(node)
        else:
            node.above = parent
            parent.children.append(node)
    ordered = _below(pending)
    if len(ordered) < len(nodes):
        placed = {id(node) for node in ordered}
        for node in sorted(nodes.values(), key=lambda n: (n.span.start_us or 0, n.span.span_id)):
            if id(node) not in placed:
                _cut(node)
                circle = _below([node])
                placed.update(map(id, circle))
                ordered += circle
    return ordered


def _below(tops: list[Node]) -> list[Node]:
    """These and all below them, in place."""
    for node in tops:
        tops += node.children
    return tops


def _cut(node: Node) -> None:
    if node.above is not None:
        node.above.children.remove(node)
        node.above, node.is_cut = None, True


def _find_sums(nodes: list[Node]) -> None:
    for node in nodes:
        if node.repeats and not node.told & Told.CALL:
            node.span.uncounted |= sum_of(node.told, node.below)
            node.is_sum = bool(node.span.uncounted & Uncounted.TOKENS)


def sum_of(own: int, below: int) -> int:
    """What does not count of a span that is no call and tells this, for what the spans below it tell."""
    found = Uncounted.TOKENS if own & below & Told.TOKENS else 0
    return found | (Uncounted.COST if own & Told.COST and below & (Told.TOKENS | Told.COST) else 0)


def _find_inner_calls(nodes: list[Node]) -> None:
    """A call is compared with the nearest one above it that may use the same."""
    above: _Above = {}
    pending: list[tuple[Node, _Above | None]] = [(node, None) for node in reversed(nodes) if node.above is None]
    entered = 0
    while pending:
        node, before = pending.pop()
        if before is not None:
            above |= before
            continue
        if node.told & Told.CALL:
            readings = used(node.span).readings
            _, outer = max((above.get(reading, _NONE_ABOVE) for reading in readings), key=itemgetter(0))
            if outer is not None and outer.repeats and is_same_call(outer.span, node.span):
                mark_repeated(outer.span)
                outer.is_outer = True
                outer.inner_ids.add(node.span.response_id)
            if node.children:
                pending.append((node, {reading: above.get(reading, _NONE_ABOVE) for reading in readings}))
                entered += 1
                above |= dict.fromkeys(readings, (entered, node))
        pending += [(child, None) for child in node.children]


_Above = dict[tuple[int, int], tuple[int, Node | None]]
"""By reading the nearest call above, with a number that is larger the nearer it is."""
_NONE_ABOVE: tuple[int, Node | None] = (0, None)


def _find_calls_beside(calls: list[Node]) -> None:
    """A call without a response id is compared with those beside it that have one."""
    if len({not node.span.response_id for node in calls if node.told & Told.TOKENS}) < _TWO:
        return
    beside: dict[tuple[str, str, int], tuple[list[Node], list[Node]]] = {}
    for node in calls:
        side, parent_id = side_of(node.span), parent_of(node.span)
        if side is not None and parent_id is not None:
            key = parent_id, side[0], node.span.completion_tokens or 0
            beside.setdefault(key, ([], []))[side[1] == WITH_ID].append(node)
    for unnamed, named in beside.values():
        for node in unnamed:
            if not node.is_outer and any(is_told_beside(node.span, other.span) for other in named):
                mark_repeated(node.span)
                _cover(node)


def mark_repeated(span: Span) -> None:
    """Another span tells of the same call."""
    span.uncounted |= Uncounted.CALL if span.is_llm_call else 0
    span.uncounted |= Uncounted.TOKENS if told(span) & Told.TOKENS else 0


def _find_shared_ids(nodes: list[Node]) -> None:
    """Of the spans with one response id one counts, or none where an inner call without an id tells of it."""
    by_id: dict[str, list[Node]] = {}
    for node in nodes:
        if node.span.response_id and node.repeats and node.told and not (node.is_sum or node.is_outer):
            by_id.setdefault(node.span.response_id, []).append(node)
    if not by_id:
        return
    # Told by an inner call without an id.
    told_below = {n.span.response_id for n in nodes if n.inner_ids and n.span.response_id not in n.inner_ids}
    for response_id, shared in by_id.items():
        if response_id in told_below:
            counted = None
        elif len(shared) > 1:
            counted = _innermost(shared)
        else:
            continue
        outer = set() if counted is None else {id(node) for node in _all_above(counted)}
        for node in shared:
            node.is_compared = True
            if node is not counted:
                mark_repeated(node.span)
                if id(node) in outer and node.told & Told.CALL:
                    node.is_outer = True
                else:
                    _cover(node)


def _all_above(node: Node) -> Iterator[Node]:
    while node.above is not None:
        node = node.above
        yield node


def _innermost(shared: list[Node]) -> Node:
    """Of those with usage, if any has it, one that has none of the others below it: calls and sent costs go first."""
    with_usage = [node for node in shared if node.told & Told.TOKENS] or shared
    outer: set[int] = set()
    for node in with_usage:
        for above in _all_above(node):
            if id(above) in outer:
                break
            outer.add(id(above))
    inner = [node for node in with_usage if id(node) not in outer]
    return min(inner, key=lambda n: (not n.told & Told.CALL, -_cost_rank(n.span), *_shortest(n.span)))


def _shortest(span: Span) -> tuple[int, int, str]:
    """The order in which the one within the other's time comes first."""
    start_us = span.start_us or 0
    return (span.end_us or 0) - start_us, start_us, span.span_id


def _count_costs(nodes: list[Node]) -> None:
    """Of a call and the ones inside it that tell of it, the cost that is better known counts."""
    covering: set[int] = set()
    for node in nodes:
        is_below = node.above is not None and id(node.above) in covering
        if is_below:
            covering.add(id(node))
        if not node.repeats or has_own_cost(node.span):
            continue
        if is_below:
            _cover(node)
        elif node.is_outer:
            if is_better_known(node.span, node.below):
                covering.add(id(node))
            else:
                _cover(node)


def _cover(node: Node) -> None:
    if node.told & (Told.TOKENS | Told.COST) and not has_own_cost(node.span):
        node.span.uncounted |= Uncounted.COST
