"""Endless work of a worker on its shards: serve from one once it is ready, keep tenants writable, count connections."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack

from .api.shards import Shard
from .catalog import placement
from .catalog.moves import let_writes_go_on
from .domain.shards import FIRST
from .errors import Unavailable
from .metrics import POOL_IN_USE, POOL_SIZE
from .store import schema
from .store.background import meanwhile
from .store.session import Database

log = logging.getLogger(__name__)


async def keep_tenants_writable(shards: Sequence[Shard], every_s: float = 2.0) -> None:
    """Run for ever: if a process died that moved a tenant, let the tenant be written to where it lives."""
    while True:
        await asyncio.sleep(every_s)
        ready = {shard.name: shard.database for shard in shards if shard.not_ready is None}
        try:
            await let_writes_go_on(ready[FIRST], ready)
        except Unavailable as error:
            log.warning("moves of tenants wait: %s", error)
        except Exception:
            log.exception("a move could not be looked at")


async def serve_once_ready(
    shard: Shard, directory: Database, works: Sequence[Callable[[], Coroutine[None, None, None]]], every_s: float = 1.0
) -> None:
    """Serve from the shard as soon as it is fit, and then do its background work, for ever."""
    logged = None
    while shard.not_ready is not None:
        if shard.not_ready != logged:
            logged = shard.not_ready
            log.warning("shard %s is not served from: %s", shard.name, logged)
        await asyncio.sleep(every_s)
        shard.not_ready = await why_not_ready(shard, directory)
    log.info("shard %s is served from", shard.name)
    async with AsyncExitStack() as running:
        for work in works:
            await running.enter_async_context(meanwhile(work()))
        await asyncio.Event().wait()


async def why_not_ready(shard: Shard, directory: Database) -> str | None:
    """Why the shard cannot be served from; `None` where it can."""
    try:
        if not await schema.is_current(shard.database):
            return "its schema is not that of this version: run `spanstats migrate`"
        if not await placement.is_registered(directory, shard.database, shard.name):
            return "its database is not that of this shard: run `spanstats migrate`, which says more"
    except Unavailable as error:
        return str(error)
    except Exception:
        log.exception("a shard could not be looked at")
        return "it could not be looked at"
    return None


async def report_pools(databases: Sequence[Database], every_s: float = 1.0) -> None:
    """Run for ever: count connections, and those in use, for `/metrics`."""
    while True:
        POOL_SIZE.set(sum(database.connections.size for database in databases))
        POOL_IN_USE.set(sum(database.connections.n_in_use for database in databases))
        await asyncio.sleep(every_s)
