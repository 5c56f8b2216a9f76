"""Pools of connections: how a connection is made. Times are whole microseconds.

The engine runs in autocommit; transactions are begun by hand (`transaction.py`).
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ..address_texts import DRIVER
from ..addresses import parse
from ..connecting import creator
from ..source import Source

Driver: TypeAlias = Any
"""asyncpg's connection (it ships no types), used directly by named statements. Times are microseconds since 1970."""

Engine = AsyncEngine
"""A pool of connections to one database."""

# asyncpg counts microseconds from 2000.
_PG_EPOCH_US = 946_684_800_000_000

_SETTINGS = {
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "idle_in_transaction_session_timeout": "60000",
    # Statements that have a transaction to themselves are always the same few; to plan the largest takes longer than
    # to run it.
    "plan_cache_mode": "force_generic_plan",
}
"""Of every session. They are set once it has begun: poolers refuse them at the beginning."""


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
    settings: Mapping[str, str] | None = None,
) -> AsyncEngine:
    """An engine on asyncpg whose connections are ready for a `Database`.

    `url` is that of an `Address`. `statement_timeout_s` bounds statements outside of a transaction. Connections are
    made to a primary alone, or `to_standby` alone. `settings` are set in each session beside the usual ones.

    `answer_timeout_s` bounds the wait for each answer on our side: the server's own timeouts never reach us where the
    network has gone silent. No connection is used for longer than `connection_life_s`.
    """
    of_session = {**_SETTINGS, "statement_timeout": str(int(statement_timeout_s * 1000)), **(settings or {})}
    source = Source(parse(url), of_session, connect_timeout_s, answer_timeout_s, to_standby, connection_life_s)
    engine = _pool(source, pool_size, pool_timeout_s, connection_life_s)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.run_async(_use_microseconds)

    return engine


def _pool(source: Source, size: int, timeout_s: float, connection_life_s: float) -> AsyncEngine:
    address = source.address
    schema = {"schema": name} if (name := address.get("schema")) else {}
    return create_async_engine(
        # All that the connections need is in their source; this is what the engine is called by.
        URL.create(DRIVER, address.user, host=address.servers, database=address.database, query=schema),
        isolation_level="AUTOCOMMIT",
        pool_size=size,
        max_overflow=0,
        pool_timeout=timeout_s,
        pool_reset_on_return=None,
        pool_recycle=max(1, int(connection_life_s)),
        # The connection used last has the statements prepared.
        pool_use_lifo=True,
        hide_parameters=True,
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        json_deserializer=msgspec.json.decode,
        connect_args=creator(source),
    )


async def _use_microseconds(driver: Driver) -> None:
    await driver.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        format="tuple",
        encoder=lambda us: (us - _PG_EPOCH_US,),
        decoder=lambda t: t[0] + _PG_EPOCH_US,
    )
