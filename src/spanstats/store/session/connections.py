"""The connections of a pool: where one is taken from before its use, and where it goes after it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

import asyncpg
from sqlalchemy import QueuePool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ...errors import Unavailable
from ..outages import must_reconnect, unavailable_because
from ..tls import TlsError
from .pool import Driver, Engine

Lent: TypeAlias = tuple[AsyncConnection, Driver]
"""A connection that the pool has lent, and the driver's."""


class Connections:
    """The connections of one pool, which is asked for one before each use."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def size(self) -> int:
        """How many there are at most."""
        return cast(QueuePool, self.engine.pool).size()

    @property
    def n_in_use(self) -> int:
        """How many are in use."""
        return cast(QueuePool, self.engine.pool).checkedout()

    async def take(self) -> Lent:
        """A connection, which may be dead or too old by now.

        Raises `Unavailable`: every failure to connect is an outage, a wrong password or a vanished database too.
        """
        try:
            connection = await self.engine.connect()
            return connection, (await connection.get_raw_connection()).driver_connection
        except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, TlsError) as error:
            raise Unavailable(unavailable_because(error) or "the database refuses this service") from error

    async def give_back(self, connection: AsyncConnection, _driver: Driver) -> None:
        """Return the connection after its use; the pool replaces a broken one."""
        await connection.close()

    async def dispose(self) -> None:
        """Close all of them."""
        await self.engine.dispose()


class KeptConnections(Connections):
    """Connections that are kept between two uses: a pool takes 50 us to lend one and to get it back."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._free: list[Lent] = []
        self._n_asking = 0

    @property
    def n_in_use(self) -> int:
        """How many are lent by the pool and not free."""
        return super().n_in_use - len(self._free)

    async def take(self) -> Lent:
        """The connection that was used last, which may be dead or too old by now; one of the pool where none is free.

        Raises `Unavailable`.
        """
        if self._free:
            return self._free.pop()
        self._n_asking += 1
        try:
            return await super().take()
        finally:
            self._n_asking -= 1

    async def give_back(self, connection: AsyncConnection, driver: Driver) -> None:
        """Keep the connection after its use.

        A broken one goes to its pool, which replaces it; so does any while others wait for the pool.
        """
        if driver.is_closed() or self._n_asking:
            await connection.close()
        else:
            self._free.append((connection, driver))

    async def dispose(self) -> None:
        """Close all of them."""
        while self._free:
            connection, _ = self._free.pop()
            await connection.close()
        await super().dispose()


async def first_answer(
    connections: Connections, ask: Callable[[Driver], Awaitable[Any]]
) -> tuple[AsyncConnection, Driver, Any]:
    """A connection that has answered, and its answer. The caller gives the connection back.

    After a restart of the server every pooled connection is dead: dead ones are closed until one is alive or new.
    Closed too are those made before another connection found that the server is no longer the primary, and old ones.

    Raises `Unavailable` where no connection can be had; other failures of `ask` pass unchanged.
    """
    while True:
        connection, driver = await connections.take()
        if not driver.is_usable():
            await discard(connection, driver)
            continue
        try:
            answer = await ask(driver)
        except BaseException as error:
            was_dead = driver.is_closed()
            if was_dead or must_reconnect(error):
                driver.source.distrust(driver)
            await discard(connection, driver)
            if not was_dead or not isinstance(error, Exception):
                raise
        else:
            return connection, driver, answer


async def discard(connection: AsyncConnection, driver: Driver) -> None:
    """Close a connection that shall not return to the pool."""
    driver.terminate()
    await connection.invalidate()
    await connection.close()
