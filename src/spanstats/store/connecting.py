"""How one connection is made: which servers are asked, what a fit one must say of itself, what it is set to.

Everything is passed to the driver by name, so that no variable of the environment (PGHOST, PGOPTIONS, PGSSLMODE, ...)
and no file of the user's home decides where the service goes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any, TypeAlias

import asyncpg

from .outages import ReadOnly, sqlstate

Incarnation: TypeAlias = tuple[int, str]
"""Which server this is, and which of its lives: the system's identifier, and the timeline, which a promotion raises."""

_DISTRUST_EVERY_S = 1.0
_LOOK = "SELECT pg_is_in_recovery()"
# Of some hosted servers not to be had: then connections are told apart by what they answer alone.
_INCARNATION = (
    "SELECT (SELECT system_identifier FROM pg_control_system()), left(pg_walfile_name(pg_current_wal_lsn()), 8)"
)


@dataclass(slots=True)
class Source:
    """What the connections of one pool have in common.

    `generation` is counted up where older connections may lead to a server that is no longer the primary.
    """

    settings: Mapping[str, str]
    generation: int = 0
    incarnation: Incarnation | None = None
    distrusted_at: float = -inf

    def distrust(self, connection: "Connection") -> None:
        """Have every connection as old as this one thrown away before its next use, at most once in a second.

        Where the database is meant to be read-only, those that read go on with theirs for so long.
        """
        now = monotonic()
        if connection.generation == self.generation and now - self.distrusted_at > _DISTRUST_EVERY_S:
            self.generation += 1
            self.distrusted_at = now

    def meets(self, incarnation: Incarnation | None) -> None:
        """Another server, or the same one after a promotion: what is connected to the one before is not used again."""
        if incarnation is None or incarnation == self.incarnation:
            return
        if self.incarnation is not None:
            self.generation += 1
        self.incarnation = incarnation


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """The driver's connection, which knows how old it is in generations of its source."""

    source: Source
    generation: int = 0

    def is_trusted(self) -> bool:
        return self.generation == self.source.generation


async def connect(source: Source, **arguments: Any) -> Connection:
    """A connection to a server that is no standby, with the source's settings.

    Raises `ReadOnly` and the driver's errors.
    """
    connection: Connection = await asyncpg.connect(connection_class=Connection, **_explicit(arguments))
    connection.source = source
    try:
        await _vet(connection)
    except BaseException:
        connection.terminate()
        raise
    connection.generation = source.generation
    return connection


async def _vet(connection: Connection) -> None:
    """A standby answers, and what it answers may be old: it is no database to serve from."""
    names = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in connection.source.settings.items())
    if await connection.fetchval(f"{_LOOK}{', ' if names else ''}{names}"):
        raise ReadOnly
    connection.source.meets(await _incarnation(connection))


async def _incarnation(connection: Connection) -> Incarnation | None:
    try:
        identifier, timeline = await connection.fetchrow(_INCARNATION)
    except asyncpg.PostgresError as error:
        if (sqlstate(error) or "").startswith(("08", "57")):
            raise
        return None
    return identifier, timeline


def _explicit(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The driver looks into the environment for whatever is `None`."""
    host = arguments.get("host")
    local = isinstance(host, str) and host.startswith("/")
    defaults: dict[str, Any] = {"port": 5432, "target_session_attrs": "any", "gsslib": "gssapi", "direct_tls": False}
    if local:
        defaults |= {"ssl": False, "password": ""}
    return defaults | {name: value for name, value in arguments.items() if value is not None}
