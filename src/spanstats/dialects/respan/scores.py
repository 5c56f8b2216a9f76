"""Scores as Respan's clients post, change and read them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from ...domain.span import SCORE_TYPES, Score
from ...domain.standalone import StandaloneScore
from ...domain.times import iso
from ...domain.values import MAX_SCORE, clean, identifier, number
from ...errors import invalid
from ..document import from_text, parsed
from ..json_body import encode
from ..normalize import text_of
from ..storable import scrub
from .evaluator import MAX_KEY_BYTES

_NUMERIC = frozenset({"numerical", "percentage"})
_VALUES = ("numerical_value", "boolean_value", "categorical_value", "string_value", "json_value")
_DETAILS = (
    *("type", "environment", "prompt_id", "prompt_version_number", "dataset_id", "automation_id"),
    *("is_passed", "cost", "status", "error_message", "timestamp"),
)
_TYPES = {"categorical_value": "categorical", "string_value": "text", "json_value": "json"}

SORTS = {"created_at": "created_at", "numerical_value": "value", "id": "id"}


def log_of(body: dict[str, Any]) -> str:
    """The log that a body names. Raises `InvalidInput`."""
    log_id = identifier(body.get("log_id"), "log_id")
    if log_id is None:
        raise invalid("field required", "log_id", kind="missing")
    return log_id


def evaluator_of(body: dict[str, Any]) -> tuple[str | None, str | None]:
    """(id, slug) of the evaluator, one of which is needed. Raises `InvalidInput`."""
    evaluator_id = identifier(body.get("evaluator_id"), "evaluator_id", MAX_KEY_BYTES)
    slug = identifier(body.get("evaluator_slug"), "evaluator_slug", MAX_KEY_BYTES)
    if evaluator_id is None and slug is None:
        raise invalid("field required, or evaluator_slug", "evaluator_id", kind="missing")
    return evaluator_id, slug


def read_score(body: dict[str, Any], log_id: str, keys: Mapping[str, frozenset[str]], now_us: int) -> StandaloneScore:
    """A new score. `keys` are those of evaluators by name. Raises `InvalidInput`."""
    evaluator_id, slug = evaluator_of(body)
    keys_of_name = keys.get(evaluator_id or slug or "", frozenset())
    score = Score(
        key=next(iter(keys_of_name)) if len(keys_of_name) == 1 else evaluator_id or slug or "",
        evaluator_id=evaluator_id,
        slug=slug,
        name=identifier(body.get("evaluator_name"), "evaluator_name", MAX_KEY_BYTES),
        reason=_text(body.get("explanation")),
        source="api",
    )
    scorer = identifier(body.get("scorer"), "scorer")
    valued = _valued(score, body)
    if valued is None:
        raise invalid(f"one of {', '.join(_VALUES)} is required", kind="missing")
    return StandaloneScore(
        id=_public_id(log_id, score.key, scorer),
        log_id=log_id,
        score=valued,
        scorer=scorer,
        details=_details(body),
        created_us=now_us,
    )


def changed_score(stored: StandaloneScore, body: dict[str, Any], *, whole: bool) -> StandaloneScore:
    """The score with what the body says; `whole` forgets what it does not say, and needs a value.

    Evaluator, scorer and log stay; a body that names others is wrong. Raises `InvalidInput`.
    """
    _refuse_other(body, "evaluator_id", (stored.score.evaluator_id, stored.score.key))
    _refuse_other(body, "evaluator_slug", (stored.score.slug, stored.score.key))
    _refuse_other(body, "scorer", (stored.scorer,))
    _refuse_other(body, "log_id", (stored.log_id, stored.span_id, stored.trace_id))
    score = stored.score
    if whole or "explanation" in body:
        score = msgspec.structs.replace(score, reason=_text(body.get("explanation")))
    valued = _valued(score, body)
    if valued is None and whole:
        raise invalid(f"one of {', '.join(_VALUES)} is required", kind="missing")
    old_values = {} if whole or valued is not None else {k: v for k, v in stored.details.items() if k in _VALUES}
    others = {} if whole else {k: v for k, v in stored.details.items() if k not in _VALUES}
    return StandaloneScore(
        id=stored.id,
        log_id=stored.log_id,
        score=valued or score,
        scorer=stored.scorer,
        details={**others, **old_values, **_details(body)},
        created_us=stored.created_us,
    )


def without_score(stored: StandaloneScore) -> StandaloneScore:
    """What deletes the score."""
    return StandaloneScore(id=stored.id, log_id=stored.log_id, score=stored.score, scorer=stored.scorer, deleted=True)


def _refuse_other(body: dict[str, Any], field: str, own: tuple[str | None, ...]) -> None:
    value = body.get(field)
    if value not in (None, "", *own):
        raise invalid("cannot be changed", field, kind="read_only")


def _public_id(log_id: str, key: str, scorer: str | None) -> str:
    """The same for the same log, evaluator and scorer, so that a post that is sent again is the same score."""
    return hashlib.sha256(json.dumps([log_id, key, scorer]).encode()).hexdigest()[:32]


def _valued(score: Score, body: dict[str, Any]) -> Score | None:
    """The score with the first value that the body carries, `None` where it carries none."""
    field = next((name for name in _VALUES if body.get(name) is not None), None)
    if field is None:
        return None
    value, text, value_type = _value(body[field], field)
    type_of_body = body.get("score_value_type")
    if isinstance(type_of_body, str) and type_of_body in SCORE_TYPES and _fits(type_of_body, field):
        value_type = type_of_body
    return msgspec.structs.replace(score, value=value, text=text, value_type=value_type)


def _fits(value_type: str, field: str) -> bool:
    if field == "numerical_value":
        return value_type in _NUMERIC
    return field != "boolean_value" and value_type not in _NUMERIC | {"boolean"}


def _value(value: Any, field: str) -> tuple[float | None, str | None, str]:
    """(number, text, type)."""
    if field == "numerical_value":
        exact = number(value, field)
        if abs(exact) > MAX_SCORE:
            raise invalid(f"must be {-MAX_SCORE:g} to {MAX_SCORE:g}", field, kind="out_of_range")
        return float(exact), None, "numerical"
    if field == "boolean_value":
        if not isinstance(value, bool):
            raise invalid("must be true or false", field, kind="bool_type")
        return float(value), None, "boolean"
    if field == "categorical_value":
        categories = value if isinstance(value, list) else [value]
        return None, encode(scrub(categories)), "categorical"
    text = value if isinstance(value, str) else encode(value)
    return None, clean(text), _TYPES[field]


def _details(body: dict[str, Any]) -> dict[str, Any]:
    """What is kept beside the score: what numbers do not depend on, and values beside the first."""
    first = next((name for name in _VALUES if body.get(name) is not None), None)
    details: dict[str, Any] = scrub({name: body[name] for name in _DETAILS if body.get(name) is not None})
    beside = [name for name in _VALUES if name != first and body.get(name) is not None]
    return details | {name: _shown(body[name], name) for name in beside}


def _shown(value: Any, field: str) -> Any:
    """A value in the shape in which its field is answered. Raises `InvalidInput`."""
    exact, text, value_type = _value(value, field)
    if value_type == "categorical":
        return scrub(value if isinstance(value, list) else [value])
    return bool(exact) if value_type == "boolean" else text


def _text(value: Any) -> str | None:
    text = text_of(value)
    return None if text is None else clean(text)


def score_object(stored: StandaloneScore) -> dict[str, Any]:
    """A score as clients read it, as `ScoreObject` describes it."""
    score, details = stored.score, stored.details
    values = {name: details.get(name) for name in _VALUES} | _typed(score)
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
        **{name: details.get(name) for name in _DETAILS if name != "timestamp"},
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
