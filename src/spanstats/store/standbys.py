"""Reads from hot standbys, which answer for all that was committed before the read began.

A read asks the primary how far it has written, and then waits on a standby until that much has been replayed there. So
it does not matter through which process, worker or server of this service the write came. Reads that begin while the
primary is being asked share the next question. A standby that does not get so far in time is left out, and the primary
is read; every second those left out are tried again.

Positions of two servers can be compared only where one follows the other. The primary's present life has a row in
`primary_lives`: a standby that shows it has replayed what this very primary wrote.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

from sqlalchemy import QueuePool
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import Unavailable
from ..metrics import READS_OF_PRIMARY, READS_OF_STANDBYS, STANDBY_LAG, STANDBY_UP
from .fences import FENCED
from .outages import NoStandby, StandbyLost, TenantMoved, sqlstate, translated
from .session import Database, Driver, Engine, Kind, Timeouts, Transaction, begun, first_answer

log = logging.getLogger(__name__)

# First the clock: what was committed before it has been written.
# What is not flushed at a commit may be acknowledged before it is flushed.
_POSITION = """
SELECT clock_timestamp() AS now, pg_postmaster_start_time() AS life, (CASE
    WHEN pg_is_in_recovery() THEN NULL
    WHEN current_setting('synchronous_commit') = 'off' THEN pg_current_wal_insert_lsn()
    ELSE pg_current_wal_flush_lsn()
END - '0/0')::bigint AS position
"""
_BEGIN_LIFE = "INSERT INTO primary_lives (began_at) VALUES ($1) ON CONFLICT DO NOTHING"
_END_OTHERS = "DELETE FROM primary_lives WHERE began_at <> $1"
_REPLAYED = """
SELECT pg_is_in_recovery() AS is_standby, (pg_last_wal_replay_lsn() - '0/0')::bigint AS position,
    EXISTS (SELECT 1 FROM primary_lives WHERE began_at = $1) AS follows
"""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.01
_STATEMENT_TIMEOUT = "57014"
# A read that takes long is in the way of what is replayed; the standby is sound all the same.
_IN_THE_WAY = "40001"


class Position(NamedTuple):
    """How far a primary has written: in bytes, in which of its lives, and when (microseconds since 1970)."""

    now: int
    life: int
    written: int


class Positions:
    """How far the primary has written, asked once for all who want to know."""

    def __init__(self, primary: Database) -> None:
        self._primary = primary
        self._asked: asyncio.Task[Position | None] | None = None
        self._next: asyncio.Task[Position | None] | None = None
        self._known_life: int | None = None

    async def current(self) -> Position | None:
        """The position at some moment after this call; `None` where the primary cannot say."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._asked))
        return await asyncio.shield(self._next)

    def forget_life(self) -> None:
        """Have the primary's life written down again."""
        self._known_life = None

    async def _after(self, before: "asyncio.Task[Position | None] | None") -> Position | None:
        if before is not None:
            await asyncio.wait([before])
        self._asked, self._next = self._next, None
        try:
            return await self._ask()
        except Unavailable:
            return None

    async def _ask(self) -> Position | None:
        found = await self._primary.row(_POSITION)
        if found["position"] is None:
            return None
        if found["life"] != self._known_life:
            async with self._primary.transaction(Kind.WRITE) as tx:
                await tx.driver.execute(_BEGIN_LIFE, found["life"])
                await tx.driver.execute(_END_OTHERS, found["life"])
            self._known_life = found["life"]
            return await self._ask()
        return Position(found["now"], found["life"], found["position"])


@dataclass(slots=True)
class Standby:
    """One address of standbys; `left_out` says why nothing is read there at present."""

    number: int
    engine: Engine
    left_out: str | None = "it was not asked yet"

    def is_busy(self) -> bool:
        """Whether all its connections are in use."""
        pool = cast(QueuePool, self.engine.pool)
        return pool.checkedout() >= pool.size()


class HotStandbys:
    """The standbys of one primary; where none is fit, the primary is read."""

    def __init__(self, primary: Database, engines: Mapping[int, Engine], wait_s: float) -> None:
        """`engines` by the numbers that logs and metrics call them by."""
        self._primary = primary
        self._positions = Positions(primary)
        self._standbys = [Standby(number, engine) for number, engine in engines.items()]
        self._wait_s = wait_s
        self._turn = 0

    @property
    def in_use(self) -> int:
        """How many addresses are read from."""
        return sum(standby.left_out is None for standby in self._standbys)

    @property
    def known(self) -> int:
        """How many addresses there are."""
        return len(self._standbys)

    @asynccontextmanager
    async def transaction(self, kind: Kind, timeouts: Timeouts, first: str | None = None) -> AsyncIterator[Transaction]:
        """A transaction on a standby, else on the primary, which begins with `first`.

        Raises `StandbyLost` where the standby fails once the transaction has begun.
        """
        beginning = kind.beginning(timeouts, on_standby=True) + (f"; {first}" if first is not None else "")
        opened = await self._opened(beginning)
        if opened is None:
            async with self._primary.with_timeouts(timeouts).transaction(kind, first) as tx:
                yield tx
            return
        standby, position, connection, driver = opened
        try:
            with translated():
                async with begun(Transaction(connection, driver, timeouts, position.now)) as tx:
                    yield tx
        except Unavailable as error:
            raise self._judged(standby, error) from error

    async def row(self, statement: str, *values: Any) -> Any:
        """The first row of the statement, from a standby, else from the primary."""
        opened = await self._opened()
        if opened is not None:
            standby, _, connection, driver = opened
            try:
                with translated():
                    row = await driver.fetchrow(statement, *values)
            except Unavailable as error:
                await _thrown_away(connection, driver)
                if not isinstance(judged := self._judged(standby, error), StandbyLost):
                    raise judged from error
            except BaseException:
                await _thrown_away(connection, driver)
                raise
            else:
                await connection.close()
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
            await standby.engine.dispose()

    async def _opened(self, beginning: str | None = None) -> tuple[Standby, Position, AsyncConnection, Driver] | None:
        """A connection to a standby that has all that is written by now, if there is one."""
        for standby in self._fit():
            position = await self._positions.current()
            if position is None:
                break
            try:
                connection, driver = await self._caught_up(standby, position, beginning)
            except TenantMoved:
                raise
            except Unavailable as error:
                self._leave_out(standby, error)
            else:
                READS_OF_STANDBYS.inc()
                return standby, position, connection, driver
        READS_OF_PRIMARY.inc()
        return None

    def _fit(self) -> Iterator[Standby]:
        """The standbys that are not left out, each first in its turn."""
        self._turn += 1
        for i in range(len(self._standbys)):
            standby = self._standbys[(self._turn + i) % len(self._standbys)]
            if standby.left_out is None and not standby.is_busy():
                yield standby

    async def _caught_up(
        self, standby: Standby, position: Position, beginning: str | None = None
    ) -> tuple[AsyncConnection, Driver]:
        """Raises `Unavailable` where the standby is away, late, or none of this primary."""
        ask = partial(_wait_for, position, time.monotonic() + self._wait_s, beginning)
        with translated():
            # A silent standby is given up a little later than a late one.
            try:
                async with asyncio.timeout(self._wait_s * 1.5):
                    connection, driver, behind = await first_answer(standby.engine, ask)
            except FENCED:
                raise TenantMoved from None
        STANDBY_LAG.labels(str(standby.number)).set(behind)
        return connection, driver

    async def _look_at(self, standby: Standby) -> None:
        position = await self._positions.current()
        if position is None or standby.is_busy():
            return
        try:
            connection, _ = await self._caught_up(standby, position)
        except Unavailable as error:
            self._leave_out(standby, error)
            if isinstance(error, FollowsAnother):
                self._positions.forget_life()
            return
        await connection.close()
        STANDBY_UP.labels(str(standby.number)).set(1)
        if standby.left_out is not None:
            standby.left_out = None
            log.info("standby %d is read from", standby.number)

    def _judged(self, standby: Standby, error: Unavailable) -> Unavailable:
        """What the failure of a read on this standby is: the standby's, which is left out from now on, or its own."""
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


class FollowsAnother(Unavailable):
    """A standby that is far enough, and yet has not replayed what this primary wrote."""

    def __init__(self) -> None:
        super().__init__("it follows another primary")


async def _wait_for(position: Position, deadline: float, beginning: str | None, driver: Driver) -> int:
    """Return once this connection's server has replayed so much; how many bytes it was behind at first.

    Raises `Unavailable` where it is too late for that, or no standby of that primary.
    """
    first_seen, pause_s = None, _FIRST_PAUSE_S
    while True:
        found = await driver.fetchrow(_REPLAYED, position.life)
        if not found["is_standby"]:
            raise NoStandby
        behind = max(0, position.written - (found["position"] or 0))
        first_seen = behind if first_seen is None else first_seen
        if not behind:
            if not found["follows"]:
                raise FollowsAnother
            if beginning is not None:
                await driver.execute(beginning)
            return first_seen
        if time.monotonic() > deadline:
            raise Unavailable("it is too far behind")
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


async def _thrown_away(connection: AsyncConnection, driver: Driver) -> None:
    driver.terminate()
    await connection.invalidate()
    await connection.close()
