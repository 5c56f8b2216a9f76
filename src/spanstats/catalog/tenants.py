"""Tenants: deleted with everything that is theirs."""

import asyncio
from collections.abc import AsyncGenerator

from ..domain.keys import TenantId, TraceKey
from ..errors import Conflict, NotFound
from ..store.cache_tables import CACHES, LOCK
from ..store.session import Database, Kind, Timeouts
from .retention import TRACES_AT_A_TIME, erase

_TIMEOUTS = Timeouts(60, 600)
_EVER = 2**62
# Workers remember a key for a second, and may still have its writes to do.
_LAST_WRITES_S = 2.0

_IS_MOVING = "SELECT EXISTS (SELECT 1 FROM tenant_moves WHERE tenant_id = $1)"
_REVOKE = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE tenant_id = $1"
_TRACES = "SELECT trace_id FROM traces WHERE tenant_id = $1 LIMIT $2"
_OF_EXPERIMENTS = "DELETE FROM {} WHERE experiment_key IN (SELECT key FROM experiments WHERE tenant_id = $1)"
_REST = (
    *(_OF_EXPERIMENTS.format(table) for table in CACHES),
    "DELETE FROM test_cases WHERE dataset_id IN (SELECT id FROM datasets WHERE tenant_id = $1)",
    *(
        f"DELETE FROM {table} WHERE tenant_id = $1"
        for table in ("datasets", "early_scores", "patches", "evaluators", "experiments", "projects")
    ),
)
_LAST = "DELETE FROM api_keys WHERE tenant_id = $1", "DELETE FROM tenants WHERE id = $1"


async def delete_trace(database: Database, tenant_id: TenantId, trace_id: str) -> None:
    """Erase a trace with its spans, scores and payloads; sums follow at once. Raises `NotFound`, `Unavailable`."""
    if not await erase(database, [TraceKey(tenant_id, trace_id)], _EVER):
        raise NotFound(f"There is no trace {trace_id}")


async def delete(directory: Database, database: Database, tenant_id: TenantId) -> AsyncGenerator[int, None]:
    """Revoke the tenant's keys, erase its traces, then all else; yields how many traces after each transaction.

    `directory` has the keys, `database` everything else of the tenant. Can be repeated after an interruption. Raises
    `Conflict` where the tenant is being moved, and `Unavailable`.
    """
    async with directory.with_timeouts(_TIMEOUTS).transaction(Kind.WRITE) as tx:
        if await tx.driver.fetchval(_IS_MOVING, tenant_id):
            raise Conflict("the tenant is being moved to another shard: end that first (`spanstats tenants move`)")
        await tx.driver.execute(_REVOKE, tenant_id)
    await asyncio.sleep(_LAST_WRITES_S)
    async for erased in erase_all(database, tenant_id):
        yield erased
    async with directory.with_timeouts(_TIMEOUTS).transaction(Kind.WRITE) as tx:
        for statement in _LAST:
            await tx.driver.execute(statement, tenant_id)


async def erase_all(database: Database, tenant_id: TenantId) -> AsyncGenerator[int, None]:
    """Erase what a tenant that writes no more has in its shard; yields how many traces after each transaction.

    Can be repeated after an interruption. Raises `Unavailable`.
    """
    while keys := await _some(database, tenant_id):
        yield await erase(database, keys, _EVER)
    async with database.with_timeouts(_TIMEOUTS).transaction(Kind.CACHES) as tx:
        await tx.driver.execute(LOCK)
        for statement in _REST:
            await tx.driver.execute(statement, tenant_id)


async def _some(database: Database, tenant_id: TenantId) -> list[TraceKey]:
    async with database.with_timeouts(_TIMEOUTS).transaction(Kind.READ) as tx:
        rows = await tx.driver.fetch(_TRACES, tenant_id, TRACES_AT_A_TIME)
    return [TraceKey(tenant_id, row["trace_id"]) for row in rows]
