"""What a repeat of a span changes, and what is filled in where nothing was sent. Pure, for every writer."""

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

from .item_key import input_key, target_key
from .span import Filled, Score, Span

Price = Callable[[Span], int | None]
"""Cost of a span in picodollars from its model and tokens, `None` where unknown."""

# Later non-empty values win; of tokens and cost a zero never erases a value.
_SUMMED = frozenset({"prompt_tokens", "completion_tokens", "total_tokens", "cost_pd"})
_BY_KEY = frozenset({"labels", "attributes"})
_IDENTITY = frozenset({"by_span_id", "experiment_key", "span_id", "trace_id"})
_NOT_CARRIED = _IDENTITY | {"filled", "uncounted", "received_us", "borrow", "input_key", "target_key"}
_MERGED = tuple(f for f in Span.__struct_fields__ if f not in _NOT_CARRIED | _BY_KEY)

_FILLED_FIELD = {
    Filled.START: "start_us",
    Filled.END: "end_us",
    Filled.LATENCY: "latency_us",
    Filled.TOTAL_TOKENS: "total_tokens",
    Filled.COST: "cost_pd",
    Filled.STATUS: "status",
}


def carried(span: Span) -> Span:
    """A copy with only what clients sent."""
    result = copy(span)
    _empty_filled(result)
    return result


def _empty_filled(span: Span) -> None:
    span.input_key = span.target_key = None
    if span.filled & ~Filled.TRACE:
        for flag, field in _FILLED_FIELD.items():
            if span.filled & flag:
                setattr(span, field, None)
        span.filled &= Filled.TRACE


def merge(earlier: Span, later: Span) -> Span:
    """The earlier span updated by the later one, field by field; the result carries, nothing is filled in.

    Null, absent, an empty list and an empty object leave the earlier value. The arrival time is the earlier one's.
    """
    result, new = carried(earlier), carried(later)
    result.borrow = _merged_borrow(result, new)
    if not new.filled & Filled.TRACE:
        result.trace_id, result.filled = new.trace_id, 0
    if new.experiment_key is not None:
        result.experiment_key = new.experiment_key
    for field in _MERGED:
        value = getattr(new, field)
        if value is None or value == [] or value == {}:
            continue
        if value == 0 and field in _SUMMED and getattr(result, field):
            continue
        setattr(result, field, value)
    result.labels = {**result.labels, **new.labels}
    result.attributes = {**_without_outdated(result.attributes, new), **new.attributes}
    return result


def _without_outdated(attributes: dict[str, Any], later: Span) -> dict[str, Any]:
    """Without what says how counts were meant that the later span sends again: it says that itself, or it is not so."""
    if _HOW_COUNTED.isdisjoint(attributes):
        return attributes
    details, outdated = later.attributes, set()
    if later.cache_read_tokens or later.cache_write_tokens:
        outdated.add("cached_beside_input")
    if details.get("reasoning_tokens"):
        outdated.add("reasoning_beside_output")
    if details.get("input_audio_tokens") or details.get("output_audio_tokens"):
        outdated.add("audio_beside")
    return {name: value for name, value in attributes.items() if name not in outdated}


_HOW_COUNTED = frozenset({"cached_beside_input", "reasoning_beside_output", "audio_beside"})


def _merged_borrow(earlier: Span, later: Span) -> int:
    """The cut nanoseconds are known only while start and end come from one sender."""
    if later.start_us is None and later.end_us is None:
        return earlier.borrow
    return later.borrow if later.start_us is not None and later.end_us is not None else 0


def override(span: Span, fields: Mapping[str, Any]) -> Span:
    """The span with exactly these fields replaced, null included; labels and attributes key by key."""
    result = carried(span)
    for field, value in fields.items():
        if field in _BY_KEY:
            joined = {**getattr(result, field), **value}
            setattr(result, field, {k: v for k, v in joined.items() if v is not None})
        else:
            setattr(result, field, value)
    return result


def with_standalone(span: Span, standalone: list[Score]) -> Span:
    """The span with its standalone scores after its own."""
    if not standalone:
        return span
    result = copy(span)
    result.scores = counting([*(span.scores or ()), *standalone])
    return result


def counting(scores: list[Score]) -> list[Score]:
    """The scores of a span that count: a standalone score replaces the one that an evaluator's span gave for its key.

    In SQL the rule is `filters.scores_sql.COUNTS`.
    """
    standalone = {score.key for score in scores if score.source == "api"}
    return [score for score in scores if score.source != "evaluator" or score.key not in standalone]


def with_all_scores(span: Span, scores: list[Score]) -> Span:
    """The span with the scores that are stored of it, standalone scores among them."""
    span.scores = [score for score in scores if score.source != "api"] or None
    return with_standalone(span, [score for score in scores if score.source == "api"])


def settle(span: Span, price: Price) -> Span:
    """Fill in what was not sent, in the span itself, and set `filled`. `received_us` must be set. Returns the span.

    A time that follows from nothing is the time of arrival; latency is floor(end - start) and never negative, known
    only where both times or the latency were sent; total tokens are input + output; status follows the error; cost is
    priced, also one of 0 that Parea's SDKs send for tokens of a model that has a price.
    The keys of a root follow from its content, which must be complete.
    """
    if span.filled:
        _empty_filled(span)
    filled = span.filled
    if span.latency_us is None and span.start_us is not None and span.end_us is not None:
        span.latency_us = max(0, span.end_us - span.start_us - span.borrow)
        filled |= Filled.LATENCY
    filled |= _fill_times(span)
    if span.total_tokens is None and (span.prompt_tokens is not None or span.completion_tokens is not None):
        span.total_tokens = (span.prompt_tokens or 0) + (span.completion_tokens or 0)
        filled |= Filled.TOTAL_TOKENS
    if span.status is None:
        failed = bool(span.error) or (span.status_code is not None and span.status_code >= 400)
        span.status = "error" if failed else "success"
        filled |= Filled.STATUS
    if (span.cost_pd is None or _is_no_cost(span)) and (cost := price(span)) is not None:
        span.cost_pd = cost
        filled |= Filled.COST
    span.filled = filled
    is_root = span.is_root
    span.input_key = input_key(span.input) if is_root else None
    span.target_key = target_key(span.target) if is_root else None
    return span


def _is_no_cost(span: Span) -> bool:
    """Parea's SDKs send a cost of 0 for every model that is newer than the table they came with.

    An answer that came from a cache was not bought.
    """
    if span.attributes.get("cache_hit") is True:
        return False
    return span.by_span_id and span.cost_pd == 0 and bool(span.prompt_tokens or span.completion_tokens)


def _fill_times(span: Span) -> int:
    """A missing start is the end less the latency, a missing end the start plus it, both missing the arrival."""
    filled = 0
    if span.start_us is None:
        if span.end_us is None:
            span.end_us = span.received_us
            filled |= Filled.END
        span.start_us = max(0, span.end_us - (span.latency_us or 0))
        filled |= Filled.START
    elif span.end_us is None:
        span.end_us = span.received_us if span.latency_us is None else span.start_us + span.latency_us
        filled |= Filled.END
    return filled
