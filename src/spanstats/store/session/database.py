"""The database that the service reads and writes: a pool of connections, and standbys if there are any."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ...domain.keys import TenantId
from ..fences import look_to_read, look_to_write
from ..outages import translated
from .connections import Connections, KeptConnections, first_answer
from .kinds import Kind, Timeouts
from .pool import Driver, Engine
from .transaction import Transaction, transaction_on


class Standbys(Protocol):
    """Where reads go that need not be done by the primary (`standbys.py`); the methods are those of `Database`."""

    @property
    def n_addresses(self) -> int: ...

    @property
    def in_use(self) -> int: ...

    def transaction(
        self, kind: Kind, timeouts: Timeouts, first: str | None
    ) -> AbstractAsyncContextManager[Transaction]: ...

    async def row(self, statement: str, *values: Any) -> Any: ...


_USUAL = Timeouts()


@dataclass(frozen=True, slots=True)
class Database:
    """A pool of connections to one database, and how long a statement may take there: where rows are read and written.

    All of a tenant's rows are in one database. Where it has `standbys`, transactions that only read go there.
    """

    engine: Engine
    timeouts: Timeouts = _USUAL
    standbys: Standbys | None = None
    tenant_id: TenantId | None = None
    """Whose requests these are, where the tenant may be moved away meanwhile."""
    for_ingest: Connections | None = None
    """Connections for `Kind.INGEST` alone, whose sessions have its settings; without, they are set each time."""
    kept: KeptConnections | None = None
    """The connections of `engine` where requests share them; without, its pool is asked for one before each use."""

    @property
    def connections(self) -> Connections:
        """The connections of `engine`."""
        return Connections(self.engine) if self.kept is None else self.kept

    def of_tenant(self, tenant_id: TenantId) -> "Database":
        """The same for requests of one tenant, which may be moved to another shard meanwhile (`fences.py`)."""
        return replace(self, tenant_id=tenant_id)

    def with_timeouts(self, timeouts: Timeouts) -> "Database":
        """The same database for work that may take longer, or must be done sooner."""
        return replace(self, timeouts=timeouts)

    def transaction(self, kind: Kind, first: str | None = None) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that commits at the end of the block and rolls back on any error.

        `first` is a statement without parameters that it begins with, in the same round trip.

        Raises `Unavailable` where the database is away, busy, slow or refuses writes, `TenantMoved` where the tenant
        lives elsewhere by now; other failures pass unchanged.
        """
        if self.tenant_id is not None:
            look = look_to_read(self.tenant_id) if kind.reads_only else look_to_write([self.tenant_id])
            first = look if first is None else f"{look}; {first}"
        if self.standbys is not None and kind.reads_only:
            return self.standbys.transaction(kind, self.timeouts, first)
        if self.for_ingest is not None and kind is Kind.INGEST:
            return transaction_on(self.for_ingest, kind, self.timeouts, first)
        return transaction_on(self.connections, kind, self.timeouts, first)

    async def row(self, statement: str, *values: Any) -> Any:
        """The first row of a statement that is a snapshot of its own; `None` where there is no row.

        It takes one round trip, unless the tenant may be moved: then the statement is in a transaction.

        Raises `Unavailable` and `TenantMoved` as `transaction` does.
        """
        if self.tenant_id is not None:
            async with self.transaction(Kind.SNAPSHOT) as tx:
                return await tx.driver.fetchrow(statement, *values)
        if self.standbys is not None:
            return await self.standbys.row(statement, *values)
        connections = self.connections
        with translated():
            connection, driver, row = await first_answer(
                connections, lambda driver: _only_row(driver, statement, values)
            )
            await connections.give_back(connection, driver)
            return row

    async def dispose(self) -> None:
        """Close the connections."""
        await self.connections.dispose()
        if self.for_ingest is not None:
            await self.for_ingest.dispose()


async def _only_row(driver: Driver, statement: str, values: Sequence[Any]) -> Any:
    if not driver.source.address.is_pooled:
        return await driver.fetchrow(statement, *values)
    # The server that is lent for it may be a standby by now, and has none of the session's settings.
    timeouts = Timeouts(read_s=int(driver.source.settings["statement_timeout"]) / 1000)
    await driver.execute(Kind.READ.beginning(timeouts, driver.source))
    row = await driver.fetchrow(statement, *values)
    await driver.execute("COMMIT")
    return row
