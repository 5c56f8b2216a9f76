"""Connections that are kept between two uses: a pool takes 50 us to lend one and to get it back."""

from time import monotonic

from sqlalchemy.ext.asyncio import AsyncConnection

from .pool import Driver

_KEPT_S = 60
"""So often all of them go back to their pool, which replaces the old ones."""


class KeptConnections:
    """Connections of one pool that are free, and for whose next use the pool is not asked."""

    def __init__(self) -> None:
        self._free: list[tuple[AsyncConnection, Driver]] = []
        self._until = monotonic() + _KEPT_S

    def take(self) -> tuple[AsyncConnection, Driver] | None:
        """The connection that was used last, which may be dead by now; `None` where none is free."""
        return self._free.pop() if self._free else None

    async def give_back(self, connection: AsyncConnection, driver: Driver) -> None:
        """Keep the connection after its transaction has ended, unless it was closed."""
        if connection.closed:
            return
        self._free.append((connection, driver))
        if monotonic() > self._until:
            self._until = monotonic() + _KEPT_S
            await self.release()

    async def release(self) -> None:
        """Give all that are free back to their pool."""
        while self._free:
            connection, _ = self._free.pop()
            await connection.close()
