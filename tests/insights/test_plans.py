"""The plans that the speed of these answers rests on, on enough rows for the planner to choose as it does on many."""

from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar import snapshot as columns
from spanstats.columnar import span_sums
from spanstats.columnar.format import SPAN_SUMS
from spanstats.domain.times import MAX_TIME_US
from spanstats.domain.window import Window
from spanstats.insights import series
from spanstats.stats import ranges, rolled_up_many
from spanstats.stats.rollups import DAY
from spanstats.store.session import Database, Kind
from tests.stats.test_plans import fill, nodes, pytestmark, rows_read
from tests.stats.warming import refresh_columns

__all__ = ["fill", "pytestmark"]

FIRST_DAY = 20_574 * DAY.length_us
"""Of May 2026."""


async def test_figures_without_a_filter_read_rollups_and_no_trace(filled: AsyncEngine) -> None:
    bounds = ranges.bounds(Window())
    edges = [FIRST_DAY + day * DAY.length_us for day in range(60)]
    async with Database(filled).transaction(Kind.SNAPSHOT) as tx:
        of_one = await nodes(tx.driver, rolled_up_many.BY_EXPERIMENT_STATEMENT, *bounds, [1])
        by_day = await nodes(tx.driver, rolled_up_many.BY_BUCKET_STATEMENT[DAY], *bounds, 1, edges)
    for plan in (of_one, by_day):
        assert rows_read(plan, "traces") == 0
        assert 0 < rows_read(plan, "rollups") <= 10
        assert "Seq Scan" not in {n["Node Type"] for n in plan if n.get("Relation Name") == "rollups"}


async def test_they_do_so_by_plans_that_were_made_before_the_window_was_known(filled: AsyncEngine) -> None:
    edges = ", ".join(f"'{day}'" for day in (f"2026-05-{number:02}Z" for number in range(1, 31)))
    window = "'2026-05-01Z', '2026-05-01Z', '2026-05-30Z', '2026-05-30Z'"
    async with Database(filled).transaction(Kind.FIXED) as tx:
        for name, sql, values in (
            ("of_one", rolled_up_many.BY_EXPERIMENT_STATEMENT, f"{window}, ARRAY[1]"),
            ("by_day", rolled_up_many.BY_BUCKET_STATEMENT[DAY], f"{window}, 1, ARRAY[{edges}]::timestamptz[]"),
        ):
            await tx.driver.execute(f"PREPARE {name} AS {sql}")
            plan = await nodes(tx.driver, f"EXECUTE {name}({values})")
            assert rows_read(plan, "traces") == 0
            assert 0 < rows_read(plan, "rollups") <= 10
            assert "Seq Scan" not in {n["Node Type"] for n in plan if n.get("Relation Name") == "rollups"}


async def test_when_a_series_begins_and_ends_is_read_from_both_ends_of_the_index(filled: AsyncEngine) -> None:
    async with Database(filled).transaction(Kind.SNAPSHOT) as tx:
        plan = await nodes(tx.driver, series._EXTENT, 1, 0, MAX_TIME_US)
    assert rows_read(plan, "traces") == 2


async def test_which_columns_are_stored_is_found_by_indexes(filled: AsyncEngine) -> None:
    await refresh_columns(filled)
    async with Database(filled).transaction(Kind.SNAPSHOT) as tx:
        chunks = await nodes(tx.driver, columns._CHUNKS, 1, 0, MAX_TIME_US)
        invalid = await nodes(tx.driver, columns._INVALID, 1, 0, MAX_TIME_US)
    assert 0 < rows_read(chunks, "column_chunks") <= 10
    assert rows_read(invalid, "rollup_marks") + rows_read(invalid, "column_invalidations") == 0


async def test_sums_of_spans_read_those_of_the_range_alone_and_by_indexes(filled: AsyncEngine) -> None:
    day = [FIRST_DAY], [FIRST_DAY + DAY.length_us // 24]
    async with Database(filled).transaction(Kind.SNAPSHOT) as tx:
        plan = await nodes(tx.driver, span_sums.sums_by(list(SPAN_SUMS)), 1, *day, 100)
    traces = rows_read(plan, "traces")
    assert 20 <= traces <= 40
    assert rows_read(plan, "spans") <= 40
    assert {n["Node Type"] for n in plan if n.get("Relation Name") == "spans"} <= {"Index Scan", "Bitmap Heap Scan"}
