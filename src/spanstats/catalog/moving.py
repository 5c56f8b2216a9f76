"""Moving a tenant to another shard: exact at every moment, and resumed wherever it was stopped.

1. The old shard logs what changes; traces are copied in the order of their ids, then patches and catalogs, then what
   was logged, until little is.
2. The tenant's writes are refused, and the rest of the log is copied in one snapshot. Where it is more than a few
   changes, writes go on, and so does the first step.
3. The directory says that the tenant lives in the new shard. The old one refuses reads, the new one takes writes.
4. What is left in the old shard is erased.

The new shard stores how far the copy is, in the transaction that copies. So a process that is killed loses nothing, and
the next call goes on. Until that call:

- after 1, the tenant lives in the old shard and writes there; what changes is logged;
- after 2, the same, as soon as a service sees that no process holds the move (`moves.let_writes_go_on`);
- after 3, the tenant lives in the new shard, which a service opens to its writes in the same way; the rows in the old
  shard stay.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from ..domain.keys import TenantId
from ..errors import Conflict, Unavailable
from ..store.repeating import repeated
from ..store.session import Database, Driver, Kind, Timeouts
from . import copying, move_log, tenants
from .moves import Move, Mover, mover_of, open_in_target, set_fence, shard_of_name
from .placement import home_of

T = TypeVar("T")

_TIMEOUTS = Timeouts(600, 600)
# So little is copied while writes are refused: some hundred milliseconds. The spans are those of one longest trace.
_MOST_LEFT = move_log.Left(changes=5_000, spans=100_000)
# Writes are refused when so few changes are left; some more come until they are.
_FEW = 500
_ROUNDS = 50
_TRIES_TO_CLOSE = 20
# To begin logging takes a lock that every writer would wait behind.
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"
_LOCK_TRIES = 60
_WAIT_S = 600
# Many times what the rest takes: a new shard that has gone silent must not keep the tenant from writing.
_MOST_CLOSED_S = 20

_CURSOR = "SELECT cursor FROM tenant_moves WHERE tenant_id = $1"
_PUT_CURSOR = """
INSERT INTO tenant_moves (tenant_id, source, target, phase, cursor) VALUES ($1, '', '', 'copying', $2)
ON CONFLICT (tenant_id) DO UPDATE SET cursor = excluded.cursor
"""
_END_CURSOR = "DELETE FROM tenant_moves WHERE tenant_id = $1 AND source = ''"
_OPEN_TRANSACTIONS = (
    "SELECT virtualtransaction AS id FROM pg_locks WHERE locktype = 'virtualxid' AND pid <> pg_backend_pid()"
)


async def move(
    shards: Mapping[str, Database], directory: Database, tenant: str, target: str
) -> AsyncGenerator[int, None]:
    """Move the tenant of this name to the shard of this name; yields how many traces were copied after each step.

    Called again after an interruption it goes on. Raises `NotFound`, `Conflict` where it is being moved by another
    process or to another shard, and `Unavailable`.
    """
    shard_of_name(shards, target)
    home = await home_of(directory, tenant)
    async with mover_of(directory, home.tenant_id) as mover:
        if mover is None:
            raise Conflict(f"another process is moving tenant {tenant}")
        await mover.begin(target)
        under_way = await mover.move()
        if under_way is None:
            return
        if under_way.target != target:
            raise Conflict(f"tenant {tenant} is being moved to shard {under_way.target}: move it there first")
        async for copied in _Moving(shards, directory, mover, under_way).run():
            yield copied


class _Moving:
    def __init__(self, shards: Mapping[str, Database], directory: Database, mover: Mover, under_way: Move) -> None:
        self._source = shard_of_name(shards, under_way.source).with_timeouts(_TIMEOUTS)
        self._target = shard_of_name(shards, under_way.target).with_timeouts(_TIMEOUTS)
        self._directory = directory
        self._mover = mover
        self._move = under_way

    @property
    def _tenant_id(self) -> TenantId:
        return self._move.tenant_id

    async def run(self) -> AsyncGenerator[int, None]:
        if self._move.phase == "copying":
            await set_fence(self._target, self._tenant_id, "gone")
            await self._change_triggers(move_log.start_logging(self._tenant_id))
            async for copied in self._copy_all():
                yield copied
            await self._from_source(self._catalogs)
            await self._close()
            try:
                await self._copy_the_rest()
                await self._mover.arrive(self._move)
            except BaseException:
                # Where it is not certain whether the tenant has arrived, the services find out.
                await asyncio.shield(self._reopen())
                raise
        await open_in_target(self._move, self._source, self._target)
        await self._clean_up()

    async def _reopen(self) -> None:
        under_way = await self._mover.move()
        if under_way is not None and under_way.phase == "copying":
            await set_fence(self._source, self._tenant_id, None)

    async def _change_triggers(self, statements: Sequence[str]) -> None:
        for attempt in range(1, _LOCK_TRIES + 1):
            try:
                async with self._source.transaction(Kind.WRITE, _LOCK_TIMEOUT) as tx:
                    for statement in statements:
                        await tx.driver.execute(statement)
            except Unavailable:
                if attempt == _LOCK_TRIES:
                    raise
                await asyncio.sleep(0.5)
            else:
                return

    async def _copy_all(self) -> AsyncGenerator[int, None]:
        """All traces behind the cursor, then all patches."""
        async with self._target.transaction(Kind.READ) as tx:
            cursor: str | None = await tx.driver.fetchval(_CURSOR, self._tenant_id)
        after = cursor or ""
        while ids := await self._from_source(partial(self._some_traces, after)):
            after = ids[-1]
            yield len(ids)
        last: copying.PatchKey = ("", "")
        while keys := await self._from_source(partial(self._some_patches, last)):
            last = keys[-1]

    async def _some_traces(self, after: str, old: Driver, new: Driver) -> list[str]:
        ids = await copying.next_traces(old, self._tenant_id, after)
        if ids:
            await copying.copy_traces(old, new, self._tenant_id, ids)
            await new.execute(_PUT_CURSOR, self._tenant_id, ids[-1])
        return ids

    async def _some_patches(self, after: copying.PatchKey, old: Driver, new: Driver) -> list[copying.PatchKey]:
        keys = await copying.next_patches(old, self._tenant_id, after)
        if keys:
            await copying.copy_patches(old, new, self._tenant_id, keys)
        return keys

    async def _catalogs(self, old: Driver, new: Driver) -> None:
        await copying.copy_catalogs(old, new, self._tenant_id)

    async def _close(self) -> None:
        """Refuse the tenant's writes, at a moment when little is left to copy."""
        for _ in range(_TRIES_TO_CLOSE):
            await self._catch_up()
            await set_fence(self._source, self._tenant_id, "closed")
            try:
                async with self._source.transaction(Kind.READ) as tx:
                    left = await move_log.left_to_copy(tx.driver, self._tenant_id)
            except BaseException:
                await asyncio.shield(self._reopen())
                raise
            if left.changes <= _MOST_LEFT.changes and left.spans <= _MOST_LEFT.spans:
                return
            await self._reopen()
        raise Conflict("the tenant writes faster than it is copied: call again when it writes less")

    async def _catch_up(self) -> None:
        """Copy what is logged, until that is little or has been done often."""
        for _ in range(_ROUNDS):
            copied = await self._from_source(partial(copying.copy_logged, self._tenant_id, 0))
            if copied:
                async with self._source.transaction(Kind.WRITE) as tx:
                    await move_log.forget_logged(tx.driver, copied)
            if len(copied) < _FEW:
                return

    async def _copy_the_rest(self) -> None:
        """All that is logged still, in one snapshot: nothing of the tenant is written now. Raises `Unavailable`."""
        try:
            async with asyncio.timeout(_MOST_CLOSED_S):
                await self._from_source(self._rest)
                await set_fence(self._target, self._tenant_id, "closed")
        except TimeoutError:
            raise Unavailable("the last changes took too long to copy: the tenant is written to, call again") from None

    async def _rest(self, old: Driver, new: Driver) -> None:
        after = 0
        while copied := await copying.copy_logged(self._tenant_id, after, old, new):
            after = copied[-1]

    async def _from_source(self, copy: Callable[[Driver, Driver], Awaitable[T]]) -> T:
        """Copy from one snapshot of the old shard, in one transaction of the new one, where background work goes on."""
        return await repeated(self._copy_once)(copy)

    async def _copy_once(self, copy: Callable[[Driver, Driver], Awaitable[T]]) -> T:
        async with self._source.transaction(Kind.SNAPSHOT) as old, self._target.transaction(Kind.WRITE) as new:
            return await copy(old.driver, new.driver)

    async def _clean_up(self) -> None:
        async with self._source.transaction(Kind.READ) as tx:
            before = {row["id"] for row in await tx.driver.fetch(_OPEN_TRANSACTIONS)}
        await self._wait_for(before)
        await self._change_triggers(move_log.stop_logging(self._tenant_id))
        async for _ in tenants.erase_all(self._source, self._tenant_id):
            pass
        async with self._source.transaction(Kind.WRITE) as tx:
            await tx.driver.execute(move_log.FORGET_LOG, self._tenant_id)
        async with self._target.transaction(Kind.WRITE) as tx:
            await tx.driver.execute(_END_CURSOR, self._tenant_id)
        await self._mover.end()

    async def _wait_for(self, transactions: set[str]) -> None:
        """Wait for transactions that may still read, statement by statement, what is about to be erased."""
        deadline = time.monotonic() + _WAIT_S
        while transactions and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
            async with self._source.transaction(Kind.READ) as tx:
                transactions &= {row["id"] for row in await tx.driver.fetch(_OPEN_TRANSACTIONS)}
