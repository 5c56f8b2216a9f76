"""Wait for the transactions that are writing spans now, in this process or another one."""

import asyncio
import time

from ..store.session import Database, Kind

# Every transaction that writes spans holds this lock on the table from its first trace until it ends.
_WRITERS = """
SELECT virtualtransaction FROM pg_locks
WHERE locktype = 'relation' AND relation = 'traces'::regclass AND mode = 'RowExclusiveLock' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_POLL_S = 0.005


async def wait_for_writers(database: Database) -> None:
    """Return once all transactions that are writing spans now have ended, or no write may take that long."""
    waited_for = await _writers(database)
    deadline = time.monotonic() + database.timeouts.write_s
    while waited_for and time.monotonic() < deadline:
        await asyncio.sleep(_POLL_S)
        waited_for &= await _writers(database)


async def _writers(database: Database) -> set[str]:
    async with database.transaction(Kind.READ) as tx:
        return {row["virtualtransaction"] for row in await tx.driver.fetch(_WRITERS)}
