"""The version of the schema: migrate a database, and check whether it is up to date."""

from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from .outages import ReadOnly, sqlstate
from .session import Database, Kind

_UNDEFINED_TABLE = "42P01"
NO_SCHEMA = (
    "the schema that the address or the user's search_path names does not exist, or may not be used: make it first"
)
_VERSION = "SELECT current_setting('default_transaction_read_only')::bool, (SELECT version_num FROM alembic_version)"


def migrate(url: str) -> None:
    """Run the missing migrations, each in a transaction. Several processes may call this at once.

    Not to be called in an event loop. Raises `alembic.util.CommandError` where the database will not do, and the
    driver's errors.
    """
    command.upgrade(configuration(url), "head")


async def is_current(database: Database) -> bool:
    """Whether the database has exactly the schema that this program is written for. Raises `Unavailable`."""
    return await version(database) == newest()


async def is_ready(database: Database) -> bool:
    """As `is_current`, of a database that takes writes. Raises `Unavailable` where it takes none."""
    return await _version(database, writable=True) == newest()


async def version(database: Database) -> str | None:
    """The revision that the database is at, `None` where it was never migrated."""
    return await _version(database)


async def _version(database: Database, *, writable: bool = False) -> str | None:
    try:
        async with database.transaction(Kind.READ) as tx:
            read_only, revision = await tx.driver.fetchrow(_VERSION)
            if writable and read_only:
                # Raised in here, so that the next look is through another connection.
                raise ReadOnly
    except Exception as error:
        if sqlstate(error.__cause__ or error) == _UNDEFINED_TABLE:
            return None
        raise
    version: str | None = revision
    return version


@cache
def newest() -> str:
    """The revision that this program is written for."""
    head = ScriptDirectory(str(location())).get_current_head()
    if head is None:
        raise FileNotFoundError(f"no migrations in {location()}")
    return head


def configuration(url: str) -> Config:
    """Alembic's configuration for the database at `url`."""
    config = Config()
    config.set_main_option("script_location", str(location()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def location() -> Path:
    """The folder `migrations`: beside `src` in a working copy, else where the wheel put it."""
    beside = Path(__file__).parents[3] / "migrations"
    if (beside / "env.py").exists():
        return beside
    try:
        shipped = files("spanstats") or []
    except PackageNotFoundError:
        shipped = []
    for file in shipped:
        if file.match("share/spanstats/migrations/env.py"):
            return Path(str(file.locate())).resolve().parent
    raise FileNotFoundError("this installation of spanstats has no migrations: install it again")
