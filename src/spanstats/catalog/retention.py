"""Traces that are older than is wanted, erased for good in small transactions; what is left stays exact.

Nothing is remembered between transactions, so a run that was stopped goes on where it was. Locks are those of the
writers, in their order: traces by key.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Collection

from ..domain.keys import TenantId, TraceKey
from ..metrics import PRUNED
from ..store.background import outlasting, turn
from ..store.by_key import has_id
from ..store.erase import OverrideVersion, delete_overrides, erase_spans, erase_traces, read_overrides
from ..store.session import Database, Driver, Kind, Timeouts
from ..store.spans import columns
from ..store.tables import every_span_with

log = logging.getLogger(__name__)

DAY_US = 86_400_000_000
TRACES_AT_A_TIME = 500
# Found with one scan, erased in several transactions.
_FOUND_AT_A_TIME = 50_000
_EVERY_S = 300.0
# A scan of a large table may take long; no request waits for it.
_TIMEOUTS = Timeouts(read_s=600, write_s=60)

_COUNT = "SELECT count(*) FROM traces WHERE start_time < $1 AND ($2::int IS NULL OR tenant_id = $2)"
_FIND = """
SELECT tenant_id, trace_id, experiment_key, start_time FROM traces
WHERE start_time < $1 AND ($2::int IS NULL OR tenant_id = $2) LIMIT $3
"""
# A trace that a late root made younger meanwhile is left alone.
_LOCK = """
SELECT t.tenant_id, t.trace_id, t.experiment_key, t.start_time
FROM unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)
JOIN traces t ON t.tenant_id = k.tenant_id AND t.trace_id = k.trace_id
WHERE t.start_time < $3 ORDER BY t.tenant_id, t.trace_id FOR UPDATE OF t
"""
_INVALIDATE = """
INSERT INTO rollup_marks (experiment_key, minute)
SELECT DISTINCT k, date_trunc('minute', t, 'UTC') FROM unnest($1::bigint[], $2::timestamptz[]) AS u(k, t)
WHERE k IS NOT NULL
"""
# Of spans that never came, or are gone.
_FORGET_PATCHES = f"""
DELETE FROM patches p WHERE trace_id = '' AND changed_at < $1 AND ($2::int IS NULL OR tenant_id = $2)
    AND NOT EXISTS (SELECT 1 FROM {every_span_with()} s WHERE {has_id("p.tenant_id", "p.span_id")})
"""
_FORGET_SCORES = "DELETE FROM early_scores WHERE created_at < $1 AND ($2::int IS NULL OR tenant_id = $2)"


async def count_older(database: Database, before_us: int, tenant_id: TenantId | None = None) -> int:
    """How many traces began before this time, of one tenant or of all. Raises `Unavailable`."""
    async with database.with_timeouts(_TIMEOUTS).transaction(Kind.READ) as tx:
        return int(await tx.driver.fetchval(_COUNT, before_us, tenant_id))


async def prune(database: Database, before_us: int, tenant_id: TenantId | None = None) -> AsyncGenerator[int, None]:
    """Erase the traces that began before this time, microseconds since 1970; yields how many after each transaction.

    Experiments stay, without them. Raises `Unavailable`.
    """
    while keys := await _find(database, before_us, tenant_id):
        erased = 0
        for start in range(0, len(keys), TRACES_AT_A_TIME):
            gone = await erase(database, keys[start : start + TRACES_AT_A_TIME], before_us)
            erased += gone
            yield gone
        if not erased:
            break
    async with database.with_timeouts(_TIMEOUTS).transaction(Kind.WRITE) as tx:
        await tx.driver.execute(_FORGET_PATCHES, before_us, tenant_id)
        await tx.driver.execute(_FORGET_SCORES, before_us, tenant_id)


async def _find(database: Database, before_us: int, tenant_id: TenantId | None) -> list[TraceKey]:
    async with database.with_timeouts(_TIMEOUTS).transaction(Kind.READ) as tx:
        rows = await tx.driver.fetch(_FIND, before_us, tenant_id, _FOUND_AT_A_TIME)
    # Neighbours in time go together: a minute is invalidated, and its rollups are refreshed, once, not with every step.
    rows.sort(key=lambda row: (row["experiment_key"] or 0, row["start_time"]))
    return [TraceKey(row["tenant_id"], row["trace_id"]) for row in rows]


async def erase(database: Database, keys: Collection[TraceKey], before_us: int) -> int:
    """Erase those of the traces that exist and began before this time, in one transaction; how many there were.

    The patches of their spans follow in the next.
    """
    async with database.with_timeouts(_TIMEOUTS).transaction(Kind.WRITE) as tx:
        erased, patches = await _erase(tx.driver, keys, before_us)
    if patches:
        async with database.with_timeouts(_TIMEOUTS).transaction(Kind.WRITE) as tx:
            await delete_overrides(tx.driver, patches)
    return erased


async def _erase(driver: Driver, keys: Collection[TraceKey], before_us: int) -> tuple[int, list[OverrideVersion]]:
    rows = await driver.fetch(_LOCK, *columns(keys), before_us)
    locked = [TraceKey(r["tenant_id"], r["trace_id"]) for r in rows]
    patches = await read_overrides(driver, locked)
    await erase_spans(driver, locked)
    await erase_traces(driver, locked)
    if rows:
        await driver.execute(_INVALIDATE, *columns([(r["experiment_key"], r["start_time"]) for r in rows]))
    return len(rows), patches


async def keep_pruned(database: Database, age_us: int, every_s: float = _EVERY_S) -> None:
    """Run for ever, in one process at a time; an outage is waited out."""
    while True:
        with outlasting(log, "old traces wait: %s", "old traces could not be erased"):
            await _prune_in_turn(database, age_us)
        await asyncio.sleep(every_s)


async def _prune_in_turn(database: Database, age_us: int) -> None:
    total = 0
    async with turn(database, "retention") as is_ours:
        if is_ours:
            async for gone in prune(database, time.time_ns() // 1000 - age_us):
                PRUNED.inc(gone)
                total += gone
    if total:
        log.info("erased %d traces for their age", total)
