"""Scores that an evaluator's span carries in its output (`log_type` score, name `evaluator.<slug>`).

Two shapes are known: `{"<slug>": {"primary_score": ..., "evaluator_id": ...}}` and
`{"workflow_type": "eval", "output": {"primary_score": ..., "evaluator_id": ..., ...}}`.
"""

import math
from typing import Any

from ...domain.span import SCORE_TYPES, Score, Span
from ...domain.values import clean, cut, is_clean, number
from ...errors import InvalidInput
from ..document import from_text, parsed
from ..json_body import encode
from ..normalize import check_scores, text_of

KIND = "score"
MAX_KEY_BYTES = 200
_NAME_PREFIX = "evaluator."


def add_evaluator_scores(span: Span) -> None:
    """Set the scores of an evaluator's span from its output; other spans are left alone.

    Raises `InvalidInput` above 100 scores.
    """
    is_named_so = span.name is not None and span.name.startswith(_NAME_PREFIX)
    if span.output is None or not (span.kind == KIND or is_named_so):
        return
    slug = span.name.removeprefix(_NAME_PREFIX) if span.name and is_named_so else None
    output = parsed(span.output)
    if isinstance(output, str):
        output = parsed(from_text(output))
    scores = [score for part, key in _results(output, slug) if (score := _score(part, key, span.name)) is not None]
    check_scores(scores, field="output")
    span.scores = scores or span.scores


def _results(output: Any, slug: str | None) -> list[tuple[dict[str, Any], str | None]]:
    """(result, slug) of every evaluator in an output."""
    if not isinstance(output, dict):
        return []
    if "primary_score" in output:
        return [(output, slug)]
    inner = output.get("output")
    if isinstance(inner, dict) and "primary_score" in inner:
        return [(inner, slug)]
    return [(part, key) for key, part in output.items() if isinstance(part, dict) and "primary_score" in part]


def _score(result: dict[str, Any], slug: str | None, span_name: str | None) -> Score | None:
    """A result that names no evaluator is named after its span."""
    slug = text_of(result.get("evaluator_slug")) or slug
    evaluator_id, name = text_of(result.get("evaluator_id")), text_of(result.get("evaluator_name"))
    if not (evaluator_id or slug or name):
        name = span_name
    key = cut(evaluator_id or slug or name, MAX_KEY_BYTES)
    value = _number_of_text(result.get("primary_score"), result.get("score_value_type"))
    if key is None or not is_clean(key) or value is None:
        return None
    numeric = _is_number(value)
    reason = result.get("explanation") or result.get("reason")
    return Score(
        key=key,
        value=float(value) if numeric else None,
        value_type=_type(result.get("score_value_type"), value, numeric),
        text=None if numeric else value if isinstance(value, str) else encode(value),
        reason=clean(reason) if isinstance(reason, str) else None,
        evaluator_id=cut(evaluator_id, MAX_KEY_BYTES),
        slug=cut(slug, MAX_KEY_BYTES),
        name=cut(name, MAX_KEY_BYTES),
        source="evaluator",
    )


def _number_of_text(value: Any, value_type: Any) -> Any:
    """The number in a text where the type says that it is one, else the value."""
    if not isinstance(value, str) or value_type not in ("numerical", "percentage"):
        return value
    try:
        return float(number(value, "primary_score"))
    except (InvalidInput, OverflowError):
        return value


def _is_number(value: Any) -> bool:
    """Whether a double holds it."""
    try:
        return isinstance(value, bool | int | float) and math.isfinite(value)
    except OverflowError:
        return False


def _type(value_type: Any, value: Any, numeric: bool) -> str:
    """The type that the evaluator names, where it fits the value."""
    numbers = {"numerical", "percentage", "boolean"}
    if isinstance(value_type, str) and value_type in SCORE_TYPES and (value_type in numbers) == numeric:
        return value_type
    if isinstance(value, bool):
        return "boolean"
    if numeric:
        return "numerical"
    return "categorical" if isinstance(value, list) else "text" if isinstance(value, str) else "json"
