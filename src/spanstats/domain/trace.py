"""A trace, and what its numbers follow from once its spans are folded."""

from collections.abc import Mapping
from typing import Any

import msgspec

from .item_key import NO_KEY, key_of_text
from .keys import ExperimentKey
from .measures import tps_thousandths
from .root import Root
from .span import Filled, Score
from .trace_fold import TraceFold


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


_AS_FOLDED = (
    *("prompt_tokens", "completion_tokens", "total_tokens"),
    *("n_spans", "n_errors", "n_llm_calls", "n_unpriced"),
    *("model", "many_models"),
)
"""What a trace has as its fold has it."""


def finish(trace_id: str, state: TraceFold) -> Trace:
    """The trace of a fold, which has at least one span."""
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
        cost_pd=state.cost_pd if state.n_cost else None,
        labels=labels,
        metadata={k: v.value for k, v in state.metadata.items()} | (root.metadata if root else {}),
        scores=_scores(state),
        item_key=_item_key(labels, root),
        target_key=root.target_key if root else None,
        **{name: getattr(state, name) for name in _AS_FOLDED},
    )


def _item_key(labels: Mapping[str, str], root: Root | None) -> str | None:
    """That of the comparison key that was sent, else that of the root's input; a trace without root has none."""
    comparison_key = labels.get("comparison_key")
    if comparison_key:
        return key_of_text(comparison_key)
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
    """The root's where it has one, else whether any span failed."""
    if state.root is not None and not (state.root.filled & Filled.STATUS and state.n_errors):
        return state.root.status
    return "error" if state.n_errors else "success"


def _membership(state: TraceFold) -> ExperimentKey | None:
    """The experiment that the root names, else the one named by the earliest span that names one."""
    if state.root is not None and state.root.experiment_key is not None:
        return state.root.experiment_key
    return state.experiment_key.value if state.experiment_key else None


def _scores(state: TraceFold) -> list[Score]:
    """All scores of all spans, repeats kept: the root's first, then by start of their span."""
    root_id = state.root.span_id if state.root else None
    ordered = sorted(state.scores, key=lambda s: (s.span_id != root_id, s.start_us, s.span_id))
    return [score for entry in ordered for score in entry.scores]
