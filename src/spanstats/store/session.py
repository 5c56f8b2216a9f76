"""Connections and transactions: where a transaction begins and ends, and where a database failure gets its name.

The engine runs in autocommit and transactions are begun by hand, so that BEGIN and the statement timeout of its kind
travel in one round trip, and so that Core statements and the driver's own calls share one transaction.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol, TypeAlias

import asyncpg
import msgspec
from sqlalchemy import URL, ColumnElement, Select, Table, event, literal_column, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ..domain.keys import TenantId
from ..errors import SpanstatsError, Unavailable
from .addresses import DRIVER, parse
from .connecting import Source, creator
from .fences import FENCED, look_to_read, look_to_write
from .outages import TenantMoved, must_reconnect, translated, unavailable_because
from .tls import TlsError

Driver: TypeAlias = Any
"""asyncpg's connection (it ships no types), used directly by named statements. Times are microseconds since 1970."""

# asyncpg counts microseconds from 2000.
_PG_EPOCH_US = 946_684_800_000_000

# A standby refuses the first of the two: what it answered to a read might be old.
_ON_PRIMARY = "READ WRITE, READ ONLY"


Engine = AsyncEngine
"""A pool of connections to one database."""


class Kind(Enum):
    """What a transaction may do and how it begins."""

    READ = f"READ COMMITTED {_ON_PRIMARY}; SET LOCAL plan_cache_mode = force_custom_plan"
    SNAPSHOT = f"REPEATABLE READ {_ON_PRIMARY}; SET LOCAL plan_cache_mode = force_custom_plan"
    STREAM = (
        f"REPEATABLE READ {_ON_PRIMARY}; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; "
        "SET LOCAL enable_sort = off"
    )
    """A snapshot that is read bit by bit along an index, whatever would be faster for all of it."""
    WRITE = "READ COMMITTED; SET LOCAL plan_cache_mode = force_custom_plan"
    REBUILD = "REPEATABLE READ; SET LOCAL plan_cache_mode = force_custom_plan"
    INGEST = (
        "READ COMMITTED; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; "
        "SET LOCAL enable_mergejoin = off; SET LOCAL enable_sort = off"
    )
    """A write whose every statement finds its rows by key: planned once, for tables of any size (`by_key.py`)."""

    @property
    def reads_only(self) -> bool:
        """Whether a hot standby can do it."""
        return _ON_PRIMARY in self.value

    def beginning(self, timeouts: "Timeouts", *, on_standby: bool = False) -> str:
        """The statements that begin such a transaction."""
        how = self.value.replace(_ON_PRIMARY, "READ ONLY") if on_standby else self.value
        return f"BEGIN ISOLATION LEVEL {how}; SET LOCAL statement_timeout = {int(timeouts.of(self) * 1000)}"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that one statement may take by kind of work; 0 is no bound (maintenance)."""

    read_s: float = 10
    write_s: float = 10

    def of(self, kind: Kind) -> float:
        return {
            Kind.READ: self.read_s,
            Kind.SNAPSHOT: self.read_s,
            Kind.STREAM: self.read_s,
            Kind.WRITE: self.write_s,
            Kind.INGEST: self.write_s,
            Kind.REBUILD: 0.0,
        }[kind]


_SETTINGS = {
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "idle_in_transaction_session_timeout": "60000",
    # Statements that have a transaction to themselves are always the same few; to plan the largest takes longer than
    # to run it.
    "plan_cache_mode": "force_generic_plan",
}
"""Of every session. Not told when it begins: poolers refuse that."""


def create_engine(
    url: str,
    pool_size: int = 10,
    connect_timeout_s: float = 5,
    pool_timeout_s: float = 5,
    answer_timeout_s: float | None = None,
    statement_timeout_s: float = 0,
    connection_life_s: float = 3600,
    *,
    to_standby: bool = False,
) -> AsyncEngine:
    """An engine on asyncpg whose connections are ready for a `Database`.

    `url` is that of an `Address`. `statement_timeout_s` bounds statements outside of a transaction. Connections are
    made to a primary alone, or `to_standby` alone.

    `answer_timeout_s` bounds the wait for each answer on our side: the server's own timeouts never reach us where the
    network has gone silent. No connection is used for longer than `connection_life_s`.
    """
    address = parse(url)
    settings = _SETTINGS | {"statement_timeout": str(int(statement_timeout_s * 1000))}
    source = Source(address, settings, connect_timeout_s, answer_timeout_s, to_standby)
    engine = create_async_engine(
        # All that the connections need is in their source; this is what the engine is called by.
        URL.create(DRIVER, address.user, host=address.servers, database=address.database),
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout_s,
        pool_reset_on_return=None,
        pool_recycle=max(1, int(connection_life_s)),
        # The connection used last has the statements prepared.
        pool_use_lifo=True,
        hide_parameters=True,
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        json_deserializer=msgspec.json.decode,
        connect_args=creator(source),
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.run_async(_use_microseconds)

    return engine


async def _use_microseconds(driver: Driver) -> None:
    await driver.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        format="tuple",
        encoder=lambda us: (us - _PG_EPOCH_US,),
        decoder=lambda t: t[0] + _PG_EPOCH_US,
    )


class Transaction:
    """One open transaction: `connection` runs Core statements, `driver` named SQL; `timeouts` it began with."""

    def __init__(
        self, connection: AsyncConnection, driver: Driver, timeouts: Timeouts, as_of: int | None = None
    ) -> None:
        self.connection = connection
        self.driver = driver
        self.timeouts = timeouts
        self._as_of = as_of

    async def as_of(self) -> int:
        """The moment before which every commit is seen here, microseconds since 1970 by the primary's clock.

        To be asked before anything else: a snapshot is taken by the first statement.
        """
        if self._as_of is None:
            self._as_of = int(await self.driver.fetchval("SELECT now()"))
        return self._as_of

    async def only_row(self, statement: Select[Any]) -> Mapping[str, Any]:
        """The row of a statement that is not likely to come again: nothing of it is kept, here or by the server."""
        return await self._only_row("", statement)

    async def expected_rows(self, statement: Select[Any]) -> int:
        """How many rows the statement gives, as far as the server can tell without running it."""
        row = await self._only_row("EXPLAIN (FORMAT JSON) ", statement)
        (plan,) = row["QUERY PLAN"]
        return int(plan["Plan"]["Plan Rows"])

    async def rows(self, statement: Select[Any]) -> AsyncIterator[Mapping[str, Any]]:
        """The rows of such a statement, one held at a time."""
        async for row in self.rows_of_text(*self._compiled(statement)):
            yield row

    async def cursor(self, sql: str, *values: Any) -> Any:
        """The driver's cursor over a statement that comes often: prepared under a name, but where a pooler lends the
        server, as the name would be left behind for the next one who is lent it."""
        if self.driver.source.address.is_pooled:
            return await (await self.driver.prepare(sql, name="")).cursor(*values)
        return await self.driver.cursor(sql, *values)

    async def rows_of_text(self, sql: str, values: Sequence[Any]) -> AsyncIterator[Mapping[str, Any]]:
        """The same of a statement with `$1`, `$2` and so on for the values."""
        prepared = await self.driver.prepare(sql, name="")
        async for row in prepared.cursor(*values, prefetch=1):
            yield row

    def condition(self, table: Table, condition: ColumnElement[bool]) -> tuple[str, list[Any]]:
        """The SQL of a condition over rows of the table, with `$1`, `$2` and so on for these values."""
        sql, values = self._compiled(select(literal_column("1")).select_from(table).where(condition))
        return sql.split("WHERE ", 1)[1], values

    def _compiled(self, statement: Select[Any]) -> tuple[str, list[Any]]:
        compiled: Any = statement.compile(dialect=self.connection.dialect)
        return str(compiled), [compiled.params[name] for name in compiled.positiontup]

    async def _only_row(self, before: str, statement: Select[Any]) -> Mapping[str, Any]:
        sql, values = self._compiled(statement)
        prepared = await self.driver.prepare(f"{before}{sql}", name="")
        row: Mapping[str, Any] = await prepared.fetchrow(*values)
        return row


class Standbys(Protocol):
    """Where reads go that need not be done by the primary (`standbys.py`); the methods are those of `Database`."""

    @property
    def known(self) -> int: ...

    @property
    def in_use(self) -> int: ...

    def transaction(
        self, kind: Kind, timeouts: Timeouts, first: str | None
    ) -> AbstractAsyncContextManager[Transaction]: ...

    async def row(self, statement: str, *values: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Database:
    """A pool of connections to one database, and how long a statement may take there: where rows are read and written.

    All of a tenant's rows are in one database. Where it has `standbys`, transactions that only read go there.
    """

    engine: Engine
    timeouts: Timeouts = Timeouts()
    standbys: "Standbys | None" = None
    tenant_id: TenantId | None = None
    """Whose requests these are, where the tenant may be moved away meanwhile."""

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
        return _transaction(self.engine, kind, self.timeouts, first)

    async def row(self, statement: str, *values: Any) -> Any:
        """The first row of a statement that is a snapshot of its own, in one round trip; `None` where there is no row.

        Raises `Unavailable` as `transaction` does.
        """
        if self.tenant_id is not None:
            async with self.transaction(Kind.SNAPSHOT) as tx:
                return await tx.driver.fetchrow(statement, *values)
        if self.standbys is not None:
            return await self.standbys.row(statement, *values)
        with translated():
            connection, _, row = await first_answer(self.engine, lambda driver: _only_row(driver, statement, values))
            await connection.close()
            return row

    async def dispose(self) -> None:
        """Close the connections."""
        await self.engine.dispose()


@asynccontextmanager
async def _transaction(
    engine: AsyncEngine, kind: Kind, timeouts: Timeouts, first: str | None
) -> AsyncIterator[Transaction]:
    beginning = kind.beginning(timeouts) + (f"; {first}" if first is not None else "")
    with translated():
        try:
            connection, driver, _ = await first_answer(
                engine, lambda driver: driver.execute(beginning + driver.source.of_transaction)
            )
        except FENCED:
            raise TenantMoved from None
        async with begun(Transaction(connection, driver, timeouts)) as tx:
            yield tx


@asynccontextmanager
async def begun(tx: Transaction) -> AsyncIterator[Transaction]:
    """Ends a transaction whose BEGIN was answered, and gives its connection back."""
    try:
        try:
            yield tx
            await tx.driver.execute("COMMIT")
        except BaseException as error:
            lost = tx.driver.is_closed()
            await _abandon(tx.connection, tx.driver, error)
            if lost and isinstance(error, Exception) and not isinstance(error, SpanstatsError):
                # The driver has many words for a connection that breaks at the wrong moment.
                raise Unavailable("the database is away") from error
            raise
    finally:
        await tx.connection.close()


async def _only_row(driver: Driver, statement: str, values: Sequence[Any]) -> Any:
    if not driver.source.address.is_pooled:
        return await driver.fetchrow(statement, *values)
    # The server that is lent for it may be a standby by now, and has none of the session's settings.
    timeout_ms = driver.source.settings["statement_timeout"]
    await driver.execute(
        f"BEGIN ISOLATION LEVEL {Kind.READ.value}; SET LOCAL statement_timeout = {timeout_ms}"
        + driver.source.of_transaction
    )
    row = await driver.fetchrow(statement, *values)
    await driver.execute("COMMIT")
    return row


async def first_answer(
    engine: AsyncEngine, ask: Callable[[Driver], Awaitable[Any]]
) -> tuple[AsyncConnection, Driver, Any]:
    """A connection that has answered, and its answer.

    After a restart of the server every pooled connection is dead: those are thrown away until one is alive or new. So
    are connections that were made before another one found that the server is no longer the primary.
    """
    while True:
        connection = await _connect(engine)
        driver: Driver = (await connection.get_raw_connection()).driver_connection
        if not driver.is_trusted():
            await _discard(connection, driver)
            continue
        try:
            answer = await ask(driver)
        except BaseException as error:
            was_dead = driver.is_closed()
            if was_dead or must_reconnect(error):
                driver.source.distrust(driver)
            await _discard(connection, driver)
            if not was_dead or not isinstance(error, Exception):
                raise
        else:
            return connection, driver, answer


async def _connect(engine: AsyncEngine) -> AsyncConnection:
    """Whatever keeps a connection from being made is an outage: a wrong password or a vanished database too."""
    try:
        return await engine.connect()
    except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, TlsError) as error:
        raise Unavailable(unavailable_because(error) or "the database refuses this service") from error


async def _discard(connection: AsyncConnection, driver: Driver) -> None:
    driver.terminate()
    await connection.invalidate()
    await connection.close()


async def _abandon(connection: AsyncConnection, driver: Driver, error: BaseException) -> None:
    """Roll back; a connection that cannot do even that, or leads to the wrong server, never returns to the pool."""
    if driver.is_closed() or must_reconnect(error):
        driver.source.distrust(driver)
        await _discard(connection, driver)
        return
    rollback = asyncio.ensure_future(driver.execute("ROLLBACK"))
    # Once it is given up nothing waits for it, and its failure is dropped.
    rollback.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        await asyncio.wait_for(asyncio.shield(rollback), 2)
    except BaseException:
        driver.terminate()
        await connection.invalidate()
