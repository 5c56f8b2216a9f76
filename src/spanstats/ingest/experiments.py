"""Experiments as a write sees them: made to exist by being named, and held against deletion until the write commits."""

from collections.abc import Collection, Mapping, Set

from ..domain.keys import ExperimentKey, NamedExperiment
from ..store.session import Driver
from ..store.spans import columns
from .reading import find

_NAME = """
INSERT INTO experiments (tenant_id, id)
SELECT u.tenant_id, u.id FROM unnest($1::int[], $2::text[]) AS u(tenant_id, id) ORDER BY u.tenant_id, u.id COLLATE "C"
ON CONFLICT (tenant_id, id) WHERE deleted_at IS NULL DO NOTHING
"""

_HOLD = "SELECT key FROM experiments WHERE key = ANY($1::bigint[]) AND deleted_at IS NULL FOR KEY SHARE"


async def hold_named(
    driver: Driver, named: Set[NamedExperiment], held: Mapping[NamedExperiment, ExperimentKey] | None = None
) -> dict[NamedExperiment, ExperimentKey]:
    """The keys of the experiments, each made to exist if it did not, and held; `held` are the keys that are held
    already."""
    keys = dict(held) if held is not None else (await find(driver, (), named))[2]
    while missing := sorted(named - keys.keys()):
        await driver.execute(_NAME, *columns(missing))
        keys |= (await find(driver, (), missing))[2]
    return keys


async def hold(driver: Driver, keys: Collection[ExperimentKey]) -> set[ExperimentKey]:
    """Those of the experiments that are not deleted, held."""
    return {r["key"] for r in await driver.fetch(_HOLD, list(keys))} if keys else set()
