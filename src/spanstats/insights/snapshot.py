"""One state of the store for all of an answer: what it says comes from one transaction, and the answer says of when."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, select

from ..domain.keys import ExperimentKey, TenantId
from ..domain.values import is_clean
from ..errors import NotFound, Unavailable
from ..filters.experiment_fields import BASELINE, NAME, STATUS
from ..store.session import Database, Kind, Transaction
from ..store.tables import experiments, projects


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment as answers describe it. Times are microseconds since 1970."""

    key: ExperimentKey
    id: str
    project_id: str | None
    project: str | None
    name: str
    run_name: str | None
    status: str
    metadata: dict[str, Any] | None
    dataset_stats: list[dict[str, Any]] | None
    created_at: int
    started_at: int | None
    finished_at: int | None
    baseline: str | None


_c = experiments.c
_PROJECT = (
    select(projects.c.name)
    .where(projects.c.tenant_id == _c.tenant_id, projects.c.id == _c.project_id)
    .correlate(experiments)
    .scalar_subquery()
)
_COMPUTED: dict[str, ColumnElement[Any]] = {"project": _PROJECT, "name": NAME, "status": STATUS, "baseline": BASELINE}
_NAMES = [field.name for field in fields(Experiment)]
COLUMNS: list[ColumnElement[Any]] = [_COMPUTED[name] if name in _COMPUTED else _c[name] for name in _NAMES]
"""Of `experiments`, as `Experiment` has them."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An open transaction and the time of its state, microseconds since 1970."""

    tx: Transaction
    tenant_id: TenantId
    as_of: int

    async def experiment(self, experiment_id: str) -> Experiment:
        """The tenant's experiment of this id. Raises `NotFound`, which names it."""
        storable_id = experiment_id if is_clean(experiment_id) else ""
        the_one = _c.tenant_id == self.tenant_id, _c.id == storable_id, _c.deleted_at.is_(None)
        row = (await self.tx.connection.execute(select(*COLUMNS).where(*the_one))).one_or_none()
        if row is None:
            raise NotFound(f"Experiment {experiment_id[:100]!r} not found")
        return Experiment(*row)


@asynccontextmanager
async def snapshot(database: Database, tenant_id: TenantId, *, bounded: bool = True) -> AsyncIterator[Snapshot]:
    """A snapshot that the whole answer is made of, if `bounded` for no longer than one statement may take.

    Statements that depend on a filter or an order need `plan_for_values` before them.
    Raises `Unavailable` where the database is away or the answer takes longer.
    """
    try:
        bound = (database.timeouts.read_s or None) if bounded else None
        async with asyncio.timeout(bound), database.transaction(Kind.FIXED) as tx:
            yield Snapshot(tx, tenant_id, await tx.as_of())
    except TimeoutError:
        raise Unavailable("the answer took longer than this service allows: narrow the window or filter") from None
