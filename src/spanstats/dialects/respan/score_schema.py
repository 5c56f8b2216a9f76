"""Standalone scores as they are described to clients."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ...domain.values import MAX_SCORE
from ..normalize import ID_SCHEMA
from .evaluator import MAX_KEY_BYTES
from .schema import filters_schema

_EXAMPLE: dict[str, Any] = {
    "id": "5b4a2f0f3d5c4e1f9a7b6c5d4e3f2a1b",
    "created_at": "2026-01-01T00:00:00+00:00",
    "log_id": "a1",
    "evaluator_id": "eval_1",
    "evaluator_slug": "quality",
    "evaluator_name": "Quality",
    "scorer": None,
    "score_value_type": "numerical",
    "numerical_value": 0.9,
    "string_value": None,
    "boolean_value": None,
    "categorical_value": None,
    "json_value": None,
    "explanation": "Right, but long",
    "type": None,
    "environment": None,
    "is_passed": None,
    "cost": None,
    "prompt_id": None,
    "prompt_version_number": None,
    "dataset_id": None,
    "automation_id": None,
    "status": None,
    "error_message": None,
}


class ScoreObject(BaseModel):
    """A standalone score."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    created_at: str
    log_id: str = Field(description="As the post named it")
    evaluator_id: str | None
    evaluator_slug: str | None
    evaluator_name: str | None
    scorer: str | None
    score_value_type: str
    numerical_value: float | None
    string_value: str | None
    boolean_value: bool | None
    categorical_value: list[Any] | None
    json_value: str | None
    explanation: str | None
    type: Any
    environment: Any
    is_passed: Any
    cost: Any
    prompt_id: Any
    prompt_version_number: Any
    dataset_id: Any
    automation_id: Any
    status: Any
    error_message: Any


class ScoreList(BaseModel):
    """A page of scores."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"count": 1, "next": None, "previous": None, "results": [_EXAMPLE], "current_filters": {}}]
        }
    )

    count: int
    next: str | None
    previous: str | None
    results: list[ScoreObject]
    current_filters: dict[str, Any]


def _nullable(type_: str, **more: Any) -> dict[str, Any]:
    """Null says no more of a field than its absence does."""
    return {"type": [type_, "null"], **more}


_NOT_NULL = ["string", "number", "boolean", "array", "object"]
_VALUES: dict[str, Any] = {
    "numerical_value": _nullable("number", minimum=-MAX_SCORE, maximum=MAX_SCORE),
    "boolean_value": _nullable("boolean"),
    "categorical_value": {"description": "A list of categories, or one of them"},
    "string_value": {"description": "Text; other values are kept as JSON text"},
    "json_value": {"description": "JSON text, or the value itself"},
}
_PROPERTIES: dict[str, Any] = {
    **_VALUES,
    "explanation": {"description": "Text; numbers and booleans are made text, other values are not carried"},
}
_EVALUATOR = {
    name: _nullable("string", **{**ID_SCHEMA, "maxLength": MAX_KEY_BYTES})
    for name in ("evaluator_id", "evaluator_slug")
}
_SCORER = {"scorer": _nullable("string", **ID_SCHEMA)}


def _one_of(schemas: dict[str, Any]) -> dict[str, Any]:
    """At least one of these fields has to be there, and not null."""
    return {"anyOf": [{"required": [name], "properties": {name: schema}} for name, schema in schemas.items()]}


_IS_NAMED = _one_of({name: {"type": "string", "minLength": 1} for name in _EVALUATOR})
_HAS_VALUE = _one_of({name: {"type": _NOT_NULL} for name in _VALUES})

SCORE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": _EVALUATOR | _PROPERTIES | _SCORER,
    "allOf": [_IS_NAMED, _HAS_VALUE],
    "examples": [{"evaluator_slug": "quality", "numerical_value": 0.9, "explanation": "Right, but long"}],
}
SCORE_OF_LOG_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"log_id": {"type": "string", "minLength": 1, **ID_SCHEMA}, **_EVALUATOR, **_PROPERTIES} | _SCORER,
    "required": ["log_id"],
    "allOf": [_IS_NAMED, _HAS_VALUE],
    "examples": [{"log_id": "a1", "evaluator_slug": "quality", "numerical_value": 0.9}],
}
CHANGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Log, evaluator and scorer stay: where they are named, they must be the score's own",
    "properties": _PROPERTIES,
    "examples": [{"numerical_value": 0.5, "explanation": "Read again"}],
}
REPLACEMENT_SCHEMA: dict[str, Any] = {**CHANGE_SCHEMA, "allOf": [_HAS_VALUE]}

FILTERS_SCHEMA = filters_schema(
    [
        {"field": "evaluator_slug", "operator": "=", "value": "quality"},
        {"field": "numerical_value", "operator": "<", "value": 0.5},
    ],
    {"evaluator_slug": {"operator": "", "value": ["quality"]}, "numerical_value": {"operator": "lt", "value": [0.5]}},
)
