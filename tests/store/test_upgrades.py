"""A database with data in every table comes from any revision to the newest, and loses nothing."""

import json
from collections.abc import Iterable, Set
from typing import Any

from alembic import command
from alembic.script import ScriptDirectory
from tests.conftest import fresh_database, run_sql

from spanstats.store import schema

COLUMNS = """
SELECT table_name, column_name, udt_name, is_identity FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY table_name, ordinal_position
"""
SAMPLES = {
    "bool": "true",
    "float8": "0.1",
    "numeric": "123456789012345678901234567890",
    "json": """'{"b": 1, "a": "é"}'""",
    "jsonb": """'{"a": [1, 2.5, null], "b": "é"}'""",
    "_text": "ARRAY['a', 'b']",
    "_int8": "ARRAY[1, NULL]::bigint[]",
    "_int4": "ARRAY[0, 4]",
    "_int2": "ARRAY[0, 2]::smallint[]",
    "_timestamptz": "ARRAY['2026-01-02 03:04:00+00']::timestamptz[]",
    "varbit": "B'101'",
    "_varbit": "ARRAY[B'111', B'001']::varbit[]",
    "_jsonb": """ARRAY['"a"', '1.0']::jsonb[]""",
}


NUMBERED = {
    "int2": "2 + {}",
    "int4": "4 + {}",
    "int8": "9007199254740993 - {}",
    "text": "'Grüße {}'",
    "bytea": r"'\x00ff' || int4send({})",
    "timestamptz": "'2026-01-02 03:04:05.678901+00'::timestamptz + {} * interval '1 min'",
}
"""Samples of the types that keys have, which differ by a number."""

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


def sample(kind: str, number: int) -> str:
    return NUMBERED[kind].format(number) if kind in NUMBERED else SAMPLES[kind]


def fill(url: str, number: int = 0) -> None:
    """A row in every table; those of different numbers differ in their keys."""
    statements = []
    for table, described in columns(url).items():
        values = {
            name: REFERRING.get(name) or sample(kind, number)
            for name, (kind, is_identity) in described.items()
            if not is_identity
        }
        statements.append(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})")
    run_sql(url, f"DO $$ BEGIN {'; '.join(statements)}; END $$")


def contents(url: str, tables: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    by_table: dict[str, list[dict[str, Any]]] = {table: [] for table in tables}
    selects = [f"SELECT '{table}' AS table, row_to_json(t)::text AS row FROM {table} t" for table in by_table]
    for row in run_sql(url, " UNION ALL ".join(selects)):
        by_table[row["table"]].append(json.loads(row["row"]))
    return by_table


def values_of(rows: list[dict[str, Any]], names: Set[str]) -> list[str]:
    """These columns of all rows, in an order that no upgrade changes."""
    return sorted(json.dumps({name: row[name] for name in sorted(names)}) for row in rows)


def test_every_upgrade_can_be_begun_from_every_revision_and_loses_nothing(
    server_url: str, empty_database_url: str
) -> None:
    """Each has a transaction of its own, and rows in its way that were stored at every revision before it."""
    with fresh_database(server_url) as empty:
        schema.migrate(empty)
        command.check(schema.configuration(empty))
        newest = columns(empty), indexes(empty)
    first, *later = revisions()
    command.upgrade(schema.configuration(empty_database_url), first)
    fill(empty_database_url)
    tables = columns(empty_database_url)
    before = contents(empty_database_url, tables)
    assert all(before.values())
    for number, revision in enumerate(later, 1):
        command.upgrade(schema.configuration(empty_database_url), revision)
        present = columns(empty_database_url)
        after = contents(empty_database_url, tables.keys() & present.keys())
        for table, rows in after.items():
            shared = tables[table].keys() & present[table].keys()
            assert values_of(rows, shared) == values_of(before[table], shared), (revision, table)
        fill(empty_database_url, number)
        before = contents(empty_database_url, tables.keys() & present.keys())
    assert (columns(empty_database_url), indexes(empty_database_url)) == newest
    schema.migrate(empty_database_url)
    assert contents(empty_database_url, before.keys()) == before


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
