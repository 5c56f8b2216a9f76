"""The fields of scores that were posted on their own."""

from ..errors import invalid
from ..store.tables import scores
from .fields import FieldSpec, FieldTable, json_member, known
from .kinds import Kind


def _column(kind: Kind, name: str) -> FieldSpec:
    return FieldSpec(kind=kind, value=scores.c[name], table=scores)


def _detail(name: str) -> FieldSpec:
    return FieldSpec(kind=Kind.TEXT, value=json_member(scores.c.details, known(name)), table=scores)


def no_scores(_keys: frozenset[str]) -> FieldSpec:
    """Of rows whose filters know no `scores__<evaluator>`. Raises `InvalidInput`."""
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
