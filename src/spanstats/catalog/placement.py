"""Which databases belong together as shards, and in which of them a tenant lives.

The first database has a row for each shard in `shards`, every other one a row of its own: so no database is taken for
another one, with any settings. Ids of experiments, datasets and test cases are unique over all shards: each
takes them from a range of its own.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.keys import TenantId
from ..domain.shards import FIRST, MOST_BESIDE
from ..errors import Conflict, NotFound
from ..store.session import Database, Driver, Kind

_LOCK = "LOCK TABLE shards IN SHARE ROW EXCLUSIVE MODE"
_ROWS = "SELECT name, number, installation FROM shards ORDER BY number"
_ADD = "INSERT INTO shards (name, number, installation) VALUES ($1, $2, $3)"
# What a database in use has; the tenants and keys of another directory too.
_IN_USE = """
SELECT EXISTS (SELECT 1 FROM traces) OR EXISTS (SELECT 1 FROM experiments) OR EXISTS (SELECT 1 FROM datasets)
    OR EXISTS (SELECT 1 FROM projects) OR EXISTS (SELECT 1 FROM tenants)
"""
_LIVES_IN = "SELECT id, shard FROM tenants WHERE name = $1"

_INTEGERS, _BIG_INTEGERS = ("datasets.id", "test_cases.id"), ("experiments.key", "column_chunks.id")
_RANGE = "ALTER TABLE {table} ALTER COLUMN {column} SET MINVALUE {least} SET MAXVALUE {most} SET START {least}{restart}"
# The first shard keeps the lower half of what an integer can be, the others share the upper one.
_HALF = 2**30
_PART = _HALF // MOST_BESIDE
_BIG_PART = 2**40


@dataclass(frozen=True, slots=True)
class Home:
    """A tenant, and the shard in which all that it has stored is."""

    tenant_id: TenantId
    shard: str


async def home_of(directory: Database, tenant: str) -> Home:
    """Where the tenant of this name lives. Raises `NotFound`, `Unavailable`."""
    async with directory.transaction(Kind.READ) as tx:
        row = await tx.driver.fetchrow(_LIVES_IN, tenant)
    if row is None:
        raise NotFound(f"There is no tenant {tenant}")
    return Home(row["id"], row["shard"])


async def register(directory: Database, shard: Database, name: str) -> None:
    """Make a migrated database the shard of this name, unless it is already.

    Raises `Conflict` where it is another shard or another installation's, or holds data and was no shard so far.
    """
    async with directory.transaction(Kind.WRITE) as tx:
        number, installation = await _numbered(tx.driver, name)
    async with shard.transaction(Kind.WRITE) as tx:
        await tx.driver.execute(_LOCK)
        if rows := await tx.driver.fetch(_ROWS):
            if [tuple(row) for row in rows] != [(name, number, installation)]:
                raise Conflict(f"the database of shard {name} is that of another shard or installation")
            return
        if await tx.driver.fetchval(_IN_USE):
            raise Conflict(f"the database of shard {name} holds data already: a new shard begins empty")
        for statement in _ranges(number):
            await tx.driver.execute(statement)
        await tx.driver.execute(_ADD, name, number, installation)


async def is_registered(directory: Database, shard: Database, name: str) -> bool:
    """Whether the shard of this name is this database. Raises `Unavailable`."""
    async with directory.transaction(Kind.READ) as tx:
        rows_of_directory = {row["name"]: tuple(row) for row in await tx.driver.fetch(_ROWS)}
    async with shard.transaction(Kind.READ) as tx:
        return [tuple(row) for row in await tx.driver.fetch(_ROWS)] == [rows_of_directory.get(name)]


async def _numbered(driver: Driver, name: str) -> tuple[int, str]:
    """The shard's number and the installation that it belongs to; both are kept."""
    await driver.execute(_LOCK)
    rows = await driver.fetch(_ROWS)
    if not rows:
        await driver.execute(_ADD, FIRST, 0, secrets.token_hex(16))
        for statement in _ranges(0):
            await driver.execute(statement)
        rows = await driver.fetch(_ROWS)
    if rows[0]["name"] != FIRST:
        raise Conflict("SPANSTATS_DATABASE_URL names a database that is a shard itself: name the first database")
    for row in rows:
        if row["name"] == name:
            return row["number"], row["installation"]
    if len(rows) > MOST_BESIDE:
        raise Conflict(f"there are {MOST_BESIDE} shards beside the first already")
    number, installation = rows[-1]["number"] + 1, rows[0]["installation"]
    await driver.execute(_ADD, name, number, installation)
    return number, installation


def _ranges(number: int) -> Sequence[str]:
    """Statements that give the shard of this number its part of all ids."""
    integers = (1, _HALF - 1) if number == 0 else (_HALF + (number - 1) * _PART, _HALF + number * _PART - 1)
    big = max(1, number * _BIG_PART), (number + 1) * _BIG_PART - 1
    restart = "" if number == 0 else " RESTART"
    return [
        _RANGE.format(table=table, column=column, least=least, most=most, restart=restart)
        for columns, (least, most) in ((_INTEGERS, integers), (_BIG_INTEGERS, big))
        for table, column in (name.split(".") for name in columns)
    ]
