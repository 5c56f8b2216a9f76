"""What counts in a trace, by the words of the rules: for each span all others are looked at, again and again."""

from typing import Any

from spanstats.domain.span import Filled, Span

CALLS = ("chat", "generation")


def counted(spans: list[Span]) -> dict[str, dict[str, bool]]:
    """By span id whether its tokens, its cost and its call count."""
    rules = Rules(spans)
    return {s.span_id: {"tokens": rules.tokens(s), "cost": rules.cost(s), "call": rules.call(s)} for s in spans}


def totals(spans: list[Span]) -> dict[str, Any]:
    flags = counted(spans)
    costs = [s.cost_pd for s in spans if s.cost_pd is not None and flags[s.span_id]["cost"]]
    with_tokens = [s for s in spans if flags[s.span_id]["tokens"]]
    return {
        "prompt_tokens": sum(s.prompt_tokens or 0 for s in with_tokens),
        "completion_tokens": sum(s.completion_tokens or 0 for s in with_tokens),
        "total_tokens": sum(s.total_tokens or 0 for s in with_tokens),
        "cost_pd": sum(costs) if costs else None,
        "n_llm_calls": sum(is_call(s) and flags[s.span_id]["call"] for s in spans),
        "n_unpriced": sum(
            has_tokens(s) and s.model is not None and s.cost_pd is None and flags[s.span_id]["cost"]
            for s in with_tokens
        ),
    }


def is_call(span: Span) -> bool:
    return span.kind in CALLS if span.kind else span.model is not None


def has_tokens(span: Span) -> bool:
    return any((span.prompt_tokens, span.completion_tokens, span.total_tokens))


def knowledge(span: Span) -> int:
    """2 for a cost that was sent, 1 for one that was computed, 0 for none or a cost of nothing."""
    return (1 if span.filled & Filled.COST else 2) if span.cost_pd else 0


def has_cost(span: Span) -> bool:
    """A cost of what a model did: not what a span that is no call sent, nor nothing for nothing."""
    if span.cost_pd is None or (not is_call(span) and knowledge(span) == 2):
        return False
    return span.cost_pd > 0 or has_tokens(span)


class Rules:
    def __init__(self, spans: list[Span]) -> None:
        self.spans = spans
        self.parents = {s.span_id: self._parent(s) for s in spans}
        self.chosen = self._chosen()

    def _parent(self, span: Span) -> Span | None:
        if span.parent_id in (None, span.span_id) or span.trace_id == span.span_id:
            return None
        return next((s for s in self.spans if s.span_id == span.parent_id), None)

    def above(self, span: Span) -> list[Span]:
        ancestors = []
        parent = self.parents[span.span_id]
        while parent is not None:
            ancestors.append(parent)
            parent = self.parents[parent.span_id]
        return ancestors

    def below(self, span: Span) -> list[Span]:
        return [s for s in self.spans if any(a is span for a in self.above(s))]

    def own_cost(self, span: Span) -> bool:
        return not is_call(span) and knowledge(span) == 2

    def same_below(self, outer: Span) -> list[Span]:
        """The calls inside that are this one, by equal usage, cached tokens in the input or beside it.

        Of several around a call the nearest is compared.
        """
        inside = []
        for inner in self.below(outer) if outer.usage_once and is_call(outer) else []:
            near = [a for a in self.above(inner) if is_call(a) and self.may_use_the_same(a, inner)]
            if not is_call(inner) or not near or near[0] is not outer:
                continue
            two_ids = outer.response_id and inner.response_id and outer.response_id != inner.response_id
            if self._holds(outer, inner) and not two_ids:
                inside.append(inner)
        return inside

    def may_use_the_same(self, one: Span, other: Span) -> bool:
        return bool(self.readings(one) & self.readings(other))

    def is_sum(self, span: Span) -> bool:
        """An aggregate with tokens that are below, or a call that an inner one tells of."""
        if not span.usage_once:
            return False
        if is_call(span):
            return bool(self.same_below(span))
        return has_tokens(span) and any(has_tokens(s) for s in self.below(span))

    def _chosen(self) -> dict[str, Span | None]:
        """By response id the span that counts, where several have it."""
        by_name: dict[str, Span | None] = {}
        for name in {s.response_id for s in self.spans if s.response_id and s.usage_once}:
            sharing = [
                s
                for s in self.spans
                if s.response_id == name and s.usage_once and self._tells(s) and not self.is_sum(s)
            ]
            inner = [self.same_below(s) for s in self.spans if s.response_id == name and s.usage_once]
            if any(them and all(s.response_id != name for s in them) for them in inner):
                by_name[name] = None
            elif len(sharing) > 1:
                candidates = [s for s in sharing if has_tokens(s)] or sharing
                innermost = [s for s in candidates if not any(o in candidates for o in self.below(s))]
                by_name[name] = min(
                    innermost,
                    key=lambda s: (
                        not is_call(s),
                        -knowledge(s),
                        (s.end_us or 0) - (s.start_us or 0),
                        s.start_us,
                        s.span_id.encode(),
                    ),
                )
        return by_name

    def _tells(self, span: Span) -> bool:
        return has_tokens(span) or is_call(span) or has_cost(span)

    def loses(self, span: Span) -> bool:
        """Another span with its response id counts instead."""
        name = span.response_id or ""
        if not span.usage_once or name not in self.chosen or not self._tells(span):
            return False
        return self.chosen[name] is not span and not self.is_sum(span)

    def is_beside(self, span: Span) -> bool:
        """A call without a response id, told by one with an id below the same span as well."""
        if not self._may_be_beside(span) or span.response_id or self.is_sum(span):
            return False
        others = [s for s in self.spans if self._may_be_beside(s) and s.response_id and s.parent_id == span.parent_id]
        others = [s for s in others if (s.completion_tokens or 0) == (span.completion_tokens or 0)]
        return any(self.may_use_the_same(s, span) and (self._holds(s, span) or self._holds(span, s)) for s in others)

    def _may_be_beside(self, span: Span) -> bool:
        has_parent = span.parent_id not in (None, span.span_id) and span.trace_id != span.span_id
        return bool(span.usage_once and has_parent and is_call(span) and has_tokens(span))

    def readings(self, span: Span) -> set[tuple[int, int]]:
        """(input, output): cached tokens in the input or beside it, reasoning in the output or only in the total."""
        prompt, output, total = span.prompt_tokens or 0, span.completion_tokens or 0, span.total_tokens or 0
        if prompt == output == 0:
            output = total
        cached = (span.cache_read_tokens or 0) + (span.cache_write_tokens or 0)
        return {(prompt, output), (prompt + cached, output), (prompt, max(output, total - prompt))}

    def _holds(self, outer: Span, inner: Span) -> bool:
        """Within its time, but for a hundredth of a second."""
        early, late = (outer.start_us or 0) - (inner.start_us or 0), (inner.end_us or 0) - (outer.end_us or 0)
        return max(early, late) <= 10_000

    def tokens(self, span: Span) -> bool:
        return not (self.is_sum(span) or self.loses(span) or self.is_beside(span))

    def call(self, span: Span) -> bool:
        return not (bool(self.same_below(span)) or self.loses(span) or self.is_beside(span))

    def covers(self, span: Span) -> bool:
        """Its cost counts although an inner call tells of it, as it is better known than those below."""
        if not span.usage_once or not is_call(span):
            return False
        chosen = self.chosen.get(span.response_id or "")
        is_outer = chosen is not None and self.loses(span) and any(a is span for a in self.above(chosen))
        if not is_outer and not self.is_sum(span):
            return False
        below = [s for s in self.below(span) if has_cost(s)]
        return knowledge(span) > max((max(1, knowledge(s)) for s in below), default=0)

    def cost(self, span: Span) -> bool:
        if not span.usage_once or not (has_cost(span) or has_tokens(span)) or self.own_cost(span):
            return True
        if any(self.covers(a) for a in self.above(span)):
            return False
        if not is_call(span) and any(has_tokens(s) or has_cost(s) for s in self.below(span)) and has_cost(span):
            return False
        return self.covers(span) or not (
            (is_call(span) and self.is_sum(span)) or self.loses(span) or self.is_beside(span)
        )
