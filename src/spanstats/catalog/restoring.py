"""Restore the experiment of an archive, with the names of its project and of its evaluators."""

from collections.abc import Sequence

import asyncpg
import msgspec

from ..domain.archive import Evaluator, Experiment
from ..domain.keys import ExperimentKey, TenantId
from ..errors import Conflict
from ..store.session import Database, Kind, Timeouts
from ..store.spans import columns

_TIMEOUTS = Timeouts(60, 60)

_PROJECT = """
INSERT INTO projects (tenant_id, id, name) VALUES ($1, gen_random_uuid()::text, $2)
ON CONFLICT (tenant_id, name) DO UPDATE SET name = excluded.name RETURNING id
"""
# One that is only named by spans is taken over; one of the same making was imported before.
_EXPERIMENT = """
INSERT INTO experiments AS e (tenant_id, id, created, created_at, project_id, name, run_name, run_key, status, metadata,
    definition, dataset_stats, started_at, finished_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (tenant_id, id) WHERE deleted_at IS NULL DO UPDATE SET created = excluded.created,
    created_at = excluded.created_at, project_id = excluded.project_id, name = excluded.name,
    run_name = excluded.run_name, run_key = excluded.run_key, status = excluded.status, metadata = excluded.metadata,
    definition = excluded.definition, dataset_stats = excluded.dataset_stats, started_at = excluded.started_at,
    finished_at = excluded.finished_at
WHERE NOT e.created OR e.created_at = excluded.created_at
RETURNING key
"""
_EVALUATORS = """
INSERT INTO evaluators (tenant_id, key, id, slug, name, value_type)
SELECT $1, u.* FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    AS u(key, id, slug, name, value_type)
ORDER BY u.key COLLATE "C" ON CONFLICT (tenant_id, key) DO NOTHING
"""


async def restore_experiment(
    database: Database, tenant_id: TenantId, experiment: Experiment, evaluators: Sequence[Evaluator]
) -> ExperimentKey:
    """Define the experiment and name its evaluators; its key. Raises `Conflict` where another has its id or run name.

    The same archive may be restored again.
    """
    e = experiment
    try:
        async with database.with_timeouts(_TIMEOUTS).transaction(Kind.WRITE) as tx:
            project = None if e.project is None else await tx.driver.fetchval(_PROJECT, tenant_id, e.project)
            about = (e.name, e.run_name, e.run_key, e.status, *map(_json, (e.metadata, e.definition, e.dataset_stats)))
            values = (tenant_id, e.id, e.created, e.created_us, project, *about, e.started_us, e.finished_us)
            key: ExperimentKey | None = await tx.driver.fetchval(_EXPERIMENT, *values)
            evaluator_rows = [(v.key, v.id, v.slug, v.name, v.value_type) for v in evaluators]
            if evaluator_rows:
                await tx.driver.execute(_EVALUATORS, tenant_id, *columns(evaluator_rows))
    except asyncpg.UniqueViolationError:
        raise Conflict(f"Run name {e.run_name} is already used in experiment {e.name}") from None
    if key is None:
        raise Conflict(f"Experiment {e.id} exists already")
    return key


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
