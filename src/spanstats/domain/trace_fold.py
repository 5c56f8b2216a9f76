"""The aggregate state of a trace, folded from its spans; it is the same for any order of the spans.

The fold keeps what is needed to go on (which span was earliest, for every value of which the earliest wins), so that
spans can be added to a stored fold without reading the trace again, where `grow` decides what of them counts. A span
that changes needs the fold of all spans.
"""

from collections.abc import Iterable

import msgspec

from .firsts import First, add_earlier, earlier, order_of
from .reported_usage import Usage, usage_in
from .root import NO_TIMES, Root, root_of
from .span import Filled, Score, Span, Uncounted
from .usage import count_usage

KEPT_FROM = 64
"""From this number of spans on a fold can be kept, so that a span is added to it without reading the others."""


class SpanScores(msgspec.Struct, array_like=True):
    """The scores of one span."""

    start_us: int
    span_id: str
    scores: list[Score]


class TraceFold(msgspec.Struct):
    """The spans of one trace, added up."""

    n_spans: int = 0
    n_errors: int = 0
    n_llm_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    n_cost: int = 0
    cost_pd: int = 0
    n_unpriced: int = 0
    """Spans with a model and tokens that count, whose cost is not known."""
    start_us: int | None = None
    end_us: int | None = None
    timed_start_us: int | None = None
    """The earliest start of the spans that carry a time, and their latest end."""
    timed_end_us: int | None = None
    usage: Usage = msgspec.field(default_factory=Usage)
    root: Root | None = None
    experiment_key: First | None = msgspec.field(default=None, name="named")
    """Of the first span that names an experiment; stored under the name that it had first."""
    ttft: First | None = None
    model: str | None = None
    many_models: bool = False
    labels: dict[str, First] = {}
    metadata: dict[str, First] = {}
    n_scored: int = 0
    """Spans that have scores. `scores` holds these, or only those of spans that were added to a stored fold."""
    scores: list[SpanScores] = []
    in_blocks: bool = False
    """The scores of all spans but the root are in blocks (`score_blocks.py`). `scores` has the root's besides."""
    block_bytes: int = 0
    """How long the blocks are."""

    @property
    def has_all_scores(self) -> bool:
        return len(self.scores) == self.n_scored

    def add(self, span: Span) -> None:
        """Add one settled span that is not in the fold yet."""
        self.n_spans += 1
        if span.status == "error":
            self.n_errors += 1
        self._add_usage(span)
        self._add_times(span)
        if span.model is not None and not self.many_models:
            self._add_model(span.model)
        self._add_firsts(span)
        if span.is_root and (self.root is None or span.root_order < self.root.order):
            self.root = root_of(span)
        if span.scores:
            self.n_scored += 1
            self.scores.append(SpanScores(*order_of(span), span.scores))

    def _add_usage(self, span: Span) -> None:
        """What counts of it (`uncounted`)."""
        uncounted = span.uncounted
        if span.is_llm_call and not uncounted & Uncounted.CALL:
            self.n_llm_calls += 1
        if not uncounted & Uncounted.TOKENS:
            self.prompt_tokens += span.prompt_tokens or 0
            self.completion_tokens += span.completion_tokens or 0
            self.total_tokens += span.total_tokens or 0
        if span.cost_pd is None:
            self.n_unpriced += is_unpriced(span)
        elif not uncounted & Uncounted.COST:
            self.n_cost += 1
            self.cost_pd += span.cost_pd

    def _add_times(self, span: Span) -> None:
        start_us, end_us, filled = span.start_us, span.end_us, span.filled
        assert start_us is not None
        assert end_us is not None
        if self.start_us is None or start_us < self.start_us:
            self.start_us = start_us
        if self.end_us is None or end_us > self.end_us:
            self.end_us = end_us
        if filled & NO_TIMES == NO_TIMES:
            return
        if filled & Filled.END and span.latency_us is None:
            end_us = start_us
        if self.timed_start_us is None or start_us < self.timed_start_us:
            self.timed_start_us = start_us
        if self.timed_end_us is None or end_us > self.timed_end_us:
            self.timed_end_us = end_us

    def _add_model(self, model: str) -> None:
        if self.model is None:
            self.model = model
        elif self.model != model:
            self.model, self.many_models = None, True

    def _add_firsts(self, span: Span) -> None:
        if span.experiment_key is not None:
            self.experiment_key = earlier(self.experiment_key, span, span.experiment_key)
        if span.ttft_us is not None:
            self.ttft = earlier(self.ttft, span, span.ttft_us)
        if span.labels:
            add_earlier(self.labels, span, span.labels)
        if span.metadata:
            add_earlier(self.metadata, span, span.metadata)


def is_unpriced(span: Span) -> bool:
    """Whether its tokens count, of a model that is known, and what they cost is not."""
    if span.cost_pd is not None or span.model is None or span.uncounted & (Uncounted.TOKENS | Uncounted.COST):
        return False
    return bool(span.prompt_tokens or span.completion_tokens or span.total_tokens)


def fold(spans: Iterable[Span]) -> TraceFold:
    """The fold of these spans, which are distinct. Sets `uncounted` of each.

    Spans can be added later only to a fold of at least `KEPT_FROM`.
    """
    spans = list(spans)
    is_kept = len(spans) >= KEPT_FROM
    nodes = count_usage(spans, keeps_tree=is_kept)
    result = TraceFold(usage=usage_in(nodes) if is_kept else Usage(), labels={}, metadata={}, scores=[])
    for span in spans:
        result.add(span)
    return result
