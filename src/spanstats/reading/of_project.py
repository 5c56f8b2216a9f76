"""Which traces belong to a project."""

from sqlalchemy import ColumnElement, and_, or_, select

from ..domain.keys import TenantId
from ..domain.values import clean
from ..store.tables import experiments, traces


def of_project(tenant_id: TenantId, project_id: str | None, name: str) -> ColumnElement[bool]:
    """Traces that name the project by id or by name; a trace that names none belongs to the project of its
    experiment."""
    named_id, named = traces.c.labels.op("->>")("project_id"), traces.c.labels.op("->>")("project_name")
    by_name = named == clean(name)
    if project_id is None:
        return by_name
    e = experiments.c
    members = select(e.key).where(e.tenant_id == tenant_id, e.project_id == project_id, e.deleted_at.is_(None))
    names_none = and_(named_id.is_(None), named.is_(None))
    return or_(named_id == project_id, by_name, and_(names_none, traces.c.experiment_key.in_(members)))
