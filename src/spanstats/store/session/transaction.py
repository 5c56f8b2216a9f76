"""Transactions: what runs in one, and how it begins and ends.

BEGIN and the settings of its kind travel in one round trip. Core statements and the driver's own calls share one
transaction.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ...errors import SpanstatsError, Unavailable
from ..fences import FENCED
from ..outages import TenantMoved, must_reconnect, translated
from .connections import Connections, discard, first_answer
from .kinds import BY_KEY, Kind, Timeouts
from .pool import Driver

_FIND_BY_KEY = "; ".join(
    f"SET LOCAL {name} = {value}" for name, value in {**BY_KEY, "plan_cache_mode": "force_generic_plan"}.items()
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
        self._plans_for_values = False
        self._finds_by_key = False

    async def as_of(self) -> int:
        """The moment before which every commit is seen here, microseconds since 1970 by the primary's clock.

        To be asked before anything else: a snapshot is taken by the first statement.
        """
        if self._as_of is None:
            self._as_of = int(await self.driver.fetchval("SELECT now()"))
        return self._as_of

    async def plan_for_values(self) -> None:
        """From here on every statement is planned for the values that it is given."""
        if not self._plans_for_values:
            self._plans_for_values = True
            await self.driver.execute("SET LOCAL plan_cache_mode = force_custom_plan")

    async def find_by_key(self) -> None:
        """From here on every statement finds its rows by key (`by_key.py`) and is planned once by each connection.

        To plan them for their values takes some five times as long as to run them.
        """
        if not self._finds_by_key:
            self._finds_by_key = True
            await self.driver.execute(_FIND_BY_KEY)

    async def only_row(self, statement: Select[Any]) -> Mapping[str, Any]:
        """The row of a statement that is not likely to come again: nothing of it is kept, here or by the server."""
        return await self._only_row("", statement)

    async def expected_rows(self, statement: Select[Any]) -> int:
        """How many rows the statement gives, as the planner estimates without running it."""
        row = await self._only_row("EXPLAIN (FORMAT JSON) ", statement)
        (plan,) = row["QUERY PLAN"]
        return int(plan["Plan"]["Plan Rows"])

    async def rows(self, statement: Select[Any]) -> AsyncIterator[Mapping[str, Any]]:
        """The rows of a statement that is not likely to come again, one held at a time."""
        async for row in self.rows_of_text(*self._compiled(statement)):
            yield row

    async def rows_of_text(self, sql: str, values: Sequence[Any]) -> AsyncIterator[Mapping[str, Any]]:
        """The same of a statement with `$1`, `$2` and so on for the values."""
        prepared = await self.driver.prepare(sql, name="")
        async for row in prepared.cursor(*values, prefetch=1):
            yield row

    async def cursor(self, sql: str, *values: Any) -> Any:
        """The driver's cursor over a statement that comes often: prepared under a name, but where a pooler lends the
        server, as the name would be left behind for the next one who is lent it."""
        if self.driver.source.address.is_pooled:
            return await (await self.driver.prepare(sql, name="")).cursor(*values)
        return await self.driver.cursor(sql, *values)

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


@asynccontextmanager
async def transaction_on(
    connections: Connections, kind: Kind, timeouts: Timeouts, first: str | None
) -> AsyncIterator[Transaction]:
    """A transaction of its own on one of these connections, begun with `first` in the same round trip.

    Raises `Unavailable` and `TenantMoved` as `Database.transaction` says.
    """
    then = f"; {first}" if first is not None else ""

    def begin(driver: Driver) -> Any:
        return driver.execute(kind.beginning(timeouts, driver.source) + then)

    with translated():
        try:
            connection, driver, _ = await first_answer(connections, begin)
        except FENCED:
            raise TenantMoved from None
        async with committing(Transaction(connection, driver, timeouts), connections) as tx:
            yield tx


@asynccontextmanager
async def committing(tx: Transaction, connections: Connections) -> AsyncIterator[Transaction]:
    """Commits a transaction whose BEGIN was answered, or rolls it back on an error; gives its connection back.

    Raises `Unavailable` where the connection breaks.
    """
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
        await connections.give_back(tx.connection, tx.driver)


async def _abandon(connection: AsyncConnection, driver: Driver, error: BaseException) -> None:
    """Roll back; a connection that cannot do even that, or leads to the wrong server, never returns to the pool.

    Raises `CancelledError` where the task is cancelled meanwhile: what would handle the error must not go on.
    """
    if driver.is_closed() or must_reconnect(error):
        driver.source.distrust(driver)
        await discard(connection, driver)
        return
    rollback = asyncio.ensure_future(driver.execute("ROLLBACK"))
    # Once it is given up nothing waits for it, and its failure is dropped.
    rollback.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        await asyncio.wait_for(asyncio.shield(rollback), 2)
    except BaseException as failure:
        driver.terminate()
        await connection.invalidate()
        if isinstance(failure, asyncio.CancelledError):
            raise
