"""The migrations make the tables that the program is written for."""

import os

import pytest
from alembic import command
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.conftest import fresh_database, run_sql
from tests.forks import Forked
from tests.services import environment

from spanstats.store import schema
from spanstats.store.session import Database, create_engine

__all__ = ["environment"]


def test_migrated_database_has_the_tables_of_the_program(database_url: str) -> None:
    command.check(schema.configuration(database_url))


def test_migrating_down_leaves_nothing_behind(database_url: str) -> None:
    command.downgrade(schema.configuration(database_url), "base")
    left = run_sql(database_url, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    assert [row["tablename"] for row in left] == ["alembic_version"]
    schema.migrate(database_url)
    command.check(schema.configuration(database_url))


@pytest.mark.one_version("our lock has them take turns")
def test_several_processes_may_migrate_at_once(empty_database_url: str, environment: dict[str, str]) -> None:
    environment["SPANSTATS_DATABASE_URL"] = empty_database_url
    with open(os.devnull, "wb") as nowhere:
        processes = [Forked(["migrate"], environment, nowhere, nowhere) for _ in range(3)]
        assert [process.wait(60) for process in processes] == [0, 0, 0]
    command.check(schema.configuration(empty_database_url))


@pytest.mark.anyio
async def test_a_schema_is_current_only_at_the_newest_revision(engine: AsyncEngine) -> None:
    assert await schema.is_current(Database(engine))
    async with engine.connect() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'another'"))
    assert not await schema.is_current(Database(engine))


@pytest.mark.anyio
async def test_a_database_never_migrated_has_no_version(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    try:
        assert await schema.version(Database(engine)) is None
        assert not await schema.is_current(Database(engine))
    finally:
        await engine.dispose()


def test_a_database_that_is_not_utf8_is_refused_with_a_way_out(server_url: str) -> None:
    options = "ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"
    with fresh_database(server_url, options=options) as url, pytest.raises(CommandError, match="must be UTF8"):
        schema.migrate(url)


@pytest.mark.parametrize(
    ("left", "right"), [("ÀÉÎ", "àéî"), ("ΑΒΓ", "αβγ"), ("ПРИВЕТ", "привет"), ("PLAIN 1", "plain 1")]
)
@pytest.mark.every_case("the server folds them")
def test_case_folds_for_every_script_whatever_the_locale(database_url: str, left: str, right: str) -> None:
    folded = f"SELECT lower_unicode('{left}') = '{right}' AS same, lower_unicode(NULL) IS NULL AS null"
    [row] = run_sql(database_url, folded)
    assert row["same"]
    assert row["null"]


def test_the_log_of_marks_is_vacuumed_soon_and_never_truncated(database_url: str) -> None:
    [row] = run_sql(database_url, "SELECT reloptions FROM pg_class WHERE oid = 'rollup_marks'::regclass")
    assert set(row["reloptions"]) == {
        "vacuum_truncate=off",
        "autovacuum_vacuum_scale_factor=0",
        "autovacuum_vacuum_threshold=1000",
        "autovacuum_vacuum_insert_threshold=-1",
    }
