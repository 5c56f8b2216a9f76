"""The suite with two shards: where SPANSTATS_TEST_SHARDS is set, the tenants of every test live in a second shard.

The database of a test then has two schemas. `public` is the first shard, with the directory: keys, and where tenants
live. `two` is the second, to which the address and the engine of the test lead. Tests do not know: their keys are kept
in the directory, their applications and services are given both shards.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import Any

from sqlalchemy.engine import make_url

from spanstats.catalog import keys, placement
from spanstats.catalog.keys import DEFAULT_TENANT, Placing
from spanstats.store.schema import migrate
from spanstats.store.session import Database, create_engine

ON, ON_CITUS = "SPANSTATS_TEST_SHARDS", "SPANSTATS_TEST_CITUS"
IS_ON = bool(os.environ.get(ON))

_NAME = "two"
_PLACING = Placing(("first", _NAME), _NAME)
_URL, _SHARDS = "SPANSTATS_DATABASE_URL", "SPANSTATS_SHARDS"
# As docs/operations.md has it for a shard on Citus, but that the coordinator has the shards: a database that is copied
# from a template leaves those of other nodes behind.
_DISTRIBUTE = (
    "CREATE EXTENSION IF NOT EXISTS citus",
    "SELECT citus_set_coordinator_host('localhost', current_setting('port')::int)",
    "SELECT citus_set_node_property('localhost', current_setting('port')::int, 'shouldhaveshards', true)",
    f"DROP TRIGGER hand_on_marks ON {_NAME}.rollup_marks",
    f"DROP TRIGGER forget_columns ON {_NAME}.experiments",
    f"SELECT citus_schema_distribute('{_NAME}')",
)
_directories: dict[str, str] = {}
"""Addresses of first shards by the names of their databases."""
# The ids of the second shard begin where those of one database do: tests name them.
_FROM_ONE = "ALTER TABLE two.{} ALTER COLUMN {} SET MINVALUE 1 SET START 1 RESTART"


def add_second_shard(directory_url: str, run_sql: Callable[[str, str], object]) -> None:
    """Give a migrated database a second shard, in which tenant `default` lives."""
    run_sql(directory_url, f"CREATE SCHEMA {_NAME}")
    migrate(in_second(directory_url))
    asyncio.run(_register(directory_url))
    for table, column in (("experiments", "key"), ("datasets", "id"), ("test_cases", "id")):
        run_sql(directory_url, _FROM_ONE.format(table, column))
    if os.environ.get(ON_CITUS):
        for statement in _DISTRIBUTE:
            run_sql(directory_url, statement)


async def _register(directory_url: str) -> None:
    first, second = (Database(create_engine(url)) for url in (directory_url, in_second(directory_url)))
    await placement.register(first, second, _NAME)
    await keys.ensure_tenant(first, DEFAULT_TENANT, _PLACING)
    for database in (first, second):
        await database.dispose()


def in_second(directory_url: str) -> str:
    """The address of the second shard of this database."""
    url = make_url(directory_url)
    _directories[url.database or ""] = directory_url
    return url.update_query_dict({"schema": _NAME}).render_as_string(hide_password=False)


def directory_of(url: str) -> str | None:
    """The address of the first shard, where this one is the second's."""
    if f"schema={_NAME}" not in url:
        return None
    parsed = make_url(url)
    return parsed.difference_update_query(["schema"]).render_as_string(hide_password=False)


def first_of(url: str) -> str:
    """The address of the database with the directory."""
    return directory_of(url) or url


def settings_for(url: str) -> dict[str, Any]:
    """The settings of an application whose tenants live in the database of this address."""
    directory = directory_of(url)
    return {"database_url": url} if directory is None else {"database_url": directory, "shards": f"{_NAME}={url}"}


def variables_for(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of a process, where they name a second shard with the first before it."""
    directory = directory_of(environment.get(_URL, ""))
    if directory is None:
        return dict(environment)
    return {**environment, _URL: directory, _SHARDS: f"{_NAME}={environment[_URL]}"}


def keep_keys_in_directory() -> None:
    """Have what tests ask of keys in a second shard done in the first."""
    for work in (keys.create, keys.ensure, keys.list_keys, keys.revoke, keys.find, keys.ensure_tenant):
        setattr(keys, work.__name__, _in_directory(work))
    placement.home_of = _in_directory(placement.home_of)


def _in_directory(work: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(work)
    async def in_directory(database: Database, *args: Any, **kwargs: Any) -> Any:
        url = database.engine.url
        if url.query.get("schema") != _NAME:
            return await work(database, *args, **kwargs)
        if "placing" in signature(work).parameters:
            kwargs.setdefault("placing", _PLACING)
        directory = Database(create_engine(_directories[url.database or ""]))
        try:
            return await work(directory, *args, **kwargs)
        finally:
            await directory.dispose()

    return in_directory
