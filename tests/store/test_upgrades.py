"""A database with data in every table comes from the first revision to the newest, one by one, and loses nothing."""

import json
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url
from tests.conftest import fresh_database, run_sql

from spanstats.store import schema

COLUMNS = """
SELECT table_name, column_name, udt_name, is_identity FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY table_name, ordinal_position
"""
SAMPLES = {
    "bool": "true",
    "int2": "2",
    "int4": "4",
    "int8": "9007199254740993",
    "float8": "0.1",
    "numeric": "123456789012345678901234567890",
    "text": "'Grüße'",
    "bytea": r"'\x00ff'",
    "json": """'{"b": 1, "a": "é"}'""",
    "jsonb": """'{"a": [1, 2.5, null], "b": "é"}'""",
    "timestamptz": "'2026-01-02 03:04:05.678901+00'",
    "_text": "ARRAY['a', 'b']",
    "_int8": "ARRAY[1, NULL]::bigint[]",
    "_int4": "ARRAY[0, 4]",
    "_int2": "ARRAY[0, 2]::smallint[]",
    "_timestamptz": "ARRAY['2026-01-02 03:04:00+00']::timestamptz[]",
    "varbit": "B'101'",
    "_varbit": "ARRAY[B'111', B'001']::varbit[]",
    "_jsonb": """ARRAY['"a"', '1.0']::jsonb[]""",
}


REFERRING = {"chunk_id": "(SELECT max(id) FROM column_chunks)"}
"""Columns that a foreign key binds to a row of a table that is filled before."""


def revisions() -> list[str]:
    """From the first to the newest."""
    scripts = ScriptDirectory(str(schema.location()))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def columns(url: str) -> dict[str, dict[str, tuple[str, bool]]]:
    by_table: dict[str, dict[str, tuple[str, bool]]] = {}
    for row in run_sql(url, COLUMNS):
        is_identity = row["is_identity"] == "YES"
        by_table.setdefault(row["table_name"], {})[row["column_name"]] = row["udt_name"], is_identity
    return by_table


def indexes(url: str) -> set[str]:
    return {row["indexdef"] for row in run_sql(url, "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'")}


def fill(url: str) -> None:
    for table, described in columns(url).items():
        values = {
            name: REFERRING.get(name, SAMPLES[kind])
            for name, (kind, is_identity) in described.items()
            if not is_identity
        }
        run_sql(url, f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})")


def contents(url: str, tables: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {
        table: [json.loads(row["row"]) for row in run_sql(url, f"SELECT row_to_json(t)::text AS row FROM {table} t")]
        for table in tables
    }


def test_data_of_the_first_revision_is_intact_after_each_upgrade(empty_database_url: str) -> None:
    first, *later = revisions()
    command.upgrade(schema.configuration(empty_database_url), first)
    fill(empty_database_url)
    tables = columns(empty_database_url)
    before = contents(empty_database_url, tables)
    assert all(before.values())
    for revision in later:
        command.upgrade(schema.configuration(empty_database_url), revision)
        newest = columns(empty_database_url)
        after = contents(empty_database_url, {table: newest[table] for table in tables if table in newest})
        for table, rows in after.items():
            shared = tables[table].keys() & newest[table].keys()
            assert [{k: row[k] for k in shared} for row in rows] == [
                {k: row[k] for k in shared} for row in before[table]
            ], (revision, table)
    command.check(schema.configuration(empty_database_url))
    schema.migrate(empty_database_url)
    assert contents(empty_database_url, columns(empty_database_url)).keys() >= before.keys()


@pytest.mark.one_version("what a revision begins with is our choice")
def test_every_upgrade_can_be_begun_from_every_revision(server_url: str) -> None:
    with fresh_database(server_url) as empty:
        schema.migrate(empty)
        command.check(schema.configuration(empty))
        newest = columns(empty), indexes(empty)
    with fresh_database(server_url) as empty:
        for revision in revisions():
            command.upgrade(schema.configuration(empty), revision)
            with fresh_database(server_url, str(make_url(empty).database)) as url:
                fill(url)
                schema.migrate(url)
                assert (columns(url), indexes(url)) == newest, revision


def test_columns_begin_with_every_minute_invalid_that_has_a_rollup(empty_database_url: str) -> None:
    command.upgrade(schema.configuration(empty_database_url), "20261123")
    run_sql(
        empty_database_url,
        "INSERT INTO rollups (experiment_key, level, bucket, n, n_errors, n_cost_pd, n_latency_us, n_tps, n_ttft_us) "
        "SELECT 7, level, '2026-01-02', 1, 0, 0, 0, 0, 0 FROM generate_series(0, 2) AS level",
    )
    schema.migrate(empty_database_url)
    # Marks that a later revision leaves, as if they were not there: no trigger hands these on.
    run_sql(empty_database_url, "TRUNCATE rollup_marks")
    run_sql(empty_database_url, "INSERT INTO rollup_marks SELECT k, '2026-01-03' FROM unnest(ARRAY[7, 7, 8]) AS k")
    invalid = "SELECT experiment_key AS key, minute::date::text AS day FROM column_invalidations ORDER BY 1, 2"
    assert [*map(tuple, run_sql(empty_database_url, invalid))] == [(7, "2026-01-02")]
    # By whomever marks are taken, also by a program that does not know of columns.
    run_sql(empty_database_url, "DELETE FROM rollup_marks")
    assert [*map(tuple, run_sql(empty_database_url, invalid))] == [
        (7, "2026-01-02"),
        (7, "2026-01-03"),
        (8, "2026-01-03"),
    ]


def test_slices_are_emptied_and_never_marked_again_before_they_go(empty_database_url: str) -> None:
    """A version that still reads them reads the traces then."""
    command.upgrade(schema.configuration(empty_database_url), "20261126")
    fill(empty_database_url)
    command.upgrade(schema.configuration(empty_database_url), "20261128_counts")
    run_sql(empty_database_url, "INSERT INTO rollup_marks VALUES (7, '2026-01-03')")
    run_sql(empty_database_url, "DELETE FROM rollup_marks")
    for table in ("slices", "slice_scores", "slice_dictionaries", "slice_marks"):
        assert run_sql(empty_database_url, f"SELECT 1 FROM {table}") == []


def test_columns_go_with_their_experiment_whoever_deletes_it(database_url: str) -> None:
    run_sql(database_url, "INSERT INTO experiments (tenant_id, id) VALUES (1, 'a'), (1, 'b')")
    chunks = "INSERT INTO column_chunks (experiment_key, start_time, end_time, number, n, format)"
    run_sql(database_url, f"{chunks} SELECT key, now(), now(), 0, 1, 1 FROM experiments")
    run_sql(database_url, "INSERT INTO column_data SELECT id, 'model', 'x' FROM column_chunks")
    run_sql(database_url, "INSERT INTO column_invalidations SELECT key, now() FROM experiments")
    run_sql(database_url, "DELETE FROM experiments WHERE id = 'a'")
    for table in ("column_chunks", "column_data", "column_invalidations"):
        assert len(run_sql(database_url, f"SELECT 1 FROM {table}")) == 1
