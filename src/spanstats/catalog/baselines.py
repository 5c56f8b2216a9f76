"""What a run is compared with where a request names none: the baseline of the experiment, else of its project."""

from typing import Any

from sqlalchemy import select, update

from ..domain.keys import TenantId
from ..domain.values import is_clean
from ..errors import NotFound, invalid
from ..filters.experiment_fields import BASELINE
from ..store.session import Database, Kind, Transaction
from ..store.tables import experiments, projects


async def of_experiment(database: Database, tenant_id: TenantId, experiment_id: str) -> str | None:
    """The id of the baseline, `None` where none is set or it is the experiment itself. Raises `NotFound`."""
    async with database.transaction(Kind.READ) as tx:
        row = await _find(tx, tenant_id, experiment_id)
    baseline: str | None = row.baseline
    return baseline


async def set_baseline(
    database: Database, tenant_id: TenantId, experiment_id: str, baseline: str | None, *, project: bool
) -> None:
    """Set or take away the baseline of the experiment, or with `project` that of all experiments of its project.

    Raises `NotFound` where there is no such experiment or baseline, `InvalidInput` where the experiment has no project,
    `Unavailable`.
    """
    e, p = experiments.c, projects.c
    async with database.transaction(Kind.WRITE) as tx:
        row = await _find(tx, tenant_id, experiment_id)
        if baseline is not None:
            await _find(tx, tenant_id, baseline, "baseline: ")
        if not project:
            await tx.connection.execute(update(experiments).where(e.key == row.key).values(baseline=baseline))
            return
        if row.project_id is None:
            raise invalid("this experiment belongs to no project", "body", "project")
        change = update(projects).where(p.tenant_id == tenant_id, p.id == row.project_id)
        await tx.connection.execute(change.values(baseline=baseline))


async def _find(tx: Transaction, tenant_id: TenantId, experiment_id: str, at: str = "") -> Any:
    """The key, project and baseline of an experiment. Raises `NotFound`, which says `at` what it was named."""
    e = experiments.c
    if is_clean(experiment_id):
        the_one = e.tenant_id == tenant_id, e.id == experiment_id, e.deleted_at.is_(None)
        baselines = select(e.key, e.project_id, BASELINE.label("baseline")).where(*the_one)
        row = (await tx.connection.execute(baselines)).one_or_none()
        if row is not None:
            return row
    raise NotFound(f"{at}experiment {experiment_id} not found")
