"""Experiments in a write: inserted when a span first names them, and locked against deletion until the commit."""

from collections.abc import Collection, Mapping, Set

from ..domain.keys import ExperimentKey, NamedExperiment
from ..store.session import Driver
from ..store.spans import columns
from .identities import identify_and_lock

_INSERT = """
INSERT INTO experiments (tenant_id, id)
SELECT u.tenant_id, u.id FROM unnest($1::int[], $2::text[]) AS u(tenant_id, id) ORDER BY u.tenant_id, u.id COLLATE "C"
ON CONFLICT (tenant_id, id) WHERE deleted_at IS NULL DO NOTHING
"""

_LOCK = "SELECT key FROM experiments WHERE key = ANY($1::bigint[]) AND deleted_at IS NULL FOR KEY SHARE"


async def lock_or_insert_experiments(
    driver: Driver, names: Set[NamedExperiment], locked: Mapping[NamedExperiment, ExperimentKey] | None = None
) -> dict[NamedExperiment, ExperimentKey]:
    """Lock the experiments, inserting ones that do not exist; their keys. `locked` are locked already."""
    keys = dict(locked) if locked is not None else (await identify_and_lock(driver, (), names)).experiments
    while missing := sorted(names - keys.keys()):
        await driver.execute(_INSERT, *columns(missing))
        keys |= (await identify_and_lock(driver, (), missing)).experiments
    return keys


async def lock_experiments(driver: Driver, keys: Collection[ExperimentKey]) -> set[ExperimentKey]:
    """Lock the experiments that are not deleted; their keys."""
    return {r["key"] for r in await driver.fetch(_LOCK, list(keys))} if keys else set()
