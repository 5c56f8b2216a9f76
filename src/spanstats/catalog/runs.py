"""Runs: experiments that a client creates under a project."""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import Interval, Select, and_, cast, exists, func, insert, literal, null, select

from ..domain.keys import TenantId
from ..errors import Conflict
from ..store.repeating import repeated
from ..store.session import Database, Kind, Transaction
from ..store.tables import experiments, traces
from .experiments import COLUMNS, Experiment

RETRY_WINDOW_S = 60
"""So long an identical creation counts as a retry whose first answer was lost."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that a client asks for; its name is unique among the runs of one name in a project."""

    project_id: str
    name: str
    run_name: str | None
    metadata: dict[str, Any] | None
    is_public: bool = False

    def digest(self) -> str:
        """The same for the same request."""
        return _digest(self.project_id, self.name, self.run_name, self.metadata, self.is_public)


def _digest(*parts: object) -> str:
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()


@repeated
async def create_run(database: Database, tenant_id: TenantId, created_by: int, run: NewRun) -> Experiment:
    """A new experiment, or the one that an identical request of the same API key has just created.

    It is a retry within 60 s, as long as the experiment has no traces and is not finished. Raises `Conflict` where the
    run name is in use, `Unavailable`.
    """
    digest = run.digest()
    async with database.transaction(Kind.WRITE) as tx:
        await _queue_up(tx, tenant_id, run)
        previous = (await tx.connection.execute(_previous(tenant_id, created_by, run, digest))).one_or_none()
        if previous is None:
            return await _insert(tx, tenant_id, created_by, run, digest)
    *columns, is_retry = previous
    if not is_retry:
        raise Conflict(f"Run name {run.run_name} is already used in experiment {run.name}")
    return Experiment(*columns)


async def _queue_up(tx: Transaction, tenant_id: TenantId, run: NewRun) -> None:
    """One after another for creations that could meet: those of one run name, or without one of one name."""
    lock = int(_digest("experiment", tenant_id, run.project_id, run.name, run.run_name)[:15], 16)
    await tx.connection.execute(select(func.pg_advisory_xact_lock(lock)))


def _previous(tenant_id: TenantId, created_by: int, run: NewRun, digest: str) -> Select[Any]:
    """What this creation could repeat: the run of its name, or without one a recent run of the same request."""
    untouched = and_(
        experiments.c.created_by == created_by,
        experiments.c.definition["request"].astext == digest,
        experiments.c.created_at > func.now() - cast(literal(f"{RETRY_WINDOW_S} s"), Interval),
        experiments.c.finished_at.is_(None),
        ~exists().where(traces.c.experiment_key == experiments.c.key),
    )
    return (
        select(*COLUMNS, untouched)
        .where(experiments.c.tenant_id == tenant_id, experiments.c.project_id == run.project_id)
        .where(untouched if run.run_name is None else experiments.c.run_key == _run_key(run.name, run.run_name))
        .where(experiments.c.deleted_at.is_(None))
        .order_by(experiments.c.key.desc())
        .limit(1)
    )


def _run_key(name: str, run_name: str) -> str:
    """Of fixed length, since names may be longer than an index row."""
    return _digest(name, run_name)


async def _insert(tx: Transaction, tenant_id: TenantId, created_by: int, run: NewRun, digest: str) -> Experiment:
    run_name = run.run_name or f"run-{uuid4().hex[:12]}"
    values = {
        "tenant_id": tenant_id,
        "id": str(uuid4()),
        "created": True,
        "project_id": run.project_id,
        "name": run.name,
        "run_name": run_name,
        "run_key": _run_key(run.name, run_name),
        "created_by": created_by,
        "status": "running",
        "metadata": null() if run.metadata is None else run.metadata,
        "definition": {"is_public": run.is_public, "request": digest},
    }
    row = (await tx.connection.execute(insert(experiments).values(values).returning(*COLUMNS))).one()
    return Experiment(*row)
