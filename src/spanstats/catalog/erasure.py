"""The traces of deleted experiments are erased in batches, by whichever process comes first, until nothing is left.

Nothing is remembered beside the deleted row itself, so that a process that dies is followed by the next one. No trace
joins a deleted experiment any more: the deletion waited for the writes that held it.
"""

import asyncio
import logging

from ..domain.keys import ExperimentKey, TraceKey
from ..store.background import outlasting
from ..store.cache_tables import CACHES, LOCK
from ..store.erase import OverrideVersion, delete_overrides, erase_spans, erase_traces, read_overrides
from ..store.session import Database, Driver, Kind

log = logging.getLogger(__name__)

TRACES_AT_A_TIME = 500

# Not of a tenant that is being moved: a copy that is not whole yet would grow while it is erased.
_NEXT = """
SELECT key FROM experiments e WHERE deleted_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM tenant_fences f WHERE f.tenant_id = e.tenant_id)
ORDER BY deleted_at, key LIMIT 1 FOR UPDATE SKIP LOCKED
"""
# In key order, as every writer locks them; a trace that left the experiment meanwhile is not there any more.
_TRACES = """
SELECT tenant_id, trace_id, start_time FROM traces WHERE experiment_key = $1
ORDER BY tenant_id, trace_id LIMIT $2 FOR UPDATE
"""
_INVALIDATE = """
INSERT INTO rollup_marks (experiment_key, minute)
SELECT DISTINCT $1::bigint, date_trunc('minute', t, 'UTC') FROM unnest($2::timestamptz[]) AS t
"""
_LAST = (
    *(f"DELETE FROM {table} WHERE experiment_key = $1" for table in CACHES),
    "DELETE FROM experiments WHERE key = $1 AND deleted_at IS NOT NULL",
)


async def erase_some(database: Database, limit: int = TRACES_AT_A_TIME) -> bool:
    """Erase at most `limit` traces of one deleted experiment, or its own rows once no trace is left; whether there was
    one."""
    async with database.transaction(Kind.WRITE) as tx:
        key = await tx.driver.fetchval(_NEXT)
        if key is None:
            return False
        erased, patches = await _erase_traces(tx.driver, key, limit)
    if patches:
        async with database.transaction(Kind.WRITE) as tx:
            await delete_overrides(tx.driver, patches)
    if erased:
        return True
    async with database.transaction(Kind.CACHES) as tx:
        await tx.driver.execute(LOCK)
        for statement in _LAST:
            await tx.driver.execute(statement, key)
    return True


async def _erase_traces(driver: Driver, key: ExperimentKey, limit: int) -> tuple[int, list[OverrideVersion]]:
    rows = await driver.fetch(_TRACES, key, limit)
    keys = [TraceKey(row["tenant_id"], row["trace_id"]) for row in rows]
    patches = await read_overrides(driver, keys)
    await erase_spans(driver, keys)
    await erase_traces(driver, keys)
    if rows:
        await driver.execute(_INVALIDATE, key, [row["start_time"] for row in rows])
    return len(rows), patches


async def keep_erased(database: Database, every_s: float = 1.0) -> None:
    """Run for ever; an outage is waited out."""
    while True:
        with outlasting(log, "deleted experiments wait: %s", "deleted experiments could not be erased"):
            while await erase_some(database):
                pass
        await asyncio.sleep(every_s)
