"""Experiments as Respan's clients define and read them."""

from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from ...catalog.definitions import Defined
from ...domain.values import clean, identifier, iso
from ...errors import InvalidInput, Problem
from ..storable import scrub

_TEXTS = ("description", "dataset", "dataset_id", "dataset_name", "span_workflow_name", "generation_method")
_TEXT_LISTS = ("evaluator_ids", "evaluator_slugs", "evaluator_workflow_ids")
_OBJECT_LISTS = ("workflow", "tags")
_NUMBERS = ("batch_size", "concurrency")
_DEFAULTS: dict[str, Any] = {"batch_size": 100, "concurrency": 15, "enable_tracing": True}

SORTS = {
    "created_at": "created_at",
    "name": "name",
    "status": "status",
    "id": "id",
    "started_at": "started_at",
    "completed_at": "finished_at",
}

_LISTED: dict[str, Any] = {
    "id": "exp_1",
    "name": "Shorter prompt",
    "description": None,
    "status": "pending",
    "dataset": None,
    "dataset_id": "ds_1",
    "dataset_name": None,
    "workflow_count": 1,
    "progress": 0.0,
    "created_at": "2026-01-01T00:00:00+00:00",
    "started_at": None,
    "completed_at": None,
    "tags": [],
}
_DETAILED: dict[str, Any] = _LISTED | {
    "workflow": [{"type": "prompt", "config": {"prompt_id": "p"}}],
    "evaluator_ids": [],
    "evaluator_slugs": ["quality"],
    "evaluator_workflow_ids": [],
    "batch_size": 100,
    "concurrency": 15,
    "enable_tracing": True,
    "error_message": None,
}


class ListedExperiment(BaseModel):
    """An experiment in a list."""

    id: str
    name: str
    description: str | None
    status: str = Field(description="`pending` once created, `running` while only spans name it, or as it was set")
    dataset: str | None
    dataset_id: str | None
    dataset_name: str | None
    workflow_count: int
    progress: float = Field(description="Percent")
    created_at: str
    started_at: str | None
    completed_at: str | None
    tags: list[dict[str, Any]]


class ExperimentObject(ListedExperiment):
    """An experiment with its definition."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DETAILED]})

    workflow: list[dict[str, Any]]
    evaluator_ids: list[str]
    evaluator_slugs: list[str]
    evaluator_workflow_ids: list[str]
    batch_size: int
    concurrency: int
    enable_tracing: bool
    error_message: str | None


class ExperimentList(BaseModel):
    """A page of experiments."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"count": 1, "next": None, "previous": None, "results": [_LISTED], "current_filters": {}}]
        }
    )

    count: int = Field(description="Of all pages")
    next: str | None
    previous: str | None
    results: list[ListedExperiment]
    current_filters: dict[str, Any]


class ExperimentCount(BaseModel):
    """How many experiments match."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"total_count": 12}]})

    total_count: int


_PROPERTIES: dict[str, Any] = {
    "name": {"type": "string"},
    "status": {"type": "string"},
    **{name: {"type": "string"} for name in _TEXTS},
    **{name: {"type": "array", "items": {"type": "string"}} for name in _TEXT_LISTS},
    **{name: {"type": "array", "items": {"type": "object"}} for name in _OBJECT_LISTS},
    **{name: {"type": "integer"} for name in _NUMBERS},
    "enable_tracing": {"type": "boolean"},
}
CREATE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"experiment_id": {"type": "string", "description": "Made where absent"}, **_PROPERTIES},
    "examples": [
        {
            "experiment_id": "exp_1",
            "name": "Shorter prompt",
            "dataset_id": "ds_1",
            "workflow": [{"type": "prompt", "config": {"prompt_id": "p"}}],
            "evaluator_slugs": ["quality"],
        }
    ],
}
CHANGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": _PROPERTIES,
    "examples": [{"name": "Shorter prompt, again", "status": "completed"}],
}


def read_new(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """(id, values) of a new experiment; an id that is absent is made. Raises `InvalidInput`."""
    experiment_id = identifier(body.get("experiment_id"), "experiment_id")
    return experiment_id or uuid4().hex, read_values(body)


def read_values(body: dict[str, Any]) -> dict[str, Any]:
    """What a body says of an experiment; keys that are not known are ignored. Raises `InvalidInput`."""
    said = {**body, "workflow": body.get("workflow", body.get("workflows"))}
    problems = [
        Problem((name,), message, kind)
        for name, value in said.items()
        if value is not None and name in _CHECKS
        for passes, message, kind in (_CHECKS[name],)
        if not passes(value)
    ]
    if problems:
        raise InvalidInput(problems)
    values: dict[str, Any] = scrub({name: said[name] for name in _CHECKS if said.get(name) is not None})
    return values


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_whole(value: Any) -> bool:
    return value.__class__ is int and 0 <= value < 2**31


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


_CHECKS = {
    **dict.fromkeys(("name", "status", *_TEXTS), (_is_text, "must be text", "string_type")),
    **dict.fromkeys(_TEXT_LISTS, (_are_texts, "must be a list of texts", "list_type")),
    **dict.fromkeys(_OBJECT_LISTS, (_are_objects, "must be a list of objects", "list_type")),
    **dict.fromkeys(_NUMBERS, (_is_whole, "must be a whole number", "int_type")),
    "enable_tracing": (_is_flag, "must be true or false", "bool_type"),
}


def listed_experiment(experiment: Defined) -> dict[str, Any]:
    """An experiment as `ListedExperiment` describes it."""
    said = experiment.said
    status = experiment.status or ("pending" if experiment.created else "running")
    return {
        "id": experiment.id,
        "name": clean(experiment.name or experiment.id),
        "description": said.get("description"),
        "status": status,
        "dataset": said.get("dataset"),
        "dataset_id": said.get("dataset_id"),
        "dataset_name": said.get("dataset_name"),
        "workflow_count": len(said.get("workflow", ())),
        "progress": 100.0 if status == "completed" else 0.0,
        "created_at": iso(experiment.created_at),
        "started_at": None if experiment.started_at is None else iso(experiment.started_at),
        "completed_at": None if experiment.finished_at is None else iso(experiment.finished_at),
        "tags": said.get("tags", []),
    }


def experiment_object(experiment: Defined) -> dict[str, Any]:
    """An experiment as `ExperimentObject` describes it."""
    said = experiment.said
    return {
        **listed_experiment(experiment),
        **{name: said.get(name, []) for name in ("workflow", *_TEXT_LISTS)},
        **{name: said.get(name, default) for name, default in _DEFAULTS.items()},
        "error_message": None,
    }
