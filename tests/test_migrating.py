"""Databases as they are found: rights, schemas, other programs' tables, a role's limits. One line says what to do."""

import asyncio
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy.engine import make_url

from spanstats.errors import StartError
from spanstats.migrating import check_schema, migrate
from spanstats.store import schema
from spanstats.store.session import Database, create_engine

from .conftest import fresh_database, run_sql

_numbers = itertools.count()

DatabaseWith = Callable[..., str]


@pytest.fixture
def database_with(server_url: str) -> Iterator[DatabaseWith]:
    """Makes a database in which these statements were run, and a role of its own (`guest` in them); its address."""
    role = f"spanstats_guest_{os.getpid()}_{next(_numbers)}"
    run_sql(server_url, f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    with ExitStack() as opened:
        opened.callback(run_sql, server_url, f"DROP ROLE {role}")

        def make(*statements: str, options: str = "ENCODING 'UTF8'") -> str:
            url = opened.enter_context(fresh_database(server_url, options=options))
            opened.callback(run_sql, url, f"DROP OWNED BY {role}")
            for statement in statements:
                run_sql(url, statement.replace("guest", role))
            return make_url(url).set(username=role, password="x").render_as_string(hide_password=False)  # noqa: S106

        yield make


OWN = "GRANT ALL ON SCHEMA public TO guest"


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        # PostgreSQL 15 and later let nobody but the owner of a database make tables in `public`.
        ([], "grant it CREATE"),
        (["CREATE SCHEMA app", "ALTER ROLE guest SET search_path = app"], "does not exist, or may not be used"),
        (["ALTER ROLE guest SET search_path = nowhere"], "does not exist, or may not be used"),
        ([OWN, "CREATE TABLE projects (id int)"], "another program"),
        ([OWN, "CREATE VIEW experiments AS SELECT 1 AS id"], "another program"),
        ([OWN, "CREATE MATERIALIZED VIEW traces AS SELECT 1 AS id"], "another program"),
        ([OWN, "CREATE TYPE spans AS (id int)"], "another program"),
        ([OWN, "CREATE SEQUENCE scores"], "another program"),
        ([OWN, "CREATE DOMAIN projects AS int"], "another program"),
        ([OWN, "CREATE TABLE theirs (id int)", "CREATE INDEX ix_traces_measured ON theirs (id)"], "another user"),
        ([OWN, "CREATE FUNCTION lower_unicode(text) RETURNS text LANGUAGE sql AS 'SELECT $1'"], "another program"),
        (
            [
                OWN,
                "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
                "INSERT INTO alembic_version VALUES ('9f2d1c0b7a11')",
                "ALTER TABLE alembic_version OWNER TO guest",
            ],
            "alembic_version.*another program",
        ),
        (
            [
                OWN,
                "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
                "INSERT INTO alembic_version VALUES ('20261121')",
                "ALTER TABLE alembic_version OWNER TO guest",
            ],
            "not those of the version",
        ),
        ([OWN, "CREATE TABLE alembic_version (other int)", "ALTER TABLE alembic_version OWNER TO guest"], "version"),
        ([OWN, "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"], "may not|grant"),
        ([OWN, "ALTER ROLE guest SET default_transaction_read_only = on"], "read-only"),
    ],
)
@pytest.mark.every_case("the messages are those of the server")
def test_what_is_in_the_way_is_told_in_one_line(database_with: DatabaseWith, statements: list[str], why: str) -> None:
    url = database_with(*statements)
    with pytest.raises(StartError, match=why) as raised:
        migrate(url)
    assert "\n" not in str(raised.value)


def test_another_encoding_is_refused(database_with: DatabaseWith) -> None:
    url = database_with(OWN, options="ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'")
    with pytest.raises(StartError, match="must be UTF8"):
        migrate(url)


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE SCHEMA app AUTHORIZATION guest", "ALTER ROLE guest SET search_path = app"],
        # Another program's tables of the same names stand in `public`, visible to us.
        [
            "CREATE SCHEMA app AUTHORIZATION guest",
            "ALTER ROLE guest SET search_path = app, public",
            "CREATE TABLE projects (id int)",
            "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
            "INSERT INTO alembic_version VALUES ('9f2d1c0b7a11')",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest",
        ],
        [
            OWN,
            "CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(1); END$$",
            "CREATE EVENT TRIGGER wait ON ddl_command_start WHEN TAG IN ('CREATE FUNCTION') EXECUTE FUNCTION wait()",
            "ALTER ROLE guest SET statement_timeout = 500",
            "ALTER ROLE guest SET lock_timeout = 1",
        ],
        [OWN, "ALTER ROLE guest SET default_transaction_isolation = 'serializable'"],
        [
            OWN,
            *(
                f"ALTER ROLE guest SET {name} = 500"
                for name in ("idle_in_transaction_session_timeout", "idle_session_timeout")
            ),
            "DO $$BEGIN IF current_setting('server_version_num')::int >= 170000 THEN "
            "ALTER ROLE guest SET transaction_timeout = 1000; END IF; END$$",
        ],
        [
            OWN,
            *(
                f"ALTER ROLE guest SET {setting}"
                for setting in (
                    "standard_conforming_strings = off",
                    "bytea_output = 'escape'",
                    "datestyle = 'SQL, DMY'",
                    "intervalstyle = 'sql_standard'",
                    "timezone = 'Asia/Kathmandu'",
                    "extra_float_digits = -15",
                    "client_min_messages = 'debug1'",
                    "default_transaction_deferrable = on",
                    "xmloption = 'document'",
                    "array_nulls = off",
                )
            ),
        ],
    ],
    ids=[
        "own schema",
        "own schema before public",
        "limits of the role",
        "serializable role",
        "further limits of the role",
        "how the role writes values",
    ],
)
def test_what_is_not_in_the_way_is_left_alone(database_with: DatabaseWith, statements: list[str]) -> None:
    url = database_with(*statements)
    migrate(url)
    check_schema(url)
    [row] = run_sql(url, "SELECT count(*) AS n FROM pg_tables WHERE tableowner = current_user")
    assert row["n"] > 10
    migrate(url)


def test_a_schema_may_be_named_in_the_address(database_with: DatabaseWith) -> None:
    url = database_with("CREATE SCHEMA app AUTHORIZATION guest", "CREATE TABLE projects (id int)")
    own = f"{url}{'&' if '?' in url else '?'}schema=app"
    migrate(own)
    check_schema(own)
    with pytest.raises(StartError, match="spanstats migrate"):
        check_schema(url)


def test_a_user_that_may_not_read_is_told_so(database_with: DatabaseWith, server_url: str) -> None:
    url = database_with("SELECT 1")
    admin = make_url(server_url).set(database=make_url(url).database).render_as_string(hide_password=False)
    migrate(admin)
    with pytest.raises(StartError, match="grant it SELECT"):
        check_schema(url)
    assert not asyncio.run(_is_current(f"{admin}{'&' if '?' in admin else '?'}schema=none"))


async def _is_current(url: str) -> bool:
    engine = create_engine(url)
    try:
        return await schema.is_current(Database(engine))
    finally:
        await engine.dispose()
