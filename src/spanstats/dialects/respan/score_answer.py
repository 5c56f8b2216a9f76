"""A standalone score as Respan's clients read it."""

from typing import Any

from ...domain.span import Score
from ...domain.standalone import StandaloneScore
from ...domain.times import iso
from ..document import from_text, parsed
from .score_values import DETAILS, VALUES


def score_object(stored: StandaloneScore) -> dict[str, Any]:
    """A score as clients read it, as `ScoreObject` describes it."""
    score, details = stored.score, stored.details
    values = {name: details.get(name) for name in VALUES} | _typed(score)
    return {
        "id": stored.id,
        "created_at": iso(stored.created_us),
        "log_id": stored.log_id,
        "evaluator_id": score.evaluator_id,
        "evaluator_slug": score.slug,
        "evaluator_name": score.name,
        "scorer": stored.scorer,
        "score_value_type": score.value_type,
        "explanation": score.reason,
        **values,
        **{name: details.get(name) for name in DETAILS if name != "timestamp"},
    }


def _typed(score: Score) -> dict[str, Any]:
    """The value under the name of its type."""
    if score.value is not None:
        return (
            {"boolean_value": bool(score.value)} if score.value_type == "boolean" else {"numerical_value": score.value}
        )
    if score.value_type in ("text", "comment"):
        return {"string_value": score.text}
    if score.value_type == "json":
        return {"json_value": score.text}
    categories = parsed(from_text(score.text or ""))
    return {"categorical_value": categories if isinstance(categories, list) else [score.text]}
