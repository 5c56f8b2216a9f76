"""Connections that are kept between two uses: a pool takes 50 us to lend one and to get it back."""

from time import monotonic

from sqlalchemy.ext.asyncio import AsyncConnection

from .pool import Driver

_KEPT_S = 60
"""All that are free go back to their pool before the next use after this time. The pool replaces the old ones."""


class KeptConnections:
    """Connections of one pool that are free, and for whose next use the pool is not asked."""

    def __init__(self) -> None:
        self._free: list[tuple[AsyncConnection, Driver]] = []
        self._until = monotonic() + _KEPT_S

    async def take(self) -> tuple[AsyncConnection, Driver] | None:
        """The connection that was used last, which may be dead by now; `None` where none is free."""
        if monotonic() > self._until:
            self._until = monotonic() + _KEPT_S
            await self.release()
        return self._free.pop() if self._free else None

    async def give_back(self, connection: AsyncConnection, driver: Driver) -> None:
        """Keep the connection after its transaction has ended; a broken one goes to its pool, which replaces it."""
        if driver.is_closed():
            await connection.close()
        else:
            self._free.append((connection, driver))

    async def release(self) -> None:
        """Give all that are free back to their pool."""
        while self._free:
            connection, _ = self._free.pop()
            await connection.close()
