"""The plans that the answers' speed rests on, on enough rows for the planner to choose as it does on many."""

import itertools
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar import plan
from spanstats.columnar.arms import Arm
from spanstats.columnar.format import MEASURED
from spanstats.columnar.plan import plan_of
from spanstats.columnar.reader import Columns
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.keys import ExperimentKey, TenantId
from spanstats.filters.bind import bind
from spanstats.filters.compile import compile_predicate
from spanstats.filters.disjuncts import compile_disjuncts, compile_filter
from spanstats.filters.many_traces import asked_of_many
from spanstats.filters.trace_fields import TRACES
from spanstats.ingest import changes, identities, pending, reading, relatives, write_statements
from spanstats.reading import logs, sizes, whole_traces
from spanstats.reading import spans as reading_spans
from spanstats.stats import from_columns, ranges, rolled_up, traces
from spanstats.stats.maintenance import refresh_rollups
from spanstats.stats.matching import within
from spanstats.stats.summary import Estimates, filtered, sums_statement
from spanstats.stats.sums import Window
from spanstats.store import erase, packed_payloads, spans
from spanstats.store.session import Database, Driver, Kind, Transaction
from spanstats.store.tables import traces as traces_table

from .warming import refresh_columns

pytestmark = pytest.mark.anyio
ROWS = 20_000
COVERED = ["status", "total_cost", "total_tokens", "duration", "total_prompt_tokens", "model"]
VALUES = {"status": "error", "model": "m1"}

_FILL = f"""
INSERT INTO experiments (tenant_id, id) VALUES (1, 'e1');
INSERT INTO traces (tenant_id, trace_id, experiment_key, start_time, end_time, latency_us, prompt_tokens,
    completion_tokens, total_tokens, cost_pd, n_spans, n_errors, n_llm_calls, has_root, many_models, status, model,
    name, root_span_id, metadata, score_keys, score_values, entry)
SELECT 1, 't' || n, n % 4 + 1, '2026-05-01Z'::timestamptz + n * interval '30 seconds', '2026-06-01Z', n, n, n, n, n, 1,
    0, 0, true, false, CASE WHEN n % 9 = 0 THEN 'error' ELSE 'success' END, 'm' || n % 5, 'name', 't' || n,
    jsonb_build_object('user', n), ARRAY['s'], ARRAY[n], repeat('x', 200)
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO spans (tenant_id, trace_id, span_id, by_span_id, status, start_time, end_time, borrow, filled, received_at)
SELECT 1, 't' || n, 's' || n, true, 'success', now(), now(), 0, 0, now() FROM generate_series(1, {ROWS}) AS n;
INSERT INTO rollup_marks SELECT DISTINCT experiment_key, date_trunc('minute', start_time) FROM traces;
"""


async def fill(engine: AsyncEngine) -> None:
    async with Database(engine).transaction(Kind.CACHES) as tx:
        await tx.driver.execute(_FILL)
    await refresh_rollups(Database(engine))
    async with engine.connect() as connection:
        for table in ("traces", "spans", "rollups", "rollup_marks"):
            await connection.exec_driver_sql(f"VACUUM (ANALYZE) {table}")


async def nodes(driver: Driver, sql: str, *values: Any, analyze: bool = True) -> list[dict[str, Any]]:
    """All nodes of the plan, as it ran unless it is only planned."""
    (row,) = await driver.fetch(f"EXPLAIN (ANALYZE {analyze}, FORMAT JSON) {sql}", *values)
    document = json.loads(row[0]) if isinstance(row[0], str) else row[0]
    pending, visited = [document[0]["Plan"]], []
    while pending:
        visited.append(pending.pop())
        pending += visited[-1].get("Plans", [])
    return visited


def rows_read(plan: list[dict[str, Any]], table: str) -> int:
    """Rows that the scans of the table gave or threw away; what EXPLAIN shows is per loop."""
    scans = [n for n in plan if n.get("Relation Name") == table]
    return sum(n["Actual Loops"] * (n["Actual Rows"] + n.get("Rows Removed by Filter", 0)) for n in scans)


async def test_an_unfiltered_summary_reads_rollups_and_no_trace(filled: AsyncEngine) -> None:
    async with Database(filled).transaction(Kind.SNAPSHOT) as tx:
        plan = await nodes(tx.driver, rolled_up.STATEMENT, *ranges.bounds(Window()), 1)
    assert rows_read(plan, "traces") == 0
    assert 0 < rows_read(plan, "rollups") <= 10
    assert {n["Node Type"] for n in plan if n.get("Relation Name") == "rollups"} == {"Index Scan"}


@pytest.mark.parametrize("field", COVERED)
async def test_a_summary_filtered_by_a_covered_field_reads_the_index_alone(filled: AsyncEngine, field: str) -> None:
    plan = await _summed(filled, field, VALUES.get(field, 50))
    scan, *others = sorted((n for n in plan if n.get("Relation Name") == "traces"), key=lambda n: -n["Actual Rows"])
    assert (scan["Node Type"], scan["Index Name"], scan["Heap Fetches"]) == ("Index Only Scan", "ix_traces_measured", 0)
    assert scan.get("Rows Removed by Filter", 0) == 0, "the index compares before it gives"
    # Traces of several models are few, and found by an index of their own.
    assert [n["Index Name"] for n in others] == ["ix_traces_many_models"] * (field == "model")
    assert all(n["Actual Rows"] + n.get("Rows Removed by Filter", 0) == 0 for n in others)


async def test_a_filter_over_valid_columns_reads_no_trace(filled: AsyncEngine) -> None:
    await refresh_columns(filled)
    plans = await _from_columns(filled)
    assert rows_read(plans, "traces") == 0
    assert 0 < rows_read(plans, "column_chunks") <= 20
    assert 0 < rows_read(plans, "column_data") <= 20 * len(MEASURED)


async def test_only_invalid_minutes_are_read_from_the_traces_and_by_the_index(filled: AsyncEngine) -> None:
    await refresh_columns(filled)
    async with filled.connect() as connection:
        few = "SELECT date_trunc('minute', start_time) FROM traces WHERE experiment_key = 1 LIMIT 3"
        minutes = f"SELECT 1, minute FROM ({few}) few(minute)"
        await connection.exec_driver_sql(f"INSERT INTO column_invalidations {minutes}")
    plans = await _from_columns(filled)
    assert 0 < rows_read(plans, "traces") <= 6
    # A scan of a bitmap names the index below the table.
    assert {n["Index Name"] for n in plans if n.get("Index Name", "").startswith("ix_traces")} == {"ix_traces_measured"}
    assert "Seq Scan" not in {n["Node Type"] for n in plans if n.get("Relation Name") == "traces"}


async def test_metadata_of_invalid_minutes_is_not_looked_up_again_for_each_of_them(filled: AsyncEngine) -> None:
    await refresh_columns(filled)
    async with filled.connect() as connection:
        minutes = (
            "SELECT DISTINCT 1, date_trunc('minute', start_time) FROM traces WHERE prompt_tokens % 8 = 4 LIMIT 500"
        )
        await connection.exec_driver_sql(f"INSERT INTO column_invalidations {minutes}")
    plans = await _from_columns(filled, "metadata__user", 8)
    indexes = {n["Index Name"] for n in plans if n.get("Index Name", "").startswith("ix_traces")}
    assert indexes == {"ix_traces_measured"}
    assert "Seq Scan" not in {n["Node Type"] for n in plans if n.get("Relation Name") == "traces"}


async def test_only_the_columns_that_are_asked_for_are_read(filled: AsyncEngine) -> None:
    await refresh_columns(filled)
    plans = await _from_columns(filled, "name", "name")
    async with Database(filled).transaction(Kind.READ) as tx:
        chunks = await tx.driver.fetchval("SELECT count(*) FROM column_chunks WHERE experiment_key = 1")
    assert rows_read(plans, "traces") == 0
    # What is summed, the name, and what the chunk has.
    assert rows_read(plans, "column_data") == chunks * (len(from_columns.NEEDS.columns) + 2)


@pytest.mark.parametrize(("value", "by_columns"), [(8, False), ("name", True)])
async def test_a_rare_value_of_metadata_is_looked_up_and_a_common_one_is_not(
    filled: AsyncEngine, value: object, *, by_columns: bool
) -> None:
    async with filled.connect() as connection:
        await connection.exec_driver_sql('UPDATE traces SET metadata = metadata || \'{"kind": "name"}\'')
        await connection.exec_driver_sql("ANALYZE traces")
    await refresh_columns(filled)
    field = "metadata__kind" if by_columns else "metadata__user"
    tree = read_filters(
        {"filters": {field: {"operator": "", "value": [value]}, "status": {"operator": "not", "value": ["x"]}}}
    )
    assert tree is not None
    arm = Arm(ExperimentKey(1), Window(), compile_filter(bind(tree, TRACES), TenantId(1)))
    async with Database(filled).transaction(Kind.SNAPSHOT) as tx:
        assert (await plan_of(tx, arm) is not None) == by_columns


async def test_of_few_traces_invalid_minutes_are_not_read(filled: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    await refresh_columns(filled)
    for few, is_read in ((ROWS, False), (1, True)):
        monkeypatch.setattr(plan, "FEW_TRACES", few)
        tables = {n.get("Relation Name") for n in await _from_columns(filled)}
        assert ("column_invalidations" in tables) is is_read


class _Explained:
    """A driver that keeps the plan of each statement that it runs."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.plans: list[dict[str, Any]] = []

    async def fetch(self, sql: str, *values: Any) -> Any:
        self.plans += await nodes(self._driver, sql, *values)
        return await self._driver.fetch(sql, *values)

    async def prepare(self, sql: str, **options: Any) -> Any:
        return _Prepared(self, sql, await self._driver.prepare(sql, **options))


class _Prepared:
    def __init__(self, driver: _Explained, sql: str, prepared: Any) -> None:
        self._driver, self._sql, self._prepared = driver, sql, prepared

    async def cursor(self, *values: Any, **_options: Any) -> AsyncIterator[Any]:
        for row in await self._driver.fetch(self._sql, *values):
            yield row

    async def fetchval(self, *values: Any) -> Any:
        return (await self._driver.fetch(self._sql, *values))[0][0]


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "FEW_TRACES", 1_000)


async def _from_columns(engine: AsyncEngine, field: str = "status", *values: object) -> list[dict[str, Any]]:
    """The plans of all statements of a filtered sum."""
    tree = read_filters({"filters": {field: {"operator": "", "value": [*values] or ["error", "success"]}}})
    assert tree is not None
    matching = compile_filter(bind(tree, TRACES), TenantId(1))
    matching = replace(matching, inclusive=())
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        driver = _Explained(tx.driver)
        explained = Transaction(tx.connection, driver, tx.timeouts)
        await filtered(Columns(), explained, Arm(ExperimentKey(1), Window(), matching), Estimates(n_scores=0))
    return driver.plans


async def test_a_summary_of_a_rare_value_of_metadata_reads_the_traces_that_have_it(filled: AsyncEngine) -> None:
    plan = await _summed(filled, "metadata__user", 8)
    assert "ix_traces_metadata" in {n.get("Index Name") for n in plan}
    assert rows_read(plan, "traces") <= 2


async def _summed(engine: AsyncEngine, field: str, value: object) -> list[dict[str, Any]]:
    """The plan of the sums over the traces whose field has the value."""
    tree = read_filters({"filters": {field: {"operator": "", "value": [value]}}})
    assert tree is not None
    statement = sums_statement(within(ExperimentKey(1), Window(), compile_disjuncts(bind(tree, TRACES), TenantId(1))))
    sql = str(statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        return await nodes(tx.driver, sql)


async def test_stats_are_read_along_the_index_and_no_further_than_asked(filled: AsyncEngine) -> None:
    assert rows_read(await _streamed(filled), "traces") <= 200


async def test_stats_are_read_along_the_index_also_by_a_plan_for_an_empty_table(engine: AsyncEngine) -> None:
    assert rows_read(await _streamed(engine), "traces") == 0


async def _streamed(engine: AsyncEngine) -> list[dict[str, Any]]:
    async with Database(engine).transaction(Kind.STREAM) as tx:
        plan = await nodes(tx.driver, traces.ENTRIES_STATEMENT + " LIMIT 100", 1, "e1")
    (scan,) = [n for n in plan if n.get("Relation Name") == "traces"]
    assert (scan["Node Type"], scan["Index Name"]) == ("Index Scan", "ix_traces_measured")
    assert "Sort" not in {n["Node Type"] for n in plan}
    return plan


async def test_a_writer_finds_what_it_merges_by_index(filled: AsyncEngine) -> None:
    keys = [1, 1], ["t7", "t8"]
    async with Database(filled).transaction(Kind.INGEST) as tx:
        identified = await nodes(tx.driver, identities.IDENTIFY_STATEMENT, [1, 1], ["s7", "s8"], [1], ["e1"])
        locked = await nodes(tx.driver, reading.TRACES_STATEMENT, *keys)
    assert rows_read(identified, "spans") <= 2
    assert rows_read(locked, "traces") <= 2


_SPANS = "int[], text[], text[]", "'{1}', '{t}', '{s}'"
_TRACES = "int[], text[]", "'{1}', '{t}'"
_BY_KEY = {
    "ancestors": (relatives.ANCESTORS_STATEMENT, *_SPANS),
    "same ids": (relatives.SAME_IDS_STATEMENT, "int[], text[], text[]", "'{1}', '{t}', '{r}'"),
    "uncounted": (changes.UPDATE_UNCOUNTED, "int[], text[], text[], smallint[]", "'{1}', '{t}', '{s}', '{1}'"),
    "overrides": (identities.OVERRIDES_STATEMENT, *_SPANS),
    "content": (spans.CONTENT, "int[], text[], text[], bool[], bool[]", "'{1}', '{t}', '{s}', '{true}', '{true}'"),
    "spans": (spans.SPANS_OF_TRACES, *_TRACES),
    "scores": (spans.SCORES_OF_TRACES, *_TRACES),
    "move": (changes.MOVE_SCORES, "int[], text[], text[], text[]", "'{1}', '{t}', '{s}', '{u}'"),
    "drop": (changes.DELETE_OWN_SCORES, *_SPANS),
    **{f"delete {n}": (statement, *_SPANS) for n, statement in enumerate(changes.DELETE_SPANS)},
    **{f"erase {table}": (statement, *_TRACES) for table, statement in erase.ERASE.items()},
    "identify": (identities.IDENTIFY_STATEMENT, "int[], text[], int[], text[]", "'{1}', '{s}', '{1}', '{e}'"),
    "lock": (write_statements.LOCK_OR_INSERT_TRACES, "json", "'[]'"),
    "read": (reading.TRACES_STATEMENT, *_TRACES),
    **{
        f"write {flags}": (
            write_statements.write_statement(**flags),
            "json, int[]" + ", json, bigint[], timestamptz[]" * flags["have_traces"],
            "'[]', '{}'" + ", '[]', '{}', '{}'" * flags["have_traces"],
        )
        for of_each in itertools.product((False, True), repeat=3)
        for flags in [dict(zip(("are_new", "have_scores", "have_traces"), of_each, strict=True))]
    },
    "logs": (pending.FIND_LOGS, *_TRACES),
    "pending": (pending.LOCK_PENDING, *_TRACES),
    "crowded": (pending.CROWDED, "int[], text[], int", "'{1}', '{t}', 9"),
    "packed": (packed_payloads.PACKED, *_TRACES),
    "spans by key": (spans.SPANS_BY_KEY, *_SPANS),
    "scores of spans": (spans.SCORES_OF_SPANS, *_SPANS),
    "first spans": (logs.FIRST_SPANS, *_TRACES),
    "latest": (reading_spans.LATEST, "int, text", "1, 's'"),
    "size of spans": (sizes.OF_SPANS, *_SPANS),
    "size of traces": (sizes.OF_TRACES, *_TRACES),
    "ids of experiments": (whole_traces.EXPERIMENT_IDS, "int[], bigint[]", "'{1}', '{1}'"),
    "delete pending": (pending.DELETE_PENDING, *_TRACES),
}
# Rows of a table; from some two hundred on, an index that begins with the tenant may seem as good as the key.
_SIZES = (0, 100, 200, 400, 600, 1_000)
_GROW = """
INSERT INTO spans (tenant_id, trace_id, span_id, by_span_id, status, start_time, end_time, borrow, filled, received_at)
SELECT 1, md5((n / 7)::text), md5(n::text), true, 'success', now(), now(), 0, 0, now() FROM generate_series({0}, {1}) n;
INSERT INTO packed_spans
SELECT (json_populate_record(NULL::packed_spans, to_json(spans))).* FROM spans ORDER BY span_id LIMIT {1} - {0} + 1;
INSERT INTO span_payloads (tenant_id, trace_id, span_id) SELECT tenant_id, trace_id, span_id FROM spans
ON CONFLICT DO NOTHING;
INSERT INTO experiments (tenant_id, id) SELECT 1, md5(n::text) FROM generate_series({0}, {1}) n;
INSERT INTO early_scores (tenant_id, id, log_id, fields)
SELECT 1, md5(n::text), md5((n / 2)::text), '{{}}' FROM generate_series({0}, {1}) n;
"""


async def test_what_is_planned_on_small_tables_stays_fast_when_they_are_large(engine: AsyncEngine) -> None:
    for before, size in pairwise((0, *_SIZES)):
        async with Database(engine).transaction(Kind.WRITE) as tx:
            await tx.driver.execute(_GROW.format(before, size - 1))
        for name, (sql, types, values) in _BY_KEY.items():
            scans = await _planned_scans(engine, sql, types, values)
            inserts_only = name == "lock" or "'have_traces': False" in name
            assert bool(scans) != inserts_only, (name, size)
            for scan in scans:
                assert scan["Node Type"] in ("Index Scan", "Index Only Scan", "Tid Scan"), (name, size, scan)
                found_by = scan.get("TID Cond") or scan["Index Cond"].replace("tenant_id", "")
                assert name != "same ids" or scan["Index Name"] == "ix_spans_same_response"
                assert re.search(r"ctid|\b(trace_id|span_id|log_id|id|key)\b", found_by), (
                    name,
                    size,
                    scan["Index Cond"],
                )


async def _planned_scans(engine: AsyncEngine, sql: str, types: str, values: str) -> list[dict[str, Any]]:
    """Where a statement that is planned once reads tables, but for the question whether there is any early score."""
    async with Database(engine).transaction(Kind.INGEST) as tx:
        await tx.driver.execute(f"PREPARE planned ({types}) AS {sql}")
        all_nodes = await nodes(tx.driver, f"EXECUTE planned({values})", analyze=False)
        await tx.driver.execute("DEALLOCATE planned")
    scans = [n for n in all_nodes if n["Node Type"].endswith("Scan") and "Relation Name" in n]
    return [n for n in scans if n["Relation Name"] != "early_scores" or "Index Cond" in n or "TID Cond" in n]


async def test_traces_that_are_counted_by_their_spans_are_not_looked_up_one_by_one(engine: AsyncEngine) -> None:
    await fill(engine)
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("UPDATE spans SET name = 'n'")
        await connection.exec_driver_sql("ANALYZE spans")
    filters = {"filters": {"span_name": {"operator": "", "value": ["n"]}}}
    condition = compile_predicate(bind(read_filters(filters), TRACES), TenantId(1))
    where = asked_of_many([traces_table.c.experiment_key == 1, condition])
    statement = select(func.count()).select_from(traces_table).where(*where)
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        sql, values = tx._compiled(statement)
        visited = await nodes(tx.driver, sql, *values)
    assert visited[0]["Actual Rows"] == 1
    assert max(node["Actual Loops"] for node in visited) == 1
