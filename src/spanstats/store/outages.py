"""Failures of the database: which are outages, and how they are worded."""

import asyncio

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ..errors import SpanstatsError, Unavailable, invalid

# SQLSTATE classes and codes after which the same request may well succeed later.
# (connection, authorization, catalog name, resources, intervention, system; read-only and locks by code).
_TRANSIENT_CLASSES = ("08", "28", "3D", "53", "57", "58")
_POOLER = "a connection pooler lends another server than was prepared: see SPANSTATS_DATABASE_POOLER"
# An expression that a filter brought: the database alone knows whether it is one.
_PATTERN = "2201B"
_CANCELLED = "57014"
_TRANSIENT_CODES = {
    "25006": "the database is read-only",
    # Somebody else changed what the start had looked at.
    "42501": "this service's user of the database lacks a right",
    "42P01": "tables of the database are missing",
    "3F000": "the schema of the database is missing",
    "26000": _POOLER,
    "42P05": _POOLER,
    "40001": "the database is busy",
    "40P01": "the database is busy",
    "55P03": "the database is busy",
    _CANCELLED: "the query took longer than this service allows",
    "53100": "the database's disk is full",
}
# The code of a standby, and of a server whose writes were turned off.
_READ_ONLY = "25006"
# Codes that mean much else too: the function of the server that raised it decides, since messages are translated.
_OF_A_STANDBY = {("0A000", "call_bool_check_hook"), ("55000", "LockAcquireExtended")}
# A statement was prepared before a table was changed.
_OUTDATED = ("0A000", "RevalidateCachedQuery")
RETRYABLE = frozenset({"40001", "40P01"})
# Statement timeout, lock timeout and these: another request may well succeed.
_OF_ONE_REQUEST = RETRYABLE | {"57014", "55P03"}


class ReadOnly(Unavailable):
    """The server takes no writes: a standby, or one whose writes were turned off."""

    def __init__(self) -> None:
        super().__init__(_TRANSIENT_CODES[_READ_ONLY])


class NoStandby(Unavailable):
    """The server that reads were to go to is no standby, or no longer."""

    def __init__(self) -> None:
        super().__init__("it is no hot standby")


class TenantMoved(Unavailable):
    """The tenant is being moved to another shard, or lives in another one by now."""

    def __init__(self) -> None:
        super().__init__("this tenant is being moved to another shard")


class StandbyLost(Unavailable):
    """A standby failed, or would not go on, in the middle of a read: the primary can be asked the same."""


class translated:  # noqa: N801 (used as a statement, like contextlib's)
    """Turns a failure of the database into `Unavailable`, and an invalid regular expression into `InvalidInput`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, SpanstatsError):
            return
        if sqlstate(error) == _PATTERN:
            raise invalid(f"is no regular expression of the database: {_reason(error)}", code="regex") from error
        message = unavailable_because(error)
        if message is not None:
            raise Unavailable(message) from error


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's five-letter code, wherever the error came through."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return getattr(error.orig, "sqlstate", None)
    return getattr(error, "sqlstate", None)


def is_cancelled(error: Unavailable) -> bool:
    """Whether a statement took longer than it may."""
    return error.__cause__ is not None and sqlstate(error.__cause__) == _CANCELLED


def _reason(error: BaseException) -> str:
    """What follows the last colon of the message: of an invalid expression that says why, and quotes nothing."""
    message = str(error.orig if isinstance(error, DBAPIError) else error)
    return message.rsplit(": ", 1)[-1]


def must_reconnect(error: BaseException) -> bool:
    """Whether only another connection can help: the server says that it is no primary, or no longer, says nothing, or
    is not the one that was there before.
    """
    if isinstance(error, ReadOnly):
        return True
    if isinstance(error, TimeoutError) and not isinstance(error, PoolTimeout):
        return True
    code = sqlstate(error) or ""
    return code in (_READ_ONLY, "26000", "42P05") or code.startswith("57P0") or _reason_by_function(error) is not None


def _reason_by_function(error: BaseException) -> str | None:
    """Why the database could not serve, where the code alone does not say it."""
    cause: BaseException | None = error
    while isinstance(cause, DBAPIError | AsyncAdapt_asyncpg_dbapi.Error):
        # SQLAlchemy's errors wrap the driver's.
        cause = cause.orig if isinstance(cause, DBAPIError) else cause.__cause__
    code_and_function = sqlstate(error), getattr(cause, "server_source_function", None)
    if code_and_function in _OF_A_STANDBY:
        return _TRANSIENT_CODES[_READ_ONLY]
    return "the tables of the database were changed just now" if code_and_function == _OUTDATED else None


def unavailable_because(error: BaseException) -> str | None:
    """Why the database could not serve, in words that are safe to show; `None` where it is no outage."""
    code = sqlstate(error)
    if (reason := _reason_by_function(error)) is not None:
        return reason
    if code is not None:
        if code in _TRANSIENT_CODES:
            return _TRANSIENT_CODES[code]
        return "the database is away" if code.startswith(_TRANSIENT_CLASSES) else None
    if isinstance(error, PoolTimeout):
        return "all connections to the database are in use"
    if isinstance(error, asyncpg.InternalClientError):
        # What the driver says when the last words of a dying server cross a new statement.
        return "the database is away"
    if isinstance(error, asyncpg.InterfaceError | InterfaceError):
        # Also asyncpg's word for a wrong call, which is no outage.
        return "the database is away" if "closed" in str(error) else None
    return "the database is away" if isinstance(error, OSError | asyncio.TimeoutError) else None


def is_outage(error: Exception) -> bool:
    """Whether the next request would fail in the same way."""
    if not isinstance(error, Unavailable) or isinstance(error, TenantMoved):
        return False
    return sqlstate(error.__cause__ or error) not in _OF_ONE_REQUEST
