"""What a run is compared with where a request names none: the baseline of the experiment, else of its project."""

from sqlalchemy import select, update

from ..domain.keys import TenantId
from ..domain.values import is_clean
from ..errors import NotFound, invalid
from ..store.session import Database, Kind
from ..store.tables import experiments, projects


async def of_experiment(database: Database, tenant_id: TenantId, experiment_id: str) -> str | None:
    """The id of the baseline, `None` where none is set or it is the experiment itself. Raises `NotFound`."""
    e, p = experiments.c, projects.c
    of_project = select(p.baseline).where(p.tenant_id == e.tenant_id, p.id == e.project_id).scalar_subquery()
    statement = select(e.baseline, of_project).where(
        e.tenant_id == tenant_id, e.id == experiment_id, e.deleted_at.is_(None)
    )
    row = None
    if is_clean(experiment_id):
        async with database.transaction(Kind.READ) as tx:
            row = (await tx.connection.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(f"experiment {experiment_id} not found")
    return next((found for found in row if found and found != experiment_id), None)


async def set_baseline(
    database: Database, tenant_id: TenantId, experiment_id: str, baseline: str | None, *, project: bool
) -> None:
    """Set or take away the baseline of the experiment, or with `project` that of all experiments of its project.

    Raises `NotFound` where there is no such experiment, `InvalidInput` where it has no project, `Unavailable`.
    """
    e, p = experiments.c, projects.c
    if not is_clean(experiment_id):
        raise NotFound(f"experiment {experiment_id} not found")
    async with database.transaction(Kind.WRITE) as tx:
        found = select(e.key, e.project_id).where(
            e.tenant_id == tenant_id, e.id == experiment_id, e.deleted_at.is_(None)
        )
        row = (await tx.connection.execute(found)).one_or_none()
        if row is None:
            raise NotFound(f"experiment {experiment_id} not found")
        if not project:
            await tx.connection.execute(update(experiments).where(e.key == row.key).values(baseline=baseline))
            return
        if row.project_id is None:
            raise invalid("this experiment belongs to no project", "body", "project")
        change = update(projects).where(p.tenant_id == tenant_id, p.id == row.project_id)
        await tx.connection.execute(change.values(baseline=baseline))
