"""A span: one unit of work with its own, never cumulative, tokens, cost, latency and scores."""

from typing import Any

import msgspec

from .keys import ExperimentKey
from .values import cut

# What a status may be called on the wire; anything else is kept as it is.
MAX_STATUS_BYTES = 255
STATUS_SYNONYMS = {"completed": "success", "ok": "success", "failed": "error"}

LLM_KINDS = frozenset(
    {"chat", "completion", "response", "embedding", "transcription", "speech", "text", "generation", "llm"}
)
"""Kinds of span that are a call of a model. Every other kind is not: where it has usage, that is a sum."""


class Filled:
    """Bits: which values of a span were filled in by us. They are not carried, and derived again after a merge."""

    START = 1
    END = 2
    LATENCY = 4
    TOTAL_TOKENS = 8
    COST = 16
    STATUS = 32
    TRACE = 64
    """The trace id was concluded, not named, so a repeat does not move the span to it."""


class Uncounted:
    """Bits: which numbers of a span do not enter its trace's sums (`usage.py`)."""

    TOKENS = 1
    COST = 2
    CALL = 4
    """Another span reports the same call of a model."""


class ScoreKind:
    """What the number of a score is, as it is stored beside the number."""

    NUMBER = 0
    BOOLEAN = 1
    TEXT = 2
    """It has none: a text or a category."""


class Score(msgspec.Struct, frozen=True, omit_defaults=True):
    """One result of an evaluator.

    `key` is the evaluator's id, else slug, else name. `value` is the number as sent (booleans as 1 and 0), `None` for
    text and categories, which are in `text`. `value_type` is one of `SCORE_TYPES`.
    """

    key: str
    value: float | None = None
    value_type: str = "numerical"
    text: str | None = None
    reason: str | None = None
    metric_id: int | None = None
    evaluator_id: str | None = None
    slug: str | None = None
    name: str | None = None
    source: str = "span"
    """`span` as part of a span, `evaluator` as the output of an evaluator's span, `api` a standalone score."""


SCORE_TYPES = frozenset(
    {"numerical", "percentage", "boolean", "single_select", "multi_select", "categorical", "text", "json", "comment"}
)


class Span(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is known of a span. `None` means not carried; empty lists and objects are not carried either.

    Times are microseconds since 1970, durations microseconds, cost picodollars. `borrow` is 1 where the nanoseconds
    that were cut make end - start one microsecond shorter. `input`, `output` and `target` are JSON documents as text.
    `labels` are the short texts that traces are filtered by (customer_identifier, environment, ...); `attributes` is
    everything else that the vendor's wire format has and no number depends on.
    """

    trace_id: str
    span_id: str
    by_span_id: bool = False
    """The span id alone is its identity (Parea), so a repeat may move the span to another trace."""
    parent_id: str | None = None
    parent_is_remote: bool | None = None
    """The parent is a span of another process, so this one is a root too."""
    experiment_id: str | None = None
    name: str | None = None
    kind: str | None = None
    workflow_name: str | None = None
    status: str | None = None
    status_code: int | None = None
    error: str | None = None
    model: str | None = None
    provider: str | None = None
    response_id: str | None = None
    """What the provider calls its answer: spans of one trace with the same one report one call."""
    usage_once: bool | None = None
    """Whether other spans may repeat its usage, so that it counts once in the trace: instrumentations do. `False`, and
    of spans found by their id alone `None`: it counts as sent. Other spans without it were stored before it was known.
    """
    start_us: int | None = None
    end_us: int | None = None
    borrow: int = 0
    latency_us: int | None = None
    ttft_us: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_pd: int | None = None
    prompt_price_pd: int | None = None
    """Picodollars per million tokens, where the client sent a unit price."""
    completion_price_pd: int | None = None
    input: str | None = None
    output: str | None = None
    target: str | None = None
    input_key: str | None = None
    """Of a root: the digest of its input (`item_key.py`); `None` where it was not derived."""
    target_key: int | None = None
    """Of a root that has a target: the digest of that."""
    metadata: dict[str, Any] | None = None
    labels: dict[str, str] = {}
    attributes: dict[str, Any] = {}
    scores: list[Score] | None = None
    filled: int = 0
    uncounted: int = 0
    """`Uncounted` bits, which follow from all spans of the trace."""
    received_us: int = 0
    experiment_key: ExperimentKey | None = None
    """The store's key of `experiment_id`."""

    @property
    def is_root(self) -> bool:
        """No parent, one of another process, or its parent or its trace is itself."""
        if self.parent_id is None or self.parent_is_remote:
            return True
        return self.parent_id == self.span_id or self.trace_id == self.span_id

    @property
    def root_order(self) -> tuple[bool, int, str]:
        """The order of roots, the trace's first. One below another process comes last: the clocks may differ."""
        is_top = self.parent_id is None or self.span_id in (self.parent_id, self.trace_id)
        return not is_top, self.start_us or 0, self.span_id

    @property
    def is_usage_counted(self) -> bool:
        """Whether its tokens, and its call of a model, enter the trace's sums."""
        return not self.uncounted & (Uncounted.TOKENS | Uncounted.CALL)

    @property
    def is_cost_counted(self) -> bool:
        """Whether its cost enters the cost of its trace."""
        return not self.uncounted & Uncounted.COST

    @property
    def is_llm_call(self) -> bool:
        """Whether it is a call of a model: by its kind, and without one by having a model."""
        return self.kind in LLM_KINDS if self.kind else self.model is not None


def normal_status(status: str | None) -> str | None:
    """`success` and `error` for their synonyms, other words in lower case, cut to what an index holds."""
    word = status.lower() if status else None
    return STATUS_SYNONYMS.get(word) or cut(word, MAX_STATUS_BYTES) if word else None
