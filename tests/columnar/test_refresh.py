"""When minutes are stored, what is invalid when segments change their width, and the comparison with the traces."""

import asyncio
import contextlib
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar import keep, plan, refresh
from spanstats.columnar.arms import Arm
from spanstats.columnar.keep import keep_columns_fresh, refresh_day, waiting_days
from spanstats.columnar.needs import Needs
from spanstats.columnar.reader import Columns
from spanstats.columnar.refresh import refresh_some
from spanstats.columnar.segments import Segment
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.keys import ExperimentKey
from spanstats.domain.span import Score, Span
from spanstats.filters.bind import bind
from spanstats.filters.disjuncts import Filter, compile_filter
from spanstats.filters.predicate import EVERYTHING
from spanstats.filters.trace_fields import TRACES
from spanstats.stats import summary
from spanstats.stats.maintenance import COLUMNS, invalidate_everything, mismatches, refresh_rollups
from spanstats.stats.rollups import DAY, MINUTE
from spanstats.stats.summary import Estimates, directly
from spanstats.stats.sums import Sums, Window
from spanstats.store.background import turn
from spanstats.store.cache_tables import LOCK
from spanstats.store.session import Database, Kind, Transaction
from tests.ingest.worlds import TENANT, committer, rows
from tests.stats.warming import refresh_columns, warm

pytestmark = pytest.mark.anyio
EVERY = compile_filter(EVERYTHING, TENANT)
TODAY = 20_454 * DAY.length_us
HOURS = (
    "SELECT extract(epoch FROM end_time - start_time)::int / 3600 AS hours, n FROM column_chunks ORDER BY start_time"
)


@pytest.fixture(autouse=True)
def always_from_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "FEW_TRACES", 0)


async def filtered(tx: Transaction, key: int, window: Window, matching: Filter, *, n_scores: int = 1) -> Sums:
    return await summary.filtered(Columns(), tx, Arm(ExperimentKey(key), window, matching), Estimates(n_scores))


def span(n: int, minute: int, **values: Any) -> Span:
    start = TODAY + minute * MINUTE.length_us + n
    return Span(trace_id=f"t{n}", span_id=f"t{n}", experiment_id="e", start_us=start, end_us=start + 5, **values)


async def post(engine: AsyncEngine, *spans: Span) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, list(spans))
    await refresh_rollups(Database(engine))


async def refresh_by(engine: AsyncEngine, most: int) -> int:
    """One transaction; how many segments were written."""
    async with Database(engine).transaction(Kind.CACHES) as tx:
        await tx.driver.execute(LOCK)
        return len((await refresh_some(tx, ExperimentKey(1), TODAY, rest_s=0, most=most)).write)


async def test_a_minute_rests_before_it_is_stored(engine: AsyncEngine) -> None:
    await post(engine, span(1, 3))
    assert await waiting_days(Database(engine), rest_s=60) == []
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE column_invalidations SET created_at = now() - interval '1 hour'")
    assert await waiting_days(Database(engine), rest_s=60) == [(ExperimentKey(1), TODAY)]
    await post(engine, span(2, 3), span(3, 4))
    assert await waiting_days(Database(engine), rest_s=60) == []
    assert await rows(engine, "SELECT 1 FROM column_chunks") == []


async def test_a_segment_that_is_cut_leaves_invalidations_for_what_is_not_written_at_once(engine: AsyncEngine) -> None:
    await post(engine, *(span(n, n * 60) for n in range(24)))
    assert await refresh_by(engine, most=100) == 1
    assert [tuple(row.values()) for row in await rows(engine, HOURS)] == [(24, 24)]
    await post(engine, span(24, 0))
    # The day is too much now; its first quarter alone is invalid, and written.
    assert await refresh_by(engine, most=10) == 1
    assert [tuple(row.values()) for row in await rows(engine, HOURS)] == [(6, 7)]
    marked = await rows(engine, "SELECT DISTINCT minute FROM column_invalidations")
    assert {row["minute"] for row in marked} == {TODAY + n * 60 * MINUTE.length_us for n in range(6, 24)}
    assert await mismatches(Database(engine)) == []
    while await refresh_by(engine, most=10):
        pass
    assert [tuple(row.values()) for row in await rows(engine, HOURS)] == [(6, 7), (6, 6), (6, 6), (6, 6)]
    assert await rows(engine, "SELECT 1 FROM column_invalidations") == []
    assert await mismatches(Database(engine)) == []


async def test_a_crowded_minute_is_stored_in_chunks(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "MOST_TRACES", 4)
    await post(engine, *(span(n, 3, scores=[Score("s", n / 4)], prompt_tokens=n) for n in range(10)), span(10, 4))
    await refresh_columns(engine)
    stored = await rows(engine, "SELECT number, n FROM column_chunks ORDER BY number")
    assert [(row["number"], row["n"]) for row in stored] == [(0, 4), (1, 4), (2, 3)]
    assert await mismatches(Database(engine)) == []
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        for n in range(11):
            window = Window(TODAY + 3 * MINUTE.length_us + n)
            sums, scores = await filtered(tx, 1, window, EVERY)
            assert (sums, scores) == await directly(tx, ExperimentKey(1), window)
            assert sums["n"] == 11 - n
    await post(engine, span(2, 3, status="error"))
    await refresh_columns(engine)
    assert len(await rows(engine, "SELECT 1 FROM column_chunks")) == 3
    assert await mismatches(Database(engine)) == []


async def test_segments_are_joined_where_few_are_left(engine: AsyncEngine) -> None:
    await post(engine, *(span(n, n * 60) for n in range(24)))
    while await refresh_by(engine, most=10):
        pass
    assert len(await rows(engine, "SELECT 1 FROM column_chunks")) == 4
    await post(engine, span(3, 180, status="error"))
    assert await refresh_by(engine, most=100) == 1
    assert [tuple(row.values()) for row in await rows(engine, HOURS)] == [(24, 24)]
    assert await mismatches(Database(engine)) == []


async def test_the_check_finds_each_wrong_byte_and_each_missing_segment(engine: AsyncEngine) -> None:
    await post(engine, *(span(n, n, scores=[Score("s", n / 4)], prompt_tokens=n, name="a") for n in range(9)))
    await refresh_columns(engine)
    assert await mismatches(Database(engine)) == []
    column = "WHERE name = '{}'"
    for change in (
        "UPDATE column_chunks SET n = n + 1",
        "UPDATE column_data SET data = set_byte(data, 5, 77) " + column.format("prompt_tokens"),
        "UPDATE column_data SET data = '' " + column.format("status"),
        "UPDATE column_data SET name = 'scores.t' " + column.format("scores.s"),
        "DELETE FROM column_data " + column.format("scores.s"),
        "DELETE FROM column_data " + column.format("name"),
        "DELETE FROM column_data " + column.format(""),
        "DELETE FROM column_data",
        "DELETE FROM column_chunks",
    ):
        async with engine.connect() as connection:
            await connection.exec_driver_sql(change)
        differing = await mismatches(Database(engine))
        assert differing, change
        assert {(key, level) for key, level, _ in differing} == {(1, COLUMNS)}
        assert await invalidate_everything(Database(engine)) > 0
        assert await mismatches(Database(engine)) == []
        await warm(engine)
        assert await mismatches(Database(engine)) == []


async def test_columns_of_another_version_answer_as_far_as_they_are_understood(engine: AsyncEngine) -> None:
    """An older version's lack columns that were added since; what a newer one wrote is not read."""
    await post(engine, *(span(n, n, metadata={"env": "prod" if n % 2 else "test"}) for n in range(9)))
    await refresh_columns(engine)
    tree = read_filters({"filters": {"metadata__env": {"operator": "", "value": ["prod"]}}})
    assert tree is not None
    by_metadata = compile_filter(bind(tree, TRACES), TENANT)

    async def tokens(matching: Filter) -> object:
        async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
            return (await filtered(tx, 1, Window(), matching))[0]["total_tokens"]

    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE traces SET total_tokens = 5")
        await connection.exec_driver_sql("UPDATE column_chunks SET format = format - 1")
    assert (await tokens(EVERY), await tokens(by_metadata)) == (0, 0)
    assert await waiting_days(Database(engine), rest_s=60) == [(ExperimentKey(1), TODAY)]
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE column_chunks SET format = format + 2")
    assert (await tokens(EVERY), await tokens(by_metadata)) == (9 * 5, 4 * 5)
    assert await waiting_days(Database(engine), rest_s=0) == []
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE column_chunks SET format = format - 2")
    assert await refresh_by(engine, most=100) == 1
    assert await waiting_days(Database(engine), rest_s=0) == []
    assert await tokens(by_metadata) == 4 * 5
    assert COLUMNS not in {level for _, level, _ in await mismatches(Database(engine))}


async def test_a_chunk_without_a_number_that_is_needed_is_read_from_the_traces(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "EVERY_COLUMN", Needs(refresh.EVERY_COLUMN.columns - {"total_tokens"}))
    await post(engine, *(span(n, n) for n in range(9)))
    await refresh_columns(engine)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE traces SET total_tokens = 5")
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        assert (await filtered(tx, 1, Window(), EVERY))[0]["total_tokens"] == 9 * 5


async def test_a_day_that_fails_holds_up_no_other(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    await post(engine, span(1, 3), span(2, 2_000), span(3, 4_000))
    put = refresh.put_chunks

    async def fail_on_the_first(tx: Transaction, key: ExperimentKey, segment: Segment) -> None:
        if segment[0] == TODAY:
            raise ValueError("this day is odd")
        await put(tx, key, segment)

    monkeypatch.setattr(refresh, "put_chunks", fail_on_the_first)
    await refresh_columns(engine)
    assert len(await rows(engine, "SELECT 1 FROM column_chunks")) == 2
    assert [row["minute"] for row in await rows(engine, "SELECT minute FROM column_invalidations")] == [
        TODAY + 3 * MINUTE.length_us
    ]
    monkeypatch.setattr(refresh, "put_chunks", put)
    await refresh_columns(engine)
    assert len(await rows(engine, "SELECT 1 FROM column_chunks")) == 3


async def test_one_process_refreshes_at_a_time(engine: AsyncEngine) -> None:
    database = Database(engine)
    async with turn(database, "columns") as is_ours, turn(database, "columns") as is_theirs:
        assert (is_ours, is_theirs) == (True, False)
    async with turn(database, "columns") as is_ours:
        assert is_ours


async def test_columns_grow_with_the_scores_and_not_with_their_names(engine: AsyncEngine) -> None:
    await post(engine, *(span(n, 3, scores=[Score(f"s{n}", 0.5), Score("all", 0.5)]) for n in range(300)))
    await refresh_columns(engine)
    sizes = await rows(engine, "SELECT octet_length(data) AS size FROM column_data WHERE starts_with(name, 'scores.')")
    assert len(sizes) == 301
    assert max(row["size"] for row in sizes) < 100
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        assert await filtered(tx, 1, Window(), EVERY, n_scores=2) == await directly(
            tx, ExperimentKey(1), Window(), estimates=Estimates(2)
        )


async def test_a_refresh_waits_for_one_of_rollups_or_another(engine: AsyncEngine) -> None:
    await post(engine, span(1, 3))
    async with Database(engine).transaction(Kind.CACHES) as other:
        await other.driver.execute(LOCK)
        waiting = asyncio.create_task(refresh_day(Database(engine), (ExperimentKey(1), TODAY), rest_s=0))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    assert await waiting
    assert not await refresh_day(Database(engine), (ExperimentKey(1), TODAY), rest_s=0)


async def test_columns_of_traces_that_are_gone_go(engine: AsyncEngine) -> None:
    await post(engine, span(1, 3, scores=[Score("s", 0.5)]))
    await refresh_columns(engine)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("DELETE FROM traces")
    await invalidate_everything(Database(engine))
    await warm(engine)
    assert await rows(engine, "SELECT 1 FROM column_chunks") == await rows(engine, "SELECT 1 FROM column_data") == []


async def test_the_background_task_stores_what_rests(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    await post(engine, span(1, 3), span(2, 4_000))
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE column_invalidations SET created_at = now() - interval '1 hour'")
    monkeypatch.setattr(keep, "_IDLE_SHARE", 0.1)
    task = asyncio.create_task(keep_columns_fresh(Database(engine), every_s=0.01))
    try:
        async with asyncio.timeout(5):
            while await rows(engine, "SELECT 1 FROM column_invalidations"):
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert len(await rows(engine, "SELECT 1 FROM column_chunks")) == 2
