"""Moves of tenants between shards, as the directory knows them: which process moves a tenant, and what if it dies.

The directory says in which phase a move is. `copying`: the tenant still lives in the old shard. `arrived`: it lives in
the new shard, and its rows in the old one are erased. One process at a time moves a tenant: it holds a lock of its
connection to the directory, through which alone a move goes from the first phase to the second. If that process dies,
any service lets writes of the tenant go on.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

from ..domain.keys import TenantId
from ..errors import Conflict, NotFound
from ..store.fences import LOCK_OUT
from ..store.outages import translated
from ..store.session import Database, Driver, Kind
from ..store.session.connections import discard, first_answer
from .placement import home_of

Fence: TypeAlias = Literal["closed", "gone"]
Phase: TypeAlias = Literal["copying", "arrived"]

_TRY_LOCK = (
    "SELECT pg_try_advisory_lock(hashtextextended('spanstats move of ' || $1::int || ' in ' || current_schema(), 0))"
)
_UNLOCK = (
    "SELECT pg_advisory_unlock(hashtextextended('spanstats move of ' || $1::int || ' in ' || current_schema(), 0))"
)
_BEGIN = """
INSERT INTO tenant_moves (tenant_id, source, target, phase)
SELECT id, shard, $2, 'copying' FROM tenants WHERE id = $1 AND shard <> $2 ON CONFLICT DO NOTHING
"""
_MOVES = "SELECT tenant_id, source, target, phase FROM tenant_moves WHERE source <> '' ORDER BY tenant_id"
_LIVES = "UPDATE tenants SET shard = $2 WHERE id = $1 AND shard = $3"
_HAS_ARRIVED = "UPDATE tenant_moves SET phase = 'arrived' WHERE tenant_id = $1 AND phase = 'copying'"
_END = "DELETE FROM tenant_moves WHERE tenant_id = $1"
_PUT_FENCE = """
INSERT INTO tenant_fences (tenant_id, fence) VALUES ($1, $2)
ON CONFLICT (tenant_id) DO UPDATE SET fence = excluded.fence
"""
_TAKE_FENCE = "DELETE FROM tenant_fences WHERE tenant_id = $1"
_FENCE = "SELECT fence FROM tenant_fences WHERE tenant_id = $1"


@dataclass(frozen=True, slots=True)
class Move:
    """A move that has begun and not ended; shards by name."""

    tenant_id: TenantId
    source: str
    target: str
    phase: Phase


class Mover:
    """Who may move a tenant: the holder of its lock in the directory."""

    def __init__(self, driver: Any, tenant_id: TenantId) -> None:
        self._driver = driver
        self._tenant_id = tenant_id

    async def move(self) -> Move | None:
        """The move of the tenant, if one has begun."""
        return next((move for move in await _moves(self._driver) if move.tenant_id == self._tenant_id), None)

    async def begin(self, target: str) -> None:
        """Note that the tenant moves to this shard; nothing where it lives there."""
        await self._driver.execute(_BEGIN, self._tenant_id, target)

    async def arrive(self, move: Move) -> None:
        """From now on the tenant lives in the new shard. Through this connection: without its lock it fails."""
        async with self._driver.transaction():
            await self._driver.execute(_LIVES, move.tenant_id, move.target, move.source)
            if await self._driver.execute(_HAS_ARRIVED, move.tenant_id) != "UPDATE 1":
                raise Conflict("the move was ended by another process")

    async def end(self) -> None:
        """Forget the move: nothing of it is left to do."""
        await self._driver.execute(_END, self._tenant_id)


@asynccontextmanager
async def mover_of(directory: Database, tenant_id: TenantId) -> AsyncIterator[Mover | None]:
    """The right to move this tenant until the end of the block; `None` where another process has it.

    Raises `Unavailable`.
    """
    connections = directory.connections
    with translated():
        connection, driver, is_ours = await first_answer(connections, partial(_try_lock, tenant_id))
        try:
            yield Mover(driver, tenant_id) if is_ours else None
            if is_ours:
                await driver.fetchval(_UNLOCK, tenant_id)
        except BaseException:
            # The lock ends with the connection.
            await discard(connection, driver)
            raise
        await connections.give_back(connection, driver)


async def _try_lock(tenant_id: TenantId, driver: Driver) -> bool:
    return bool(await driver.fetchval(_TRY_LOCK, tenant_id))


async def moves_under_way(directory: Database) -> list[Move]:
    """All moves that have begun and not ended. Raises `Unavailable`."""
    async with directory.transaction(Kind.READ) as tx:
        return await _moves(tx.driver)


async def shards_of_move(directory: Database, tenant: str, target: str) -> set[str]:
    """The shards that a move of this tenant to this one needs, or the move that has begun. Raises `NotFound`."""
    home = await home_of(directory, tenant)
    begun = [move for move in await moves_under_way(directory) if move.tenant_id == home.tenant_id]
    return {home.shard, target}.union(*({move.source, move.target} for move in begun))


async def _moves(driver: Any) -> list[Move]:
    rows = await driver.fetch(_MOVES)
    return [Move(row["tenant_id"], row["source"], row["target"], row["phase"]) for row in rows]


async def set_fence(database: Database, tenant_id: TenantId, fence: Fence | None) -> None:
    """Set the tenant's fence in a shard, or take it away; returns when every writer sees it. Raises `Unavailable`."""
    async with database.transaction(Kind.WRITE) as tx:
        await tx.driver.execute(LOCK_OUT, tenant_id)
        if fence is None:
            await tx.driver.execute(_TAKE_FENCE, tenant_id)
        else:
            await tx.driver.execute(_PUT_FENCE, tenant_id, fence)


async def fence_of(database: Database, tenant_id: TenantId) -> Fence | None:
    """The tenant's fence in a shard, if there is one. Raises `Unavailable`."""
    async with database.transaction(Kind.READ) as tx:
        fence: Fence | None = await tx.driver.fetchval(_FENCE, tenant_id)
        return fence


async def let_writes_go_on(directory: Database, shards: Mapping[str, Database]) -> None:
    """See to the tenants whose move was left by a process that died: they can be written to where they live.

    Raises `Unavailable`.
    """
    for unfinished in await moves_under_way(directory):
        async with mover_of(directory, unfinished.tenant_id) as mover:
            move = None if mover is None else await mover.move()
            if move is not None and {move.source, move.target} <= shards.keys():
                await _let_go_on(move, shards[move.source], shards[move.target])


async def _let_go_on(move: Move, source: Database, target: Database) -> None:
    if move.phase == "arrived":
        await open_in_target(move, source, target)
    elif await fence_of(source, move.tenant_id) is not None:
        await set_fence(source, move.tenant_id, None)


async def open_in_target(move: Move, source: Database, target: Database) -> None:
    """Let the tenant be written to where it has arrived. First no one may read any more what he left behind."""
    if await fence_of(source, move.tenant_id) != "gone":
        await set_fence(source, move.tenant_id, "gone")
    if await fence_of(target, move.tenant_id) is not None:
        await set_fence(target, move.tenant_id, None)


def shard_of_name(shards: Mapping[str, Database], name: str) -> Database:
    """The shard of this name. Raises `NotFound`."""
    if name not in shards:
        raise NotFound(f"There is no shard {name}: there are {', '.join(shards)}")
    return shards[name]
