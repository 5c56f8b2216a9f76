"""WAL positions: how far a primary has written, and whether a standby has replayed the WAL up to there.

The positions of two servers can be compared only if one follows the other. The present life of the primary has a row in
`primary_lives`: a standby with this row has replayed what this very primary wrote.
"""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from ..errors import Unavailable
from .outages import NoStandby
from .session import Database, Driver, Kind
from .source import Source

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


class Position(NamedTuple):
    """How far a primary has written: in bytes, in which of its lives, and when (microseconds since 1970)."""

    now: int
    life: int
    written: int


class Positions:
    """The WAL position of the primary: one question for all reads that wait for an answer."""

    def __init__(self, primary: Database) -> None:
        self._primary = primary
        self._asked: asyncio.Task[Position | None] | None = None
        self._next: asyncio.Task[Position | None] | None = None
        self._known_life: int | None = None

    async def current(self) -> Position | None:
        """The position at some moment after this call; `None` where the primary cannot be asked."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._asked))
        return await asyncio.shield(self._next)

    def forget_life(self) -> None:
        """Write the primary's life to `primary_lives` again before the next answer."""
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
        row = await self._primary.row(_POSITION)
        if row["position"] is None:
            return None
        if row["life"] != self._known_life:
            async with self._primary.transaction(Kind.WRITE) as tx:
                await tx.driver.execute(_BEGIN_LIFE, row["life"])
                await tx.driver.execute(_END_OTHERS, row["life"])
            self._known_life = row["life"]
            return await self._ask()
        return Position(row["now"], row["life"], row["position"])


class FollowsAnother(Unavailable):
    """A standby that is far enough, and yet has not replayed what this primary wrote."""

    def __init__(self) -> None:
        super().__init__("it follows another primary")


async def wait_until_replayed(
    position: Position, deadline: float, beginning: Callable[[Source], str] | None, driver: Driver
) -> int:
    """Return once this connection's server has replayed so much; how many bytes it was behind at first.

    A transaction is begun then, where `beginning` gives the statements for it.

    Raises `Unavailable` where it is too late for that, or no standby of that primary.
    """
    first_seen, pause_s = None, _FIRST_PAUSE_S
    while True:
        row = await driver.fetchrow(_REPLAYED, position.life)
        if not row["is_standby"]:
            raise NoStandby
        behind = max(0, position.written - (row["position"] or 0))
        first_seen = behind if first_seen is None else first_seen
        if not behind:
            if not row["follows"]:
                raise FollowsAnother
            if beginning is not None:
                await driver.execute(beginning(driver.source))
            return first_seen
        if time.monotonic() > deadline:
            raise Unavailable("it is too far behind")
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
