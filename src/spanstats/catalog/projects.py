"""Projects: made to exist by being asked for."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from ..domain.keys import TenantId
from ..domain.values import is_clean
from ..store.repeating import repeated
from ..store.session import Database, Kind
from ..store.tables import projects


@dataclass(frozen=True, slots=True)
class Project:
    """A project as it is answered; `created_us` is microseconds since 1970."""

    id: str
    name: str
    created_us: int
    was_created: bool


_FIND = "SELECT id, name, created_at FROM projects WHERE tenant_id = $1 AND name = $2"


@repeated
async def get_or_create(database: Database, tenant_id: TenantId, name: str) -> Project:
    """The tenant's project of this name; of several callers at once exactly one learns that it created the project.

    Raises `Unavailable`.
    """
    columns = projects.c.id, projects.c.name, projects.c.created_at
    new = insert(projects).values(tenant_id=tenant_id, id=str(uuid4()), name=name)
    by_name = select(*columns).where(projects.c.tenant_id == tenant_id, projects.c.name == name)
    async with database.transaction(Kind.WRITE) as tx:
        # An insert that meets another's waits for its commit, so that the statement after it sees the row.
        new_row = (await tx.connection.execute(new.on_conflict_do_nothing().returning(*columns))).one_or_none()
        row = new_row or (await tx.connection.execute(by_name)).one()
    return _project(row, was_created=new_row is not None)


async def find(database: Database, tenant_id: TenantId, name: str) -> Project | None:
    """The tenant's project of this name, if there is one. Raises `Unavailable`."""
    if not is_clean(name):
        return None
    row = await database.row(_FIND, tenant_id, name)
    return None if row is None else _project(row, was_created=False)


def _project(row: Any, *, was_created: bool) -> Project:
    project_id, name, created_us = row
    return Project(project_id, name, created_us, was_created)
