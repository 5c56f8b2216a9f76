"""Bringing a database up to date, also one with other programs' tables; what is in the way is reported in one line."""

import asyncio
import re

import asyncpg
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from .errors import StartError, Unavailable
from .store import schema
from .store.outages import sqlstate, unavailable_because
from .store.session import Database, create_engine
from .store.tls import TlsError

_OWN_REVISION = re.compile("[0-9]{8}")
_ANOTHERS = "another program: give spanstats a database, or a schema (`?schema=NAME` in its address), of its own"
_TAKEN = f"the schema holds a table or a function that is called as one of ours is, and belongs to {_ANOTHERS}"
_BROKEN = "the tables are not those of the version that `alembic_version` names: restore the database from a backup"

_WHAT_TO_DO = {
    "55P03": "the tables are in use by others: stop them, or try again later",
    "42501": "this user of the database may not make or change tables: grant it CREATE on the schema, or have their "
    "owner run `spanstats migrate`",
    "3F000": schema.NO_SCHEMA,
    **dict.fromkeys(("42P07", "42710", "42723", "42809"), _TAKEN),
    **dict.fromkeys(("42P01", "42703", "42883"), _BROKEN),
    "42704": "the server lacks a Unicode collation: it was built without ICU",
}
"""By SQLSTATE: what is wrong, and what to do."""

_OF_ANOTHER_USER = (
    "a table, index or function that is called as one of ours belongs to another user of the database: have that user "
    "run `spanstats migrate`, or give spanstats a schema (`?schema=NAME` in its address) of its own"
)
_MAY_NOT_USE = (
    "this user of the database may not use the tables: grant it SELECT, INSERT, UPDATE and DELETE on all tables of the "
    "schema, and USAGE on its sequences"
)


def migrate(url: str) -> None:
    """Bring the schema up to date. Raises `StartError`."""
    try:
        schema.migrate(url)
    except CommandError as error:
        raise StartError(_about_revisions(str(error))) from error
    except (Unavailable, TlsError) as error:
        raise StartError(f"cannot migrate: {error}") from error
    except (DBAPIError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if (advice := _what_to_do(error)) is not None:
            raise StartError(advice) from error
        if (reason := unavailable_because(error)) is None:
            raise
        raise StartError(f"cannot migrate: {reason}") from error


def _what_to_do(error: Exception) -> str | None:
    # PostgreSQL has one code for a right that is lacking and for what belongs to another user.
    if sqlstate(error) == "42501" and "must be owner" in str(error):
        return _OF_ANOTHER_USER
    return _WHAT_TO_DO.get(sqlstate(error) or "")


def _about_revisions(text: str) -> str:
    """Alembic knows no programs: the revision that it cannot find may be of another one."""
    unknown = re.search("locate revision identified by '(.*)'", text)
    if unknown is None:
        return text
    if _OWN_REVISION.fullmatch(unknown[1]):
        return "the database has the schema of another version of spanstats: run that version, or a newer one"
    return f"the table `alembic_version` of this schema belongs to {_ANOTHERS}"


def check_schema(url: str) -> None:
    """Raises `StartError` where the schema is not the one that this program is written for, or may not be used."""

    async def current() -> bool:
        engine = create_engine(url)
        try:
            return await schema.is_current(Database(engine))
        finally:
            await engine.dispose()

    try:
        is_current = asyncio.run(current())
    except Unavailable as error:
        if sqlstate(error.__cause__ or error) == "42501":
            raise StartError(_MAY_NOT_USE) from error
        raise
    if not is_current:
        raise StartError("the database's schema is not that of this version: run `spanstats migrate`")
