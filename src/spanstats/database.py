"""The database that the commands work on: the one that the settings name, else the embedded server."""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import asyncpg

from .errors import StartError, Unavailable
from .settings import Settings
from .store.account import EmbeddedServerError
from .store.addresses import parse
from .store.embedded import EmbeddedServer
from .store.outages import unavailable_because
from .store.poolers import Lending, lending
from .store.refusals import refusal_of
from .store.tls import TlsError

T = TypeVar("T")

log = logging.getLogger(__name__)

_RETRY_S = 0.5
_URL = "SPANSTATS_DATABASE_URL"
_DIRECT = "SPANSTATS_DATABASE_DIRECT_URL"


@dataclass(frozen=True, slots=True)
class Opened:
    """The addresses of a database that takes connections: of the server itself, and of what requests go through.

    They are the same, unless there is a connection pooler between.
    """

    direct: str
    url: str


@contextmanager
def opened(settings: Settings, server: EmbeddedServer | None = None) -> Iterator[Opened]:
    """A database that takes connections; the embedded server is started, and stopped at the end.

    Raises `StartError`.
    """
    try:
        if settings.database_url is not None:
            reached = _reached(settings, settings.database_url.get_secret_value())
            _check_standbys(settings)
            yield reached
            return
        if settings.read_urls:
            raise StartError(f"SPANSTATS_READ_URLS names standbys of the database that {_URL} names: set that as well")
        server = server or EmbeddedServer(settings.data_dir)
        try:
            with usable_directory():
                server.start()
            yield Opened(server.url(), server.url())
        finally:
            server.stop()
    except (EmbeddedServerError, Unavailable) as error:
        raise StartError(str(error)) from error


@contextmanager
def usable_directory() -> Iterator[None]:
    """Raises `StartError` where the block finds that the data directory cannot be made or used."""
    try:
        yield
    except OSError as error:
        path = f"{error.filename}: " if error.filename else ""
        raise StartError(f"{path}{error.strerror or error}: choose another SPANSTATS_DATA_DIR") from error


def _reached(settings: Settings, url: str) -> Opened:
    """Both addresses, once both answer, with what is to be known of a pooler between. Raises `StartError`."""
    _answering(url, settings)
    direct = settings.database_direct_url.get_secret_value() if settings.database_direct_url is not None else None
    mode = _lending(settings, url)
    if mode is Lending.STATEMENT:
        raise StartError(
            "SPANSTATS_DATABASE_URL leads to a pooler that lends a server for one statement: use another mode"
        )
    if direct is not None:
        _answering(direct, settings, _DIRECT)
        if asyncio.run(lending(parse(direct), settings.connect_timeout_s)).is_short:
            raise StartError(
                f"{_DIRECT} leads to a pooler that lends a server for a transaction: name the server itself"
            )
    if mode is not Lending.TRANSACTION:
        own = parse(url)
        return Opened(direct or url, own.with_parameters(pgbouncer="0").url() if own.is_pooled else url)
    if direct is None:
        raise StartError(
            f"{_URL} leads to a pooler that lends a server for one transaction: for migrations and "
            f"background work name the server itself in {_DIRECT}, or use the pooler's session mode"
        )
    return Opened(direct, parse(url).with_parameters(pgbouncer="1").url())


def _check_standbys(settings: Settings) -> None:
    """Raises `StartError` where reads cannot go where they are meant to; a standby that is away may come later."""
    for number, standby in enumerate(settings.read_urls, 1):
        address = parse(standby.url.get_secret_value())
        try:
            mode = asyncio.run(lending(address, settings.connect_timeout_s, is_standby=True))
        except (OSError, TlsError, Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            why = unavailable_because(error) or "it refuses this service"
            log.warning("standby %d is left out: %s", number, why)
        else:
            if mode.is_short:
                raise StartError(
                    f"SPANSTATS_READ_URLS (number {number}) leads to a pooler that lends a server for one transaction: "
                    "name the server itself, or use the pooler's session mode"
                )


def refusal(url: str, timeout_s: float) -> str | None:
    """Why the database takes no connection; `None` where it does."""
    return asyncio.run(refusal_of(url, timeout_s))[0]


def _lending(settings: Settings, url: str) -> Lending:
    """As set, else by the address, else as found out."""
    if settings.database_pooler == "transaction" or (parse(url).is_pooled and settings.database_pooler is None):
        return Lending.TRANSACTION
    try:
        mode = asyncio.run(lending(parse(url), settings.connect_timeout_s))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StartError(f"the database at {parse(url).host_and_name} went away: try again") from error
    if mode.is_short and settings.database_pooler is not None:
        raise StartError(f"SPANSTATS_DATABASE_POOLER is `session`, but {_URL} leads to one that lends for less")
    return mode


def _answering(url: str, settings: Settings, variable: str = _URL) -> str:
    deadline = time.monotonic() + settings.database_wait_s
    while True:
        reason, lasting = asyncio.run(refusal_of(url, settings.connect_timeout_s))
        if reason is None:
            return url
        if lasting or time.monotonic() > deadline:
            raise StartError(f"the database at {parse(url).host_and_name} cannot be used: {reason}: look at {variable}")
        time.sleep(_RETRY_S)
