"""Which traces belong to a project."""

from sqlalchemy import ColumnElement, and_, or_, select

from ..domain.keys import TenantId
from ..domain.values import clean
from ..store.tables import experiments, traces


def of_project(tenant_id: TenantId, project_id: str | None, name: str) -> ColumnElement[bool]:
    """Traces that name the project by id or by name; a trace that names none belongs to the project of its
    experiment."""
    id_of_trace, name_of_trace = traces.c.labels.op("->>")("project_id"), traces.c.labels.op("->>")("project_name")
    by_name = name_of_trace == clean(name)
    if project_id is None:
        return by_name
    e = experiments.c
    members = select(e.key).where(e.tenant_id == tenant_id, e.project_id == project_id, e.deleted_at.is_(None))
    names_none = and_(id_of_trace.is_(None), name_of_trace.is_(None))
    return or_(id_of_trace == project_id, by_name, and_(names_none, traces.c.experiment_key.in_(members)))
