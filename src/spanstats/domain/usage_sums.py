"""Sums over descendants in traces whose calls need no comparison, as in nearly all: counted without a tree of nodes."""

from collections.abc import Sequence

from .reports import Reports, may_repeat, parent_of
from .span import Span, Uncounted

_TWO = 2


def sum_of(own: int, descendants: int) -> int:
    """What does not count of a span that is no call: `own` is what it reports, `descendants` what those report."""
    flags = Uncounted.TOKENS if own & descendants & Reports.TOKENS else 0
    return flags | (Uncounted.COST if own & Reports.COST and descendants & (Reports.TOKENS | Reports.COST) else 0)


def exclude_sums(spans: Sequence[Span], reports: Sequence[int]) -> bool:
    """Set `uncounted` of spans that are no calls and whose descendants report the same.

    False, and nothing is set, where two spans may be one call, or where parents form a circle.
    """
    reporting = [(span, own) for span, own in zip(spans, reports, strict=True) if own]
    if _may_share_calls(reporting):
        return False
    below = _reports_below({span.span_id: span for span in spans}, reporting)
    if below is None:
        return False
    outer = [(span, own, below[span.span_id]) for span, own in reporting if span.span_id in below]
    if any(own & descendants & Reports.CALL for _, own, descendants in outer):
        return False
    for span, own, descendants in outer:
        if not own & Reports.CALL and may_repeat(span):
            span.uncounted |= sum_of(own, descendants)
    return True


def _may_share_calls(reporting: list[tuple[Span, int]]) -> bool:
    """Whether two spans have one response id, or some calls with flags have one and some have none."""
    ids = [span.response_id for span, _ in reporting if span.response_id]
    if not ids:
        return False
    of_calls = {not span.response_id for span, own in reporting if own & Reports.CALL and own & Reports.TOKENS}
    return len(of_calls) == _TWO or len(set(ids)) < len(ids)


def _reports_below(spans: dict[str, Span], reporting: list[tuple[Span, int]]) -> dict[str, int] | None:
    """What the descendants of each span report, by its id; `None` where parents form a circle."""
    below: dict[str, int] = {}
    climbed: dict[str, int] = {}
    for number, (span, own) in enumerate(reporting):
        parent_id = parent_of(span)
        while parent_id is not None and (parent := spans.get(parent_id)) is not None:
            before = below.get(parent_id, 0)
            if before | own == before:
                if climbed[parent_id] == number:
                    return None
                # Its ancestors have it too.
                break
            below[parent_id], climbed[parent_id] = before | own, number
            parent_id = parent_of(parent)
    return below
