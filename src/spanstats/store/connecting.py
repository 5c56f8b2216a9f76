"""Make one connection: which servers are tried, which are fit, and the settings of the session."""

import asyncio
import os
import socket
import ssl
from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Any

import asyncpg

from . import tls
from .addresses import Address, Host
from .outages import NoStandby, ReadOnly, sqlstate
from .source import Connection, Incarnation, Source

_LOOK = "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool"

# Of some hosted servers not to be had: then connections differ by what they answer alone.
_INCARNATION = (
    "SELECT (SELECT system_identifier FROM pg_control_system()), left(pg_walfile_name(pg_current_wal_lsn()), 8)"
)


def creator(source: Source) -> dict[str, Any]:
    """SQLAlchemy's arguments for connections of this source."""
    if not source.address.is_pooled:
        return {"async_creator_fn": partial(connect, source)}
    unnamed = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": lambda: ""}
    return {"async_creator_fn": partial(connect, source), **unnamed}


async def connect(source: Source, **_: Any) -> Connection:
    """A connection to the first host that is a primary (or a standby, if the source is for standbys), with the settings
    of the source. Each host has its own time limit.

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
    connection.expires_at = monotonic() + source.connection_life_s
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
