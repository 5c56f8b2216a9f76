"""Experiments: found by their id, and finished."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, update

from ..domain.keys import ExperimentKey, TenantId
from ..domain.values import is_clean
from ..errors import NotFound
from ..store.repeating import repeated
from ..store.session import Database, Kind
from ..store.tables import experiments


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment; `key` is the store's, `id` the client's. Times are microseconds since 1970."""

    key: ExperimentKey
    id: str
    created: bool
    project_id: str | None
    name: str | None
    run_name: str | None
    status: str | None
    metadata: dict[str, Any] | None
    definition: dict[str, Any] | None
    dataset_stats: list[dict[str, Any]] | None
    created_at: int
    finished_at: int | None


COLUMNS = [experiments.c[name] for name in Experiment.__dataclass_fields__]
"""The columns of an `Experiment`, in its order."""

_FIND = f"""
SELECT {", ".join(Experiment.__dataclass_fields__)} FROM experiments
WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL
"""


async def find(database: Database, tenant_id: TenantId, experiment_id: str) -> Experiment | None:
    """The tenant's experiment of this id, created or only named by a span. Raises `Unavailable`."""
    if not is_clean(experiment_id):
        return None
    row = await database.row(_FIND, tenant_id, experiment_id)
    return None if row is None else Experiment(*row)


async def get(database: Database, tenant_id: TenantId, experiment_id: str) -> Experiment:
    """As `find`. Raises `NotFound`, the same for another tenant's experiment as for one that never was."""
    experiment = await find(database, tenant_id, experiment_id)
    if experiment is None:
        raise NotFound("Experiment not found")
    return experiment


@repeated
async def finish(
    database: Database,
    tenant_id: TenantId,
    experiment_id: str,
    status: str,
    dataset_stats: list[dict[str, Any]],
) -> Experiment:
    """Note how a run ended; a repeat replaces the note of the one before. Raises `NotFound`, `Unavailable`."""
    if not is_clean(experiment_id):
        raise NotFound("Experiment not found")
    change = (
        update(experiments)
        .where(is_the_one(tenant_id, experiment_id))
        .values(status=status, dataset_stats=dataset_stats, finished_at=func.now())
        .returning(*COLUMNS)
    )
    async with database.transaction(Kind.WRITE) as tx:
        row = (await tx.connection.execute(change)).one_or_none()
    if row is None:
        raise NotFound("Experiment not found")
    return Experiment(*row)


def is_the_one(tenant_id: TenantId, experiment_id: str) -> ColumnElement[bool]:
    """The row of the tenant's experiment of this id, which must be clean."""
    return and_(
        experiments.c.tenant_id == tenant_id,
        experiments.c.id == experiment_id,
        experiments.c.deleted_at.is_(None),
    )
