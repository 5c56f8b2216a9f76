"""The fields of experiments."""

from sqlalchemy import case, func, select

from ..store.sql_types import SqlValue
from ..store.tables import experiments, projects
from .field_types import FieldType
from .fields import FieldTable, Plain, RowField
from .json_sql import constant, json_member
from .score_fields import no_scores

_COLUMNS = experiments.c

NAME: SqlValue = func.coalesce(_COLUMNS.name, _COLUMNS.id)
"""An experiment that was never named has its id as name."""
STATUS: SqlValue = func.coalesce(
    _COLUMNS.status, case((_COLUMNS.created, constant("pending")), else_=constant("running")), type_=_COLUMNS.name.type
)
_OF_PROJECT = (
    select(projects.c.baseline)
    .where(projects.c.tenant_id == _COLUMNS.tenant_id, projects.c.id == _COLUMNS.project_id)
    .correlate(experiments)
    .scalar_subquery()
)
BASELINE: SqlValue = func.coalesce(
    func.nullif(_COLUMNS.baseline, _COLUMNS.id), func.nullif(_OF_PROJECT, _COLUMNS.id), type_=_COLUMNS.id.type
)
"""What a comparison is with that names no base: its own baseline, else that of its project; no run is its own."""


def _field(type_: FieldType, value: SqlValue) -> RowField:
    return RowField(value=Plain(type_, value))


def _defined(name: str) -> RowField:
    return _field(FieldType.TEXT, json_member(_COLUMNS.definition.op("->")(constant("defined")), constant(name)))


EXPERIMENTS = FieldTable(
    fields={
        "id": _field(FieldType.TEXT, _COLUMNS.id),
        "name": _field(FieldType.TEXT, NAME),
        "status": _field(FieldType.TEXT, STATUS),
        "created_at": _field(FieldType.TIME, _COLUMNS.created_at),
        "started_at": _field(FieldType.TIME, _COLUMNS.started_at),
        "completed_at": _field(FieldType.TIME, _COLUMNS.finished_at),
        **{name: _defined(name) for name in ("description", "dataset_id", "dataset_name")},
    },
    scores=no_scores,
)
"""Filters over rows of `experiments`."""
