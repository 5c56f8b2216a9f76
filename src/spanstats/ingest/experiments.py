"""Experiments as a write sees them: made to exist by being named, and held against deletion until the write commits."""

from collections.abc import Collection

from ..store.session import Driver
from ..store.spans import columns

# KEY SHARE: any number of writers at once, but a deletion (which locks the row FOR UPDATE) waits for all of them.
_HOLD_NAMED = """
SELECT e.tenant_id, e.id, e.key FROM unnest($1::int[], $2::text[]) AS k(tenant_id, id)
JOIN experiments e ON e.tenant_id = k.tenant_id AND e.id = k.id AND e.deleted_at IS NULL
FOR KEY SHARE OF e
"""

_NAME = """
INSERT INTO experiments (tenant_id, id)
SELECT u.tenant_id, u.id FROM unnest($1::int[], $2::text[]) AS u(tenant_id, id) ORDER BY u.tenant_id, u.id COLLATE "C"
ON CONFLICT (tenant_id, id) WHERE deleted_at IS NULL DO NOTHING
"""

_HOLD = "SELECT key FROM experiments WHERE key = ANY($1::bigint[]) AND deleted_at IS NULL FOR KEY SHARE"

Named = tuple[int, str]


async def hold_named(driver: Driver, named: Collection[Named]) -> dict[Named, int]:
    """(tenant, experiment id) -> key, each made to exist if it did not, and held."""
    held: dict[Named, int] = {}
    missing = sorted(named)
    while missing:
        held |= {(r["tenant_id"], r["id"]): r["key"] for r in await driver.fetch(_HOLD_NAMED, *columns(missing))}
        missing = [n for n in missing if n not in held]
        if missing:
            await driver.execute(_NAME, *columns(missing))
    return held


async def hold(driver: Driver, keys: Collection[int]) -> set[int]:
    """Those of the experiments that are not deleted, held."""
    return {r["key"] for r in await driver.fetch(_HOLD, list(keys))} if keys else set()
