"""A trace as a fold over its spans: whatever the order in which spans are added, the result is the same.

The fold keeps what is needed to go on (who was earliest, for every value of which the earliest wins), so that spans can
be added to a stored fold without reading the trace again, where `grow` can say what counts of them. A changed span
needs the fold of all spans.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from .growth import Usage, usage_in
from .item_key import NO_KEY, key_of_text
from .keys import ExperimentKey
from .measures import tps_thousandths
from .span import Filled, Score, Span, Uncounted
from .usage import count_usage

KEPT_FROM = 64
"""The fold of so many spans can be kept, so that a span is added to it without reading the others."""

Order = tuple[int, str]
"""Start and span id (code point order, which is byte order of UTF-8): which of two spans is earlier."""


class First(msgspec.Struct, array_like=True):
    """The value of the earliest span that has one."""

    start_us: int
    span_id: str
    value: Any


class Root(msgspec.Struct, array_like=True):
    """What the trace takes from its earliest root alone."""

    start_us: int
    span_id: str
    end_us: int
    latency_us: int | None
    name: str | None
    status: str
    experiment_key: ExperimentKey | None
    labels: dict[str, str]
    metadata: dict[str, Any]
    input_key: str | None = None
    target_key: int | None = None
    filled: int = 0
    """`Filled` bits: what of this was not sent."""

    @property
    def is_timed(self) -> bool:
        return self.filled & _NO_TIMES != _NO_TIMES


_NO_TIMES = Filled.START | Filled.END


class SpanScores(msgspec.Struct, array_like=True):
    """The scores of one span."""

    start_us: int
    span_id: str
    scores: list[Score]


class TraceFold(msgspec.Struct):
    """The spans of one trace, added up; `seen` experiments are those that any span names."""

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
    """The earliest start of those spans that carry a time, and their latest end."""
    timed_end_us: int | None = None
    usage: Usage = msgspec.field(default_factory=Usage)
    root: Root | None = None
    named: First | None = None
    ttft: First | None = None
    model: str | None = None
    many_models: bool = False
    labels: dict[str, First] = {}
    metadata: dict[str, First] = {}
    scores: list[SpanScores] = []

    def add(self, span: Span) -> None:
        """Add one settled span that is not in the fold yet."""
        self.n_spans += 1
        self.n_errors += span.status == "error"
        self._add_usage(span)
        self._add_times(span)
        self._add_model(span.model)
        self._add_firsts(span)
        if span.is_root and (self.root is None or _order(span) < (self.root.start_us, self.root.span_id)):
            self.root = _root(span)
        if span.scores:
            self.scores.append(SpanScores(*_order(span), span.scores))

    def _add_usage(self, span: Span) -> None:
        """What counts of it (`uncounted`)."""
        self.n_llm_calls += span.is_llm_call and not span.uncounted & Uncounted.CALL
        if not span.uncounted & Uncounted.TOKENS:
            self.prompt_tokens += span.prompt_tokens or 0
            self.completion_tokens += span.completion_tokens or 0
            self.total_tokens += span.total_tokens or 0
        if span.cost_pd is not None and not span.uncounted & Uncounted.COST:
            self.n_cost += 1
            self.cost_pd += span.cost_pd
        self.n_unpriced += is_unpriced(span)

    def _add_times(self, span: Span) -> None:
        assert span.start_us is not None
        assert span.end_us is not None
        self.start_us = span.start_us if self.start_us is None else min(self.start_us, span.start_us)
        self.end_us = span.end_us if self.end_us is None else max(self.end_us, span.end_us)
        if span.filled & _NO_TIMES == _NO_TIMES:
            return
        is_end_known = not span.filled & Filled.END or span.latency_us is not None
        end_us = span.end_us if is_end_known else span.start_us
        self.timed_start_us = span.start_us if self.timed_start_us is None else min(self.timed_start_us, span.start_us)
        self.timed_end_us = end_us if self.timed_end_us is None else max(self.timed_end_us, end_us)

    def _add_model(self, model: str | None) -> None:
        if model is None or self.many_models:
            return
        if self.model is None:
            self.model = model
        elif self.model != model:
            self.model, self.many_models = None, True

    def _add_firsts(self, span: Span) -> None:
        if span.experiment_key is not None:
            self.named = _earlier(self.named, span, span.experiment_key)
        if span.ttft_us is not None:
            self.ttft = _earlier(self.ttft, span, span.ttft_us)
        for key, label in span.labels.items():
            self.labels[key] = _earlier(self.labels.get(key), span, label)
        for key, value in (span.metadata or {}).items():
            self.metadata[key] = _earlier(self.metadata.get(key), span, value)


def is_unpriced(span: Span) -> bool:
    """Whether its tokens count, of a model that is known, and what they cost is not."""
    if span.cost_pd is not None or span.model is None or span.uncounted & (Uncounted.TOKENS | Uncounted.COST):
        return False
    return bool(span.prompt_tokens or span.completion_tokens or span.total_tokens)


def _order(span: Span) -> Order:
    assert span.start_us is not None
    return span.start_us, span.span_id


def _earlier(current: First | None, span: Span, value: object) -> First:
    start_us, span_id = _order(span)
    if current is not None and (current.start_us, current.span_id) < (start_us, span_id):
        return current
    return First(start_us, span_id, value)


def _root(span: Span) -> Root:
    assert span.start_us is not None
    assert span.end_us is not None
    assert span.status is not None
    return Root(
        span.start_us,
        span.span_id,
        span.end_us,
        span.latency_us,
        span.name,
        span.status,
        span.experiment_key,
        span.labels,
        span.metadata or {},
        span.input_key,
        span.target_key,
        span.filled,
    )


class Trace(msgspec.Struct, kw_only=True):
    """One trace as stored, filtered and summed. Units as in `Span`; `tps` is in thousandths of a token per second."""

    trace_id: str
    experiment_key: ExperimentKey | None
    has_root: bool
    root_span_id: str | None
    name: str | None
    status: str
    start_us: int
    end_us: int
    latency_us: int | None
    ttft_us: int | None
    tps: int | None
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_pd: int | None
    n_spans: int
    n_errors: int
    n_llm_calls: int
    n_unpriced: int
    model: str | None
    many_models: bool
    labels: dict[str, str]
    metadata: dict[str, Any]
    scores: list[Score]
    item_key: str | None = NO_KEY
    """Which item the trace is of (`item_key.py`); `None` where the root was stored before keys were derived."""
    target_key: int | None = None


def fold(spans: Iterable[Span]) -> TraceFold:
    """The fold of these spans, each of which must stand there once. Says of each what of it counts (`uncounted`).

    Spans can be added later only to a fold of at least `KEPT_FROM`.
    """
    spans = list(spans)
    is_kept = len(spans) >= KEPT_FROM
    nodes = count_usage(spans, keeps_tree=is_kept)
    result = TraceFold(usage=usage_in(nodes) if is_kept else Usage(), labels={}, metadata={}, scores=[])
    for span in spans:
        result.add(span)
    return result


def finish(trace_id: str, state: TraceFold) -> Trace:
    """The trace that a fold of at least one span stands for."""
    root = state.root
    start_us, end_us, latency_us = _times(state)
    labels = {k: v.value for k, v in state.labels.items()} | (root.labels if root else {})
    return Trace(
        trace_id=trace_id,
        experiment_key=_membership(state),
        has_root=root is not None,
        root_span_id=root.span_id if root else None,
        name=root.name if root else None,
        status=_status(state),
        start_us=start_us,
        end_us=end_us,
        latency_us=latency_us,
        ttft_us=state.ttft.value if state.ttft else None,
        tps=tps_thousandths(state.completion_tokens, latency_us),
        prompt_tokens=state.prompt_tokens,
        completion_tokens=state.completion_tokens,
        total_tokens=state.total_tokens,
        cost_pd=state.cost_pd if state.n_cost else None,
        n_spans=state.n_spans,
        n_errors=state.n_errors,
        n_llm_calls=state.n_llm_calls,
        n_unpriced=state.n_unpriced,
        model=state.model,
        many_models=state.many_models,
        labels=labels,
        metadata={k: v.value for k, v in state.metadata.items()} | (root.metadata if root else {}),
        scores=_scores(state),
        item_key=_item_key(labels, root),
        target_key=root.target_key if root else None,
    )


def _item_key(labels: Mapping[str, str], root: Root | None) -> str | None:
    """That of the comparison key that was sent, else that of the root's input; a trace without root has none."""
    sent = labels.get("comparison_key")
    if sent:
        return key_of_text(sent)
    return NO_KEY if root is None else root.input_key


def _times(state: TraceFold) -> tuple[int, int, int | None]:
    """Start, end and latency: the root's, of all spans where there is none, of the timed ones where it has no time."""
    root, start_us, end_us = state.root, state.start_us, state.end_us
    if root is not None and not root.is_timed and state.timed_end_us is not None:
        start_us, end_us = state.timed_start_us, state.timed_end_us
    elif root is not None:
        return root.start_us, root.end_us, root.latency_us
    assert start_us is not None
    assert end_us is not None
    sent_us = root.latency_us if root is not None else None
    return start_us, end_us, max(0, end_us - start_us) if sent_us is None else sent_us


def _status(state: TraceFold) -> str:
    """The root's where it says one, else whether any span failed."""
    if state.root is not None and not (state.root.filled & Filled.STATUS and state.n_errors):
        return state.root.status
    return "error" if state.n_errors else "success"


def _membership(state: TraceFold) -> ExperimentKey | None:
    """The experiment that the root names, else the one named by the earliest span that names one."""
    if state.root is not None and state.root.experiment_key is not None:
        return state.root.experiment_key
    return state.named.value if state.named else None


def _scores(state: TraceFold) -> list[Score]:
    """All scores of all spans, repeats kept: the root's first, then by start of their span."""
    root_id = state.root.span_id if state.root else None
    ordered = sorted(state.scores, key=lambda s: (s.span_id != root_id, s.start_us, s.span_id))
    return [score for entry in ordered for score in entry.scores]
