"""Experiments as they are described to clients."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..normalize import ID_SCHEMA
from .schema import filters_schema

TEXTS = ("description", "dataset", "dataset_id", "dataset_name", "span_workflow_name", "generation_method")
TEXT_LISTS = ("evaluator_ids", "evaluator_slugs", "evaluator_workflow_ids")
OBJECT_LISTS = ("workflow", "tags")
NUMBERS = ("batch_size", "concurrency")

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


def _nullable(type_: str, **more: Any) -> dict[str, Any]:
    """Null says nothing of a field."""
    return {"type": [type_, "null"], **more}


_PROPERTIES: dict[str, Any] = {
    **{name: _nullable("string") for name in ("name", "status", *TEXTS)},
    **{name: _nullable("array", items={"type": "string"}) for name in TEXT_LISTS},
    **{name: _nullable("array", items={"type": "object"}) for name in OBJECT_LISTS},
    **{name: _nullable("integer", minimum=0, maximum=2**31 - 1) for name in NUMBERS},
    "enable_tracing": _nullable("boolean"),
}
CREATE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "experiment_id": _nullable("string", description="Made where absent or empty", **ID_SCHEMA),
        **_PROPERTIES,
    },
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
FILTERS_SCHEMA = filters_schema(
    [
        {"field": "status", "operator": "=", "value": "completed"},
        {"field": "created_at", "operator": ">=", "value": "2026-01-01T00:00:00Z"},
    ],
    {"name": {"operator": "icontains", "value": ["prompt"]}},
)
