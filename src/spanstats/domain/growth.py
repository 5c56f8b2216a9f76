"""Adding a span to a long trace without reading the others: what counts of it, where its relatives alone decide that.

A fold keeps what spans report whose parent is not stored yet (`reported_usage.py`); the ancestors of a new span are
given. Where a span would change what counts of others, the trace is read whole. `usage.py` says what is right; this
gives the same result or none.
"""

from dataclasses import dataclass, field

from .calls import is_same_call, used
from .reported_usage import MAX_MISSING, NOTHING, Call, Descendants, Usage, call_of, with_span
from .reports import Reports, has_own_cost, is_better_known, may_repeat, parent_of, reports_of
from .span import Span, Uncounted
from .usage import exclude_repeated
from .usage_sums import sum_of


@dataclass(slots=True)
class Relatives:
    """`spans` by id: the ancestors of new spans, as far as they are stored. `ids`: the spans of each response id."""

    spans: dict[str, Span] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=dict)

    def add(self, span: Span) -> None:
        """Add a span that the fold has now."""
        self.spans[span.span_id] = span
        if span.response_id:
            self.ids.setdefault(span.response_id, set()).add(span.span_id)


def grow(usage: Usage, span: Span, relatives: Relatives) -> bool:
    """Set `uncounted` of a new span, and add the span to `usage`.

    False where other spans must be read, or the span changes what counts of others; `usage` must then not be used.
    """
    span.uncounted = 0
    if not usage.repeats:
        return not may_repeat(span)
    if usage.missing is None or usage.add_sibling(span):
        return False
    below = usage.missing.pop(span.span_id, NOTHING)
    new = _New(span, reports_of(span), below, relatives, usage.shares_ids)
    if not new.reports and not below.reports:
        return True
    lineage = _ancestors(span, relatives)
    if lineage is None or not new.count():
        return False
    ancestors, missing = lineage
    if not all(map(new.keeps_counts_of, ancestors)) or not new.differs_from_calls(ancestors):
        return False
    if missing is not None:
        usage.missing[missing] = usage.missing.get(missing, NOTHING).join(with_span(span, below))
    return len(usage.missing) <= MAX_MISSING


def _ancestors(span: Span, relatives: Relatives) -> tuple[list[Span], str | None] | None:
    """The ancestors, nearest first, and the id of the one that is not stored yet. `None` where they form a circle."""
    ancestors: list[Span] = []
    ids = {span.span_id}
    while (parent_id := parent_of(span)) is not None:
        if parent_id in ids:
            return None
        ids.add(parent_id)
        parent = relatives.spans.get(parent_id)
        if parent is None:
            return ancestors, parent_id
        ancestors.append(parent)
        span = parent
    return ancestors, None


@dataclass(frozen=True, slots=True)
class _New:
    """A new span between its descendants and its ancestors."""

    span: Span
    reports: int
    descendants: Descendants
    relatives: Relatives
    shares_ids: bool

    def count(self) -> bool:
        """Set what of it does not count because of its descendants; whether what counts of those stays as it was."""
        if self.shares_ids and self.descendants.reports:
            return False
        if not may_repeat(self.span):
            return True
        is_repeated = self._is_repeated()
        if is_repeated is None or not self._is_alone(is_repeated):
            return False
        below, span = self.descendants.reports, self.span
        if not self.reports & Reports.CALL:
            span.uncounted |= sum_of(self.reports, below)
        elif is_repeated:
            exclude_repeated(span)
            if is_better_known(span, below):
                return not below & (Reports.TOKENS | Reports.COST)
            self._exclude_cost()
        return True

    def _is_repeated(self) -> bool | None:
        """Whether an inner call is the same one; `None` where other spans must be read."""
        if not self.reports & Reports.CALL or not self.descendants.reports & Reports.CALL:
            return False
        call = self.descendants.call
        if call is None or call.used.equals_in_part(used(self.span)):
            return None
        return call.used.may_equal(used(self.span)) and is_same_call(self.span, call)

    def _is_alone(self, is_repeated: bool) -> bool:
        """Whether no other span has its response id, but the inner call that is the same."""
        others = self.relatives.ids.get(self.span.response_id or "", ())
        call = self.descendants.call if is_repeated else None
        return all(call is not None and other == call.span_id for other in others)

    def keeps_counts_of(self, outer: Span) -> bool:
        """Whether what counts of an ancestor stays as it was; its cost may count instead of the new one's."""
        new = self.reports | self.descendants.reports
        if not may_repeat(outer) or not new & (Reports.TOKENS | Reports.COST):
            return True
        before = reports_of(outer)
        if not before & Reports.CALL:
            changes = sum_of(before, new) & ~outer.uncounted
            return not changes and not (self.shares_ids and outer.response_id)
        if not outer.uncounted & Uncounted.CALL or not before & Reports.COST or outer.uncounted & Uncounted.COST:
            return True
        if self.descendants.reports or not is_better_known(outer, new):
            return False
        self._exclude_cost()
        return True

    def differs_from_calls(self, ancestors: list[Span]) -> bool:
        """Whether no ancestor that is a call is the same as the new one, or as a descendant of it."""
        calls = [outer for outer in ancestors if outer.is_llm_call]
        if not calls:
            return True
        inner = [call_of(self.span)] if self.reports & Reports.CALL else []
        if self.descendants.reports & Reports.CALL:
            if self.descendants.call is None:
                return False
            if not inner or not self.descendants.call.used.may_equal(used(self.span)):
                inner.append(self.descendants.call)
        return not any(self._is_one_of(calls, call) for call in inner)

    def _is_one_of(self, outer_calls: list[Span], inner: Call) -> bool:
        if any(inner.used.equals_in_part(used(outer)) for outer in outer_calls):
            return True
        outer = next((o for o in outer_calls if used(o) == inner.used), None)
        if outer is None or not may_repeat(outer) or not is_same_call(outer, inner):
            return False
        return self.shares_ids or not outer.uncounted & Uncounted.CALL

    def _exclude_cost(self) -> None:
        if may_repeat(self.span) and not has_own_cost(self.span) and self.reports & (Reports.TOKENS | Reports.COST):
            self.span.uncounted |= Uncounted.COST
