"""How one connection is made: which servers are asked, what a fit one must say of itself, what it is set to.

Everything is passed to the driver by name, so that no variable of the environment (PGHOST, PGOPTIONS, PGSSLMODE, ...)
and no file of the user's home decides where the service goes.
"""

import asyncio
import os
import random
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

import asyncpg

from . import tls
from .addresses import Address, Host
from .outages import NoStandby, ReadOnly, sqlstate

Incarnation: TypeAlias = tuple[int, str]
"""Which server this is, and which of its lives: the system's identifier, and the timeline, which a promotion raises."""

_DISTRUST_EVERY_S = 1.0
_LOOK = "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool"
# Of some hosted servers not to be had: then connections differ by what they answer alone.
_INCARNATION = (
    "SELECT (SELECT system_identifier FROM pg_control_system()), left(pg_walfile_name(pg_current_wal_lsn()), 8)"
)


@dataclass
class Source:
    """What the connections of one pool have in common; `settings` hold what may stand in a `SET`.

    `generation` is counted up where older connections may lead to a server that is no longer the primary.
    """

    address: Address
    settings: Mapping[str, str]
    connect_timeout_s: float = 10
    answer_timeout_s: float | None = None
    is_standby: bool = False
    generation: int = 0
    incarnation: Incarnation | None = None
    distrusted_at: float = -inf

    @property
    def of_session(self) -> dict[str, str]:
        """Settings that last as long as the connection: none where a pooler lends another server's tomorrow."""
        schema = self.address.get("schema")
        return {} if self.address.is_pooled else {**self.settings, **_search_path(schema)}

    @cached_property
    def of_transaction(self) -> str:
        """What every transaction begins with, after its own settings; empty where sessions have theirs."""
        if not self.address.is_pooled:
            return ""
        settings = {**self.settings, **_search_path(self.address.get("schema"))}
        lasting = settings.keys() - {"plan_cache_mode", "statement_timeout"}
        return "".join(f"; SET LOCAL {name} = {settings[name]}" for name in sorted(lasting))

    def hosts(self) -> list[Host]:
        """The servers to ask, in the order in which they are asked."""
        in_order = list(self.address.hosts)
        if self.address.get("load_balance_hosts") == "random":
            random.shuffle(in_order)
        return in_order

    def arguments(self) -> dict[str, Any]:
        """The driver's arguments that are the same for each host."""
        address, server_settings = (
            self.address,
            {"application_name": self.address.get("application_name") or "spanstats"},
        )
        if (options := address.get("options")) is not None:
            server_settings["options"] = options
        passfile = address.get("passfile")
        return {
            "user": address.user,
            "password": address.get("password"),
            "passfile": Path(passfile) if passfile else None,
            "database": address.database,
            "direct_tls": address.get("sslnegotiation") == "direct",
            "server_settings": server_settings,
            # Where a server is lent for one transaction, what was prepared in it is somebody else's in the next.
            "statement_cache_size": 0 if address.is_pooled else 100,
            "command_timeout": self.answer_timeout_s,
            "target_session_attrs": "any",
            "gsslib": "gssapi",
        }

    def distrust(self, connection: "Connection") -> None:
        """Have every connection as old as this one thrown away before its next use, at most once in a second.

        Where the database is meant to be read-only, reads go on with theirs for that time.
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


def _search_path(schema: str | None) -> dict[str, str]:
    if schema is None:
        return {}
    names = (name.strip().strip('"').replace('"', '""') for name in schema.split(","))
    return {"search_path": ", ".join(f'"{name}"' for name in names)}


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """The driver's connection, which knows how old it is in generations of its source."""

    source: Source
    generation: int = 0

    def is_trusted(self) -> bool:
        """Whether it was made since its source last found that an older one may lead to another server."""
        return self.generation == self.source.generation


def creator(source: Source) -> dict[str, Any]:
    """SQLAlchemy's arguments for connections of this source."""
    if not source.address.is_pooled:
        return {"async_creator_fn": partial(connect, source)}
    unnamed = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": lambda: ""}
    return {"async_creator_fn": partial(connect, source), **unnamed}


async def connect(source: Source, **_: Any) -> Connection:
    """A connection to the first host that is a primary, or a standby where the source is one, with the source's
    settings; each host has its time.

    Raises `ReadOnly`, `NoStandby`, `TlsError` and the driver's errors.
    """
    failures: list[BaseException] = []
    for host in source.hosts():
        try:
            # Not `wait_for`, which until Python 3.12 may lose a cancellation that comes as the connection is made.
            async with asyncio.timeout(source.connect_timeout_s):
                return await _connect_to(source, host, source.arguments())
        except (OSError, TimeoutError, ReadOnly, NoStandby, asyncpg.CannotConnectNowError) as error:
            failures.append(error)
    raise failures[-1]


async def _connect_to(source: Source, host: Host, arguments: Mapping[str, Any]) -> Connection:
    connection = await _opened(source, host, arguments)
    connection.source = source
    try:
        _keep_alive(connection, source.address)
        await _vet(connection)
    except BaseException:
        connection.terminate()
        raise
    connection.generation = source.generation
    return connection


async def _opened(source: Source, host: Host, arguments: Mapping[str, Any]) -> Connection:
    """`prefer` and `allow` try with TLS and without, in this order or the other."""
    mode = "disable" if host.is_local else tls.mode(source.address.parameters)
    tries = {"disable": (False,), "allow": (False, True), "prefer": (True, False)}.get(mode, (True,))
    for is_last, encrypted in zip((False, True) if len(tries) > 1 else (True,), tries, strict=True):
        try:
            connection: Connection = await asyncpg.connect(
                connection_class=Connection,
                host=host.name,
                port=host.port,
                ssl=tls.context(source.address.parameters) if encrypted else False,
                **arguments,
            )
        except (OSError, asyncpg.InvalidAuthorizationSpecificationError) as error:
            if is_last or not _is_about_encryption(error):
                raise
        else:
            return connection
    raise AssertionError("unreachable")


def _is_about_encryption(error: BaseException) -> bool:
    """What a server without TLS says, one whose TLS is too old, or whose rules want the other."""
    # Exactly this class: its subclasses are errors of the network.
    return type(error) is ConnectionError or isinstance(error, ssl.SSLError) or sqlstate(error) == "28000"


async def _vet(connection: Connection) -> None:
    """A standby answers, and what it answers may be old: it is no primary."""
    # First, as a role's own limits may be too short for anything else.
    settings = sorted(connection.source.of_session.items(), key=lambda item: item[0] != "statement_timeout")
    if settings:
        await connection.execute("; ".join(f"SET {name} = {value}" for name, value in settings))
    row = await connection.fetchrow(_LOOK)
    if connection.source.is_standby:
        if not row[0]:
            raise NoStandby
        return
    if row[0] or (row[1] and connection.source.address.get("target_session_attrs") == "read-write"):
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


_KEPT_ALIVE = {"keepalives_idle": "TCP_KEEPIDLE", "keepalives_interval": "TCP_KEEPINTVL"} | {
    "keepalives_count": "TCP_KEEPCNT",
    "tcp_user_timeout": "TCP_USER_TIMEOUT",
}


def _keep_alive(connection: Connection, address: Address) -> None:
    """Have the kernel look whether the server is still there, unless the address says not to."""
    socket_ = connection._transport.get_extra_info("socket")
    if socket_ is None or socket_.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with socket.socket(fileno=os.dup(socket_.fileno())) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, address.get("keepalives") != "0")
        for name, option in _KEPT_ALIVE.items():
            value = address.get(name)
            if value not in (None, "0") and hasattr(socket, option):
                own.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), int(value or 0))
