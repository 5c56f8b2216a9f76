"""Posted scores as they are described to clients."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ...domain.values import MAX_SCORE

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
    """A posted score."""

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


_PROPERTIES: dict[str, Any] = {
    "evaluator_id": {"type": "string"},
    "evaluator_slug": {"type": "string"},
    "numerical_value": {"type": "number", "minimum": -MAX_SCORE, "maximum": MAX_SCORE},
    "boolean_value": {"type": "boolean"},
    "categorical_value": {"type": "array", "items": {"type": "string"}},
    "string_value": {"type": "string"},
    "json_value": {"type": "string"},
    "explanation": {"type": "string"},
    "scorer": {"type": "string"},
}
SCORE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": _PROPERTIES,
    "examples": [{"evaluator_slug": "quality", "numerical_value": 0.9, "explanation": "Right, but long"}],
}
SCORE_OF_LOG_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"log_id": {"type": "string"}, **_PROPERTIES},
    "required": ["log_id"],
    "examples": [{"log_id": "a1", "evaluator_slug": "quality", "numerical_value": 0.9}],
}
CHANGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": _PROPERTIES,
    "examples": [{"numerical_value": 0.5, "explanation": "Read again"}],
}
