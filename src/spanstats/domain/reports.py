"""Which usage a span reports: its tokens, its cost, and the call of a model that it is."""

import re

from .span import Filled, Span


class Reports:
    """Bits: which usage a span reports, or its descendants report."""

    TOKENS = 1
    COST = 2
    SENT_COST = 4
    CALL = 8


_OF_OTLP = re.compile(r"[0-9a-f]{32}/[0-9a-f]{16}").fullmatch


def may_repeat(span: Span) -> bool:
    """Whether its usage may be that of other spans. Spans stored before this was known have the form of OTLP's ids."""
    if span.usage_once is not None:
        return span.usage_once
    return not span.by_span_id and _OF_OTLP(f"{span.trace_id}/{span.span_id}") is not None


def parent_of(span: Span) -> str | None:
    """The id of its parent, also where that is a span of another process; `None` for the top of a trace."""
    return None if span.span_id in (span.parent_id, span.trace_id) else span.parent_id


def reports_of(span: Span) -> int:
    """Which usage the span reports: `Reports` bits."""
    reports = Reports.TOKENS if span.prompt_tokens or span.completion_tokens or span.total_tokens else 0
    is_call = span.is_llm_call
    # Neither tokens nor a cost: nothing was bought.
    if span.cost_pd is not None and (span.cost_pd or reports):
        if cost_rank(span) != _SENT:
            reports |= Reports.COST
        elif is_call:
            # Else its cost is its own (`has_own_cost`).
            reports |= Reports.COST | Reports.SENT_COST
    return reports | Reports.CALL if is_call else reports


def has_own_cost(span: Span) -> bool:
    """Whether it sent a cost and is no call: that cost is its own, not the cost of its tokens."""
    return not span.is_llm_call and cost_rank(span) == _SENT


_COMPUTED, _SENT = 1, 2


def cost_rank(span: Span) -> int:
    """How well its cost is known; a cost of 0 comes from a sum that was never computed."""
    if not span.cost_pd:
        return 0
    return _COMPUTED if span.filled & Filled.COST else _SENT


def is_better_known(span: Span, descendants: int) -> bool:
    """Whether its cost is better known than the cost of its descendants, which report these bits."""
    rank_below = _SENT if descendants & Reports.SENT_COST else _COMPUTED if descendants & Reports.COST else 0
    return cost_rank(span) > rank_below
