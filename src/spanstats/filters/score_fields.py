"""The fields of standalone scores."""

from ..errors import invalid
from ..store.tables import scores
from .fields import Field, FieldTable, Plain, RowField
from .json_sql import constant, json_member
from .kinds import Kind


def _column(kind: Kind, name: str) -> RowField:
    return RowField(value=Plain(kind, scores.c[name]))


def _detail(name: str) -> RowField:
    return RowField(value=Plain(Kind.TEXT, json_member(scores.c.details, constant(name))))


def no_scores(_keys: frozenset[str]) -> Field:
    """The scores of rows that have none: refuses `scores__<evaluator>`. Raises `InvalidInput`."""
    raise invalid("scores__ is no field here", "body", "filters", kind="unknown_field")


SCORES = FieldTable(
    fields={
        "id": _column(Kind.TEXT, "id"),
        "log_id": _column(Kind.TEXT, "log_id"),
        "trace_unique_id": _column(Kind.TEXT, "trace_id"),
        "span_unique_id": _column(Kind.TEXT, "span_id"),
        "evaluator_id": _column(Kind.TEXT, "evaluator_id"),
        "evaluator_slug": _column(Kind.TEXT, "slug"),
        "evaluator_name": _column(Kind.TEXT, "name"),
        "scorer": _column(Kind.TEXT, "scorer"),
        "score_value_type": _column(Kind.TEXT, "value_type"),
        "numerical_value": _column(Kind.REAL, "value"),
        "string_value": _column(Kind.TEXT, "text"),
        "explanation": _column(Kind.TEXT, "reason"),
        "created_at": _column(Kind.TIME, "created_at"),
        **{name: _detail(name) for name in ("environment", "type", "prompt_id", "dataset_id", "automation_id")},
    },
    scores=no_scores,
)
"""Filters over rows of `scores`."""
