"""Scores as Respan's clients post and change them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from ...domain.span import Score
from ...domain.standalone import StandaloneScore
from ...domain.values import clean, identifier
from ...errors import invalid
from ..normalize import text_of
from .evaluator import MAX_KEY_BYTES
from .score_values import VALUES, details_of, with_value

SORTS = {"created_at": "created_at", "numerical_value": "value", "id": "id"}


def log_of(body: dict[str, Any]) -> str:
    """The log that a body names. Raises `InvalidInput`."""
    log_id = identifier(body.get("log_id"), "log_id")
    if log_id is None:
        raise invalid("field required", "log_id", code="missing")
    return log_id


def evaluator_of(body: dict[str, Any]) -> tuple[str | None, str | None]:
    """(id, slug) of the evaluator, one of which is needed. Raises `InvalidInput`."""
    evaluator_id = identifier(body.get("evaluator_id"), "evaluator_id", MAX_KEY_BYTES)
    slug = identifier(body.get("evaluator_slug"), "evaluator_slug", MAX_KEY_BYTES)
    if evaluator_id is None and slug is None:
        raise invalid("field required, or evaluator_slug", "evaluator_id", code="missing")
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
    valued = with_value(score, body)
    if valued is None:
        raise invalid(f"one of {', '.join(VALUES)} is required", code="missing")
    return StandaloneScore(
        id=_public_id(log_id, score.key, scorer),
        log_id=log_id,
        score=valued,
        scorer=scorer,
        details=details_of(body),
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
    valued = with_value(score, body)
    if valued is None and whole:
        raise invalid(f"one of {', '.join(VALUES)} is required", code="missing")
    old_values = {} if whole or valued is not None else {k: v for k, v in stored.details.items() if k in VALUES}
    others = {} if whole else {k: v for k, v in stored.details.items() if k not in VALUES}
    return StandaloneScore(
        id=stored.id,
        log_id=stored.log_id,
        score=valued or score,
        scorer=stored.scorer,
        details={**others, **old_values, **details_of(body)},
        created_us=stored.created_us,
    )


def without_score(stored: StandaloneScore) -> StandaloneScore:
    """What deletes the score."""
    return StandaloneScore(id=stored.id, log_id=stored.log_id, score=stored.score, scorer=stored.scorer, deleted=True)


def _refuse_other(body: dict[str, Any], field: str, own: tuple[str | None, ...]) -> None:
    value = body.get(field)
    if value not in (None, "", *own):
        raise invalid("cannot be changed", field, code="read_only")


def _public_id(log_id: str, key: str, scorer: str | None) -> str:
    """The same for the same log, evaluator and scorer, so that a post that is sent again is the same score."""
    return hashlib.sha256(json.dumps([log_id, key, scorer]).encode()).hexdigest()[:32]


def _text(value: Any) -> str | None:
    text = text_of(value)
    return None if text is None else clean(text)
