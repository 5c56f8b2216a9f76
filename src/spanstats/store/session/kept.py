"""Connections that are kept between two uses: a pool takes 50 us to lend one and to get it back."""

from time import monotonic

from sqlalchemy.ext.asyncio import AsyncConnection

from .pool import AskPool, Driver, Lent

_KEPT_S = 60
"""All that are free go back to their pool before the next use after this time. The pool replaces the old ones."""


class KeptConnections:
    """Connections of one pool that are free, and for whose next use the pool is not asked."""

    def __init__(self) -> None:
        self._free: list[Lent] = []
        self._until = monotonic() + _KEPT_S
        self._n_asking = 0

    @property
    def n_free(self) -> int:
        """How many are lent by the pool and not in use."""
        return len(self._free)

    async def take(self, ask_pool: AskPool) -> Lent:
        """The connection that was used last, which may be dead by now; one of the pool where none is free."""
        if monotonic() > self._until:
            self._until = monotonic() + _KEPT_S
            await self.release()
        if self._free:
            return self._free.pop()
        self._n_asking += 1
        try:
            return await ask_pool()
        finally:
            self._n_asking -= 1

    async def give_back(self, connection: AsyncConnection, driver: Driver) -> None:
        """Keep the connection after its transaction has ended.

        A broken one goes to its pool, which replaces it; so does any while others wait for the pool.
        """
        if driver.is_closed() or self._n_asking:
            await connection.close()
        else:
            self._free.append((connection, driver))

    async def release(self) -> None:
        """Give all that are free back to their pool."""
        while self._free:
            connection, _ = self._free.pop()
            await connection.close()
