"""Write what several requests bring, in one transaction."""

import time
from collections.abc import Sequence

import asyncpg

from ..store.fences import look_to_write
from ..store.repeating import repeated
from ..store.session import Database, Kind
from .batch import Batch, Write, collect
from .standalone import Outcomes
from .tools import Tools
from .transaction import first_lock, write_batch


class GroupWriter:
    """Writes to one database; one per process."""

    def __init__(self, database: Database, tools: Tools, *, may_move: bool) -> None:
        """`may_move`: whether tenants may be moved to another shard meanwhile."""
        self._database = database
        self._tools = tools
        self._may_move = may_move

    async def write(self, writes: Sequence[Write]) -> Outcomes:
        """Write all of it, or nothing.

        Raises `InvalidInput` where the store refuses one of the writes, `Unavailable` where the database is away.
        """
        try:
            return await self._write(writes, may_be_stored=False)
        except asyncpg.UniqueViolationError:
            # Nothing here leaves rows of spans without their trace; a hand in the database may have.
            return await self._write(writes, may_be_stored=True)

    @repeated
    async def _write(self, writes: Sequence[Write], *, may_be_stored: bool) -> Outcomes:
        batch = collect(writes, may_be_stored=may_be_stored)
        async with self._database.transaction(Kind.INGEST, self._first_statements(writes, batch)) as tx:
            written = await write_batch(tx.driver, batch, self._tools, time.time_ns() // 1000)
        self._tools.evaluators.keep(written.evaluators)
        return written.outcomes

    def _first_statements(self, writes: Sequence[Write], batch: Batch) -> str | None:
        """What the transaction begins with: where tenants may be moved, a look whether they live here still."""
        locking = first_lock(batch)
        if not self._may_move:
            return locking
        look = look_to_write(write.tenant_id for write in writes)
        return look if locking is None else f"{look}; {locking}"
