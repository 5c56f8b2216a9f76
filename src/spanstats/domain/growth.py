"""Adding a span to a long trace without the others: what counts, where that does not depend on more than its relatives.

A fold keeps what the spans tell whose parent has not come; the spans above a new one are at hand. Where a span would
change what counts of others, the trace is read: `usage.py` says what is right, and this never anything else.
"""

from dataclasses import dataclass, field
from zlib import crc32

import msgspec

from .span import Span, Uncounted
from .usage import (
    WITH_ID,
    WITHOUT_ID,
    Node,
    Told,
    Used,
    has_own_cost,
    is_better_known,
    is_same_call,
    mark_repeated,
    may_repeat,
    parent_of,
    side_of,
    sum_of,
    told,
    used,
)

MAX_AWAITED = 4_000
"""At most this many missing spans are remembered; a trace with more is read with every span."""


class Call(msgspec.Struct, array_like=True):
    """A call of a model as far as one around it is compared with it."""

    span_id: str
    usage: tuple[int, int]
    response_id: str | None
    start_us: int | None
    end_us: int | None
    filled: int
    cached: int = 0

    @property
    def used(self) -> Used:
        return Used(*self.usage, self.cached)


class Below(msgspec.Struct, array_like=True):
    """What the spans below one that has not come tell: `Told` bits, and the call to compare with, if it is only one."""

    told: int = 0
    call: Call | None = None

    def join(self, other: "Below") -> "Below":
        calls = [below.call for below in (self, other) if below.told & Told.CALL]
        return Below(self.told | other.told, calls[0] if len(calls) == 1 else None)


class Usage(msgspec.Struct, array_like=True):
    """What a fold knows of what its spans tell. `awaited` is by span id, `None` where that is not known."""

    repeats: bool = False
    """Whether any span may repeat the usage of another."""
    shares_ids: bool = False
    """Whether spans with one response id, which are not just one around the other, were compared."""
    awaited: dict[str, Below] | None = None
    sides: dict[str, int] = {}
    """Of calls with tokens by what they call: whether some have a response id, and some have none."""
    beside: dict[int, int] | None = None
    """The same by what such calls stand below and answer with (a digest), where `sides` alone cannot tell."""

    def tells_of_both_sides(self, span: Span) -> bool:
        """Whether a call like a new span, but with a response id or without, may be known, so that both may be one told
        side by side; brings what is known in step."""
        side, parent_id = side_of(span), parent_of(span)
        if side is None or parent_id is None:
            return False
        before = self.sides.get(side[0], 0)
        self.sides[side[0]] = before | side[1]
        if before | side[1] != _BOTH:
            return False
        if before != _BOTH or self.beside is None:
            return True
        place = _digest(parent_id, span)
        self.beside[place] = self.beside.get(place, 0) | side[1]
        return self.beside[place] == _BOTH or len(self.beside) > MAX_AWAITED


_BOTH = WITH_ID | WITHOUT_ID


def _digest(parent_id: str, span: Span) -> int:
    return crc32(f"{parent_id}/{span.completion_tokens or 0}".encode())


@dataclass(slots=True)
class Relatives:
    """`spans` by id: all above a new one, as far as they have come. `ids`: the spans that have a response id."""

    spans: dict[str, Span] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=dict)

    def add(self, span: Span) -> None:
        """Another span has come."""
        self.spans[span.span_id] = span
        if span.response_id:
            self.ids.setdefault(span.response_id, set()).add(span.span_id)


def usage_in(nodes: list[Node] | None) -> Usage:
    """What a fold of these spans, the result of `count_usage`, must know to go on."""
    if not nodes:
        return Usage(repeats=nodes is None)
    awaited: dict[str, Below] = {}
    below: dict[str, Below] = {}
    for node in reversed(nodes):
        found = _with(node.span, below.pop(node.span.span_id, _NOTHING))
        home, above = (awaited, _missing(node)) if node.above is None else (below, node.above.span.span_id)
        if found.told and above is not None:
            home[above] = home.get(above, _NOTHING).join(found)
    shares_ids = any(node.is_compared for node in nodes)
    usage = Usage(True, shares_ids, awaited if len(awaited) <= MAX_AWAITED else None, {})
    for node in nodes:
        usage.tells_of_both_sides(node.span)
    if _BOTH in usage.sides.values():
        usage.beside = {}
        for node in nodes:
            usage.tells_of_both_sides(node.span)
    return usage


def _missing(top: Node) -> str | None:
    """The parent that has not come; a circle that was cut has all of them."""
    return None if top.is_cut else parent_of(top.span)


_NOTHING = Below()


def _with(span: Span, below: Below) -> Below:
    """What the span and those below it tell to the ones above. Of calls with equal usage the outer one is compared."""
    own = told(span)
    if not own & Told.CALL:
        return Below(own | below.told, below.call)
    is_one = not below.told & Told.CALL or (below.call is not None and below.call.used.may_equal(used(span)))
    return Below(own | below.told, _call(span) if is_one else None)


def _call(span: Span) -> Call:
    prompt, completion, cached = used(span)
    times = span.start_us, span.end_us
    return Call(span.span_id, (prompt, completion), span.response_id, *times, span.filled, cached)


def grow(usage: Usage, span: Span, near: Relatives) -> bool:
    """Say of a new span what of it does not count, in `uncounted`, and bring what is known in step.

    False where more must be known, or the span changes what counts of others; then nothing here may be relied on.
    """
    span.uncounted = 0
    if not usage.repeats:
        return not may_repeat(span)
    if usage.awaited is None or usage.tells_of_both_sides(span):
        return False
    below = usage.awaited.pop(span.span_id, _NOTHING)
    new = _New(span, told(span), below, near, usage.shares_ids)
    if not new.told and not below.told:
        return True
    found = _above(span, near)
    if found is None or not new.counts_as_it_is():
        return False
    above, missing = found
    if not all(map(new.leaves, above)) or not new.leaves_calls(above):
        return False
    if missing is not None:
        usage.awaited[missing] = usage.awaited.get(missing, _NOTHING).join(_with(span, below))
    return len(usage.awaited) <= MAX_AWAITED


def _above(span: Span, near: Relatives) -> tuple[list[Span], str | None] | None:
    """The spans above, the nearest first, and the id of the one that has not come. `None` where they form a circle."""
    found: list[Span] = []
    seen = {span.span_id}
    while (parent_id := parent_of(span)) is not None:
        if parent_id in seen:
            return None
        seen.add(parent_id)
        parent = near.spans.get(parent_id)
        if parent is None:
            return found, parent_id
        found.append(parent)
        span = parent
    return found, None


@dataclass(frozen=True, slots=True)
class _New:
    """A new span between what is below it and what is above."""

    span: Span
    told: int
    below: Below
    near: Relatives
    shares_ids: bool

    def counts_as_it_is(self) -> bool:
        """Say what does not count for what is below it; whether that leaves what is below as it was."""
        if self.shares_ids and self.below.told:
            return False
        if not may_repeat(self.span):
            return True
        is_repeated = self._is_repeated()
        if is_repeated is None or not self._is_alone(is_repeated):
            return False
        below, span = self.below.told, self.span
        if not self.told & Told.CALL:
            span.uncounted |= sum_of(self.told, below)
        elif is_repeated:
            mark_repeated(span)
            if is_better_known(span, below):
                return not below & (Told.TOKENS | Told.COST)
            self._cover()
        return True

    def _is_repeated(self) -> bool | None:
        """Whether a call inside it is the same one; `None` where more must be known."""
        if not self.told & Told.CALL or not self.below.told & Told.CALL:
            return False
        call = self.below.call
        if call is None or call.used.equals_in_part(used(self.span)):
            return None
        return call.used.may_equal(used(self.span)) and is_same_call(self.span, call)

    def _is_alone(self, is_repeated: bool) -> bool:
        """Whether no other span has its response id, but the call inside it that is the same."""
        others = self.near.ids.get(self.span.response_id or "", ())
        call = self.below.call if is_repeated else None
        return all(call is not None and other == call.span_id for other in others)

    def leaves(self, outer: Span) -> bool:
        """Whether what a span above counts stays as it was; the new one may be covered by its cost."""
        new = self.told | self.below.told
        if not may_repeat(outer) or not new & (Told.TOKENS | Told.COST):
            return True
        before = told(outer)
        if not before & Told.CALL:
            changes = sum_of(before, new) & ~outer.uncounted
            return not changes and not (self.shares_ids and outer.response_id)
        if not outer.uncounted & Uncounted.CALL or not before & Told.COST or outer.uncounted & Uncounted.COST:
            return True
        if self.below.told or not is_better_known(outer, new):
            return False
        self._cover()
        return True

    def leaves_calls(self, above: list[Span]) -> bool:
        """Whether no call above is found to be the new one, or one below it."""
        calls_above = [outer for outer in above if outer.is_llm_call]
        if not calls_above:
            return True
        inner = [_call(self.span)] if self.told & Told.CALL else []
        if self.below.told & Told.CALL:
            if self.below.call is None:
                return False
            if not inner or not self.below.call.used.may_equal(used(self.span)):
                inner.append(self.below.call)
        return not any(self._changes(calls_above, call) for call in inner)

    def _changes(self, calls_above: list[Span], inner: Call) -> bool:
        if any(inner.used.equals_in_part(used(outer)) for outer in calls_above):
            return True
        outer = next((o for o in calls_above if used(o) == inner.used), None)
        if outer is None or not may_repeat(outer) or not is_same_call(outer, inner):
            return False
        return self.shares_ids or not outer.uncounted & Uncounted.CALL

    def _cover(self) -> None:
        if may_repeat(self.span) and not has_own_cost(self.span) and self.told & (Told.TOKENS | Told.COST):
            self.span.uncounted |= Uncounted.COST
