"""Detect which kind of connection pooler an address leads to, if any, by asking it.

A pooler gives its clients process ids of its own. A pooler that lends a server for a transaction (PgBouncer's
transaction mode, Supavisor on port 6543, Neon's `-pooler`) lends the same server to two clients in turn.
"""

from enum import Enum

import asyncpg

from .addresses import Address
from .connecting import connect
from .source import Connection, Source

_PID = "SELECT pg_backend_pid()"
_TRIES = 4


class Lending(Enum):
    """For how long a pooler lends a server to a client."""

    ALWAYS = "there is no pooler"
    SESSION = "session"
    TRANSACTION = "transaction"
    STATEMENT = "statement"

    @property
    def is_short(self) -> bool:
        """Whether the settings of a session are lost after a transaction."""
        return self in (Lending.TRANSACTION, Lending.STATEMENT)


async def lending(address: Address, timeout_s: float, *, is_standby: bool = False) -> Lending:
    """How the server behind this address is lent. Raises what `connect` raises."""
    # Asked in such a way that every pooler can answer.
    source = Source(address.with_parameters(pgbouncer="1"), {}, timeout_s, timeout_s, is_standby)
    one = await connect(source)
    try:
        if await one.fetchval(_PID) == one.get_server_pid():
            return Lending.ALWAYS
        if not await _takes_transactions(one):
            return Lending.STATEMENT
        return Lending.TRANSACTION if await _shares(source, one) else Lending.SESSION
    finally:
        one.terminate()


async def _takes_transactions(connection: Connection) -> bool:
    try:
        await connection.execute("BEGIN")
        await connection.execute("ROLLBACK")
    except asyncpg.PostgresError:
        return False
    return True


async def _shares(source: Source, one: Connection) -> bool:
    """Whether another client gets the server that this one had a moment ago, and has not left."""
    try:
        other = await connect(source)
    except (TimeoutError, OSError, asyncpg.PostgresError):
        # There is no second server: the first is kept for this session.
        return False
    try:
        pids_of: dict[Connection, set[int]] = {one: set(), other: set()}
        for _ in range(_TRIES):
            for connection, pids in pids_of.items():
                pids.add(await connection.fetchval(_PID))
        return bool(pids_of[one] & pids_of[other])
    except (TimeoutError, OSError, asyncpg.PostgresError):
        return False
    finally:
        other.terminate()
