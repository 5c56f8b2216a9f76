"""Reads from hot standbys, which contain all that was committed before the read began.

A read asks the primary for its WAL position, and then waits on a standby until the standby has replayed the WAL up to
there. So it does not matter through which process, worker or server of this service the write came. Reads that begin
while the primary is being asked share the next question. A standby that is too late is left out, and the primary is
read. The standbys that are left out are tried again every second.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import Unavailable
from ..metrics import READS_OF_PRIMARY, READS_OF_STANDBYS, STANDBY_LAG, STANDBY_UP
from .fences import FENCED
from .outages import StandbyLost, TenantMoved, sqlstate, translated
from .positions import FollowsAnother, Position, Positions, wait_until_replayed
from .session import Database, Driver, Engine, Kind, Timeouts, Transaction
from .session.connections import Connections, KeptConnections, discard, first_answer
from .session.transaction import committing
from .source import Source

log = logging.getLogger(__name__)

_STATEMENT_TIMEOUT = "57014"
# A read that takes long is in the way of what is replayed; the standby is sound all the same.
_IN_THE_WAY = "40001"


@dataclass(slots=True)
class Standby:
    """One address of standbys; `left_out` says why nothing is read there at present."""

    number: int
    connections: Connections
    left_out: str | None = "it was not asked yet"

    def is_busy(self) -> bool:
        """Whether all its connections are in use."""
        return self.connections.n_in_use >= self.connections.size


class HotStandbys:
    """The standbys of one primary; where none is fit, the primary is read."""

    def __init__(self, primary: Database, engines: Mapping[int, Engine], wait_s: float) -> None:
        """`engines` by the numbers that logs and metrics call them by."""
        self._primary = primary
        self._positions = Positions(primary)
        self._standbys = [Standby(number, KeptConnections(engine)) for number, engine in engines.items()]
        self._wait_s = wait_s
        self._turn = 0

    @property
    def in_use(self) -> int:
        """How many addresses are read from."""
        return sum(standby.left_out is None for standby in self._standbys)

    @property
    def n_addresses(self) -> int:
        """How many addresses there are."""
        return len(self._standbys)

    @asynccontextmanager
    async def transaction(self, kind: Kind, timeouts: Timeouts, first: str | None = None) -> AsyncIterator[Transaction]:
        """A transaction on a standby, else on the primary, which begins with `first`.

        Raises `StandbyLost` where the standby fails once the transaction has begun.
        """
        then = f"; {first}" if first is not None else ""
        begun = await self._begin(lambda source: kind.beginning(timeouts, source, on_standby=True) + then)
        if begun is None:
            async with self._primary.with_timeouts(timeouts).transaction(kind, first) as tx:
                yield tx
            return
        standby, position, connection, driver = begun
        try:
            with translated():
                tx = Transaction(connection, driver, timeouts, position.now)
                async with committing(tx, standby.connections):
                    yield tx
        except Unavailable as error:
            raise self._blame(standby, error) from error

    async def row(self, statement: str, *values: Any) -> Any:
        """The first row of the statement, from a standby, else from the primary."""
        begun = await self._begin()
        if begun is not None:
            standby, _, connection, driver = begun
            try:
                with translated():
                    row = await driver.fetchrow(statement, *values)
            except Unavailable as error:
                await discard(connection, driver)
                if not isinstance(blamed := self._blame(standby, error), StandbyLost):
                    raise blamed from error
            except BaseException:
                await discard(connection, driver)
                raise
            else:
                await standby.connections.give_back(connection, driver)
                return row
        return await self._primary.row(statement, *values)

    async def watch(self, every_s: float = 1.0) -> None:
        """Run for ever: try the standbys that are left out, and see how far behind the others are."""
        while True:
            for standby in self._standbys:
                try:
                    await self._look_at(standby)
                except Exception:
                    log.exception("a standby could not be looked at")
            await asyncio.sleep(every_s)

    async def dispose(self) -> None:
        """Close all connections."""
        for standby in self._standbys:
            await standby.connections.dispose()

    async def _begin(
        self, beginning: Callable[[Source], str] | None = None
    ) -> tuple[Standby, Position, AsyncConnection, Driver] | None:
        """Begin on a standby that has all that is written by now: on the first of them that can, if any can."""
        for standby in self._in_turn():
            position = await self._positions.current()
            if position is None:
                break
            try:
                connection, driver = await self._connect(standby, position, beginning)
            except TenantMoved:
                raise
            except Unavailable as error:
                self._leave_out(standby, error)
            else:
                READS_OF_STANDBYS.inc()
                return standby, position, connection, driver
        READS_OF_PRIMARY.inc()
        return None

    def _in_turn(self) -> Iterator[Standby]:
        """The standbys that are not left out, each first in its turn."""
        self._turn += 1
        for i in range(len(self._standbys)):
            standby = self._standbys[(self._turn + i) % len(self._standbys)]
            if standby.left_out is None and not standby.is_busy():
                yield standby

    async def _connect(
        self, standby: Standby, position: Position, beginning: Callable[[Source], str] | None = None
    ) -> tuple[AsyncConnection, Driver]:
        """A connection to the standby once it has replayed the WAL up to the position, with a transaction begun.

        Raises `Unavailable` where the standby is away, late, or none of this primary.
        """
        ask = partial(wait_until_replayed, position, time.monotonic() + self._wait_s, beginning)
        with translated():
            # A silent standby is given up a little later than a late one.
            try:
                async with asyncio.timeout(self._wait_s * 1.5):
                    connection, driver, behind = await first_answer(standby.connections, ask)
            except FENCED:
                raise TenantMoved from None
        STANDBY_LAG.labels(str(standby.number)).set(behind)
        return connection, driver

    async def _look_at(self, standby: Standby) -> None:
        position = await self._positions.current()
        if position is None or standby.is_busy():
            return
        try:
            lent = await self._connect(standby, position)
        except Unavailable as error:
            self._leave_out(standby, error)
            if isinstance(error, FollowsAnother):
                self._positions.forget_life()
            return
        await standby.connections.give_back(*lent)
        STANDBY_UP.labels(str(standby.number)).set(1)
        if standby.left_out is not None:
            standby.left_out = None
            log.info("standby %d is read from", standby.number)

    def _blame(self, standby: Standby, error: Unavailable) -> Unavailable:
        """Leave the standby out if the failure of a read is the standby's.

        The error that the read raises: `StandbyLost` if the primary can be asked the same.
        """
        code = sqlstate(error.__cause__) if error.__cause__ is not None else None
        if error.__cause__ is None or code == _STATEMENT_TIMEOUT:
            return error
        if code != _IN_THE_WAY:
            self._leave_out(standby, error)
        return StandbyLost(str(error))

    def _leave_out(self, standby: Standby, error: Unavailable) -> None:
        if standby.left_out is None:
            log.warning("standby %d is left out: %s", standby.number, error)
        standby.left_out = str(error)
        STANDBY_UP.labels(str(standby.number)).set(0)
