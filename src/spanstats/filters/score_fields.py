"""The fields of standalone scores."""

from ..errors import invalid
from ..store.tables import scores
from .field_types import FieldType
from .fields import Field, FieldTable, Plain, RowField
from .json_sql import constant, json_member


def _column(type_: FieldType, name: str) -> RowField:
    return RowField(value=Plain(type_, scores.c[name]))


def _detail(name: str) -> RowField:
    return RowField(value=Plain(FieldType.TEXT, json_member(scores.c.details, constant(name))))


def no_scores(_keys: frozenset[str]) -> Field:
    """The scores of rows that have none: refuses `scores__<evaluator>`. Raises `InvalidInput`."""
    raise invalid("scores__ is no field here", "body", "filters", code="unknown_field")


SCORES = FieldTable(
    fields={
        "id": _column(FieldType.TEXT, "id"),
        "log_id": _column(FieldType.TEXT, "log_id"),
        "trace_unique_id": _column(FieldType.TEXT, "trace_id"),
        "span_unique_id": _column(FieldType.TEXT, "span_id"),
        "evaluator_id": _column(FieldType.TEXT, "evaluator_id"),
        "evaluator_slug": _column(FieldType.TEXT, "slug"),
        "evaluator_name": _column(FieldType.TEXT, "name"),
        "scorer": _column(FieldType.TEXT, "scorer"),
        "score_value_type": _column(FieldType.TEXT, "value_type"),
        "numerical_value": _column(FieldType.REAL, "value"),
        "string_value": _column(FieldType.TEXT, "text"),
        "explanation": _column(FieldType.TEXT, "reason"),
        "created_at": _column(FieldType.TIME, "created_at"),
        **{name: _detail(name) for name in ("environment", "type", "prompt_id", "dataset_id", "automation_id")},
    },
    scores=no_scores,
)
"""Filters over rows of `scores`."""
