"""Respan's answers and request bodies as they are described to clients."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from ..batch import Batch


class ErrorDetail(BaseModel):
    """One thing wrong with a request: where and what."""

    loc: list[str | int]
    msg: str
    type: str


class ErrorAnswer(BaseModel):
    """What every failure answers; `error` is always text."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": "body.filters.0.field: unknown field colour",
                    "detail": [
                        {"loc": ["body", "filters", 0, "field"], "msg": "unknown field colour", "type": "value_error"}
                    ],
                }
            ]
        }
    )

    error: str
    detail: list[ErrorDetail]


class RejectedSpan(BaseModel):
    """A span that was not stored, by its index in the request."""

    index: int
    error: str


class IngestAnswer(BaseModel):
    """Respan's clients read `message` only."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"message": "1 spans stored", "rejected": [{"index": 1, "error": "cost: must be a number"}]}]
        }
    )

    message: str
    rejected: list[RejectedSpan]


def ingest_answer(batch: Batch) -> IngestAnswer:
    """What became of a batch of flat spans."""
    rejected = [RejectedSpan(index=index, error=str(problem)) for index, problem in batch.rejected]
    return IngestAnswer(message=f"{len(batch.spans)} spans stored", rejected=rejected)


_CONNECTOR = {"type": ["string", "null"], "pattern": r"^(\s*([Aa][Nn][Dd]|[Oo][Rr])\s*)?$", "default": "AND"}
_ITEM: dict[str, Any] = {
    "type": "object",
    "anyOf": [
        {"required": ["field"], "properties": {"field": {"type": "string"}}},
        {"required": ["filter_params"]},
    ],
}


def filters_schema(*examples: Any) -> dict[str, Any]:
    """A body of filters; each example is the value of its `filters`."""
    return {
        "type": ["object", "null"],
        "properties": {
            "filters": {
                "description": (
                    "Conditions by field, or a list of conditions; groups with a connector of their own may be nested. "
                    "A filter only narrows: an unknown field or operator is an error."
                ),
                "anyOf": [{"type": "object"}, {"type": "array", "items": _ITEM}, {"type": "null"}],
            },
            "operator": {**_CONNECTOR, "description": "How the conditions are joined"},
            "connector": {**_CONNECTOR, "description": "Another name of `operator`"},
            "filter_params": {"type": "null", "description": "Belongs below `filters`"},
            "is_exporting": {"description": "Has no effect"},
        },
        "examples": [{"filters": example} for example in examples],
    }


FILTERS_SCHEMA = filters_schema(
    [
        {"field": "status", "operator": "=", "value": "completed"},
        {"field": "total_cost", "operator": ">=", "value": 0.01},
    ],
    {
        "status": {"operator": "", "value": ["success"]},
        "total_cost": [{"operator": "gte", "value": [0.01]}, {"operator": "lt", "value": [1]}],
    },
    {
        "filter_bundle": {
            "connector": "OR",
            "filter_params": {"model": {"value": ["gpt-4o"]}, "metadata__plan": {"value": ["pro"]}},
        }
    },
)
"""Filters of traces, and of spans."""
