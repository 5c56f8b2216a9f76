"""When two calls of a model are one: one inside the other, or two siblings."""

from typing import NamedTuple, Protocol

from .reports import Reports, may_repeat, reports_of
from .span import Filled, Span


class AnyCall(Protocol):
    """A call of a model, as far as it is compared with another one."""

    @property
    def response_id(self) -> str | None: ...
    @property
    def start_us(self) -> int | None: ...
    @property
    def end_us(self) -> int | None: ...
    @property
    def filled(self) -> int: ...


def is_same_call(outer: AnyCall, inner: AnyCall) -> bool:
    """Whether an inner call, of equal usage, is the outer one: not where they have two ids, or the times differ."""
    if outer.response_id and inner.response_id and outer.response_id != inner.response_id:
        return False
    return _is_within(outer, inner)


SLACK_US = 10_000
"""By how much an inner call may reach beyond the outer one: each instrumentation reads the clock for itself."""


def _is_within(outer: AnyCall, inner: AnyCall) -> bool:
    """A time that was not sent excludes nothing."""
    times = ~(outer.filled | inner.filled)
    starts = not times & Filled.START or (inner.start_us or 0) >= (outer.start_us or 0) - SLACK_US
    return starts and (not times & Filled.END or (inner.end_us or 0) <= (outer.end_us or 0) + SLACK_US)


class UsedTokens(NamedTuple):
    """The tokens of a call as they are compared: a number that was not sent is 0."""

    prompt: int
    completion: int
    cached: int
    beyond_input: int
    """What the total has besides the input: the output with the reasoning that the output may leave out."""

    @property
    def readings(self) -> set[tuple[int, int]]:
        """(input, output), with the cached tokens in the input as it was sent, or next to it, and the output as it was
        sent, or by the total."""
        prompt, completion, cached, beyond_input = self
        return {(prompt, completion), (prompt + cached, completion), (prompt, beyond_input)}

    def may_equal(self, other: "UsedTokens") -> bool:
        """Whether they are equal in one reading of each."""
        return not self.readings.isdisjoint(other.readings)

    def equals_in_part(self, other: "UsedTokens") -> bool:
        """Whether they are equal in some readings and not in all: a third call may then equal only one of them."""
        return self.may_equal(other) and self.readings != other.readings


def used(span: Span) -> UsedTokens:
    """The tokens of a span."""
    cached = (span.cache_read_tokens or 0) + (span.cache_write_tokens or 0)
    prompt, completion, total = span.prompt_tokens or 0, span.completion_tokens or 0, span.total_tokens or 0
    if not (prompt or completion):
        # A total alone equals no call without tokens.
        completion = total
    return UsedTokens(prompt, completion, cached, max(completion, total - prompt))


def sibling_class(span: Span) -> tuple[str, int] | None:
    """(what is called, `WITH_ID` or `WITHOUT_ID`) of a call that a sibling may report too; `None` of other spans."""
    if not span.is_llm_call or not reports_of(span) & Reports.TOKENS or not may_repeat(span):
        return None
    kind = span.kind if span.kind in _NOT_TEXT else ""
    return kind or "", WITH_ID if span.response_id else WITHOUT_ID


WITHOUT_ID, WITH_ID = 1, 2
_NOT_TEXT = frozenset({"embedding", "transcription", "speech"})


def is_sibling_duplicate(without_id: Span, with_id: Span) -> bool:
    """Whether a call without a response id is the same as its sibling that has one."""
    if not used(without_id).may_equal(used(with_id)):
        return False
    return _is_surely_within(without_id, with_id) or _is_surely_within(with_id, without_id)


def _is_surely_within(outer: Span, inner: Span) -> bool:
    return not (outer.filled | inner.filled) & (Filled.START | Filled.END) and _is_within(outer, inner)
