"""The fields of experiments."""

from sqlalchemy import case, func

from ..store.tables import experiments
from .fields import Column, FieldSpec, FieldTable, json_member, known
from .kinds import Kind
from .score_fields import no_scores

_COLUMNS = experiments.c

NAME: Column = func.coalesce(_COLUMNS.name, _COLUMNS.id)
"""An experiment that was never named goes by its id."""
STATUS: Column = func.coalesce(
    _COLUMNS.status, case((_COLUMNS.created, known("pending")), else_=known("running")), type_=_COLUMNS.name.type
)


def _field(kind: Kind, value: Column) -> FieldSpec:
    return FieldSpec(kind=kind, value=value, table=experiments)


def _said(name: str) -> FieldSpec:
    return _field(Kind.TEXT, json_member(_COLUMNS.definition.op("->")(known("defined")), known(name)))


EXPERIMENTS = FieldTable(
    fields={
        "id": _field(Kind.TEXT, _COLUMNS.id),
        "name": _field(Kind.TEXT, NAME),
        "status": _field(Kind.TEXT, STATUS),
        "created_at": _field(Kind.TIME, _COLUMNS.created_at),
        "started_at": _field(Kind.TIME, _COLUMNS.started_at),
        "completed_at": _field(Kind.TIME, _COLUMNS.finished_at),
        **{name: _said(name) for name in ("description", "dataset_id", "dataset_name")},
    },
    scores=no_scores,
)
"""Filters over rows of `experiments`."""
