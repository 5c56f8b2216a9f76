"""Scores that a client sends on their own, not as part of a span."""

from typing import Any, NamedTuple

import msgspec

from .span import Score


class StandaloneScore(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A score of the span `log_id`, else of the trace of this id, whether that is stored yet or not.

    There is one for each log, evaluator and scorer, so a repeat updates it. It is pending until its span is stored:
    only then has it a `trace_id`, a `span_id` and an `ordinal`, its number among the scores of that span and evaluator.
    """

    id: str
    log_id: str
    score: Score
    scorer: str | None = None
    details: dict[str, Any] = {}
    created_us: int = 0
    trace_id: str | None = None
    span_id: str | None = None
    ordinal: int | None = None
    deleted: bool = False
    """It deletes the stored score of the same id."""


class Outcome(NamedTuple):
    """What became of a standalone score that was written."""

    id: str
    """That of the stored score which it updated, else its own."""
    is_pending: bool
    """Neither its span nor its trace is stored."""
