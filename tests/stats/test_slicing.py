"""When minutes are sliced, what is marked when stretches change their width, and the comparison with the traces."""

import asyncio
import contextlib
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.dialects.respan_filters import read_filters
from spanstats.domain.span import Score, Span
from spanstats.filters.bind import bind
from spanstats.filters.parts import compile_filter
from spanstats.filters.predicate import EVERYTHING
from spanstats.filters.trace_fields import TRACES
from spanstats.stats import chunks, slicing
from spanstats.stats.maintenance import SLICED, drain_marks, mark_everything, mismatches
from spanstats.stats.pieces import Stretch
from spanstats.stats.rollups import DAY, LOCK, MINUTE
from spanstats.stats.slicing import keep_sliced, slice_marked, slice_some, waiting_days
from spanstats.stats.summary import directly, filtered
from spanstats.stats.sums import Window
from spanstats.store.session import Driver, Kind, Timeouts, transaction
from tests.ingest.worlds import TENANT, committer, rows

from .warming import slice_all, warm

pytestmark = pytest.mark.anyio
NO_BOUND = Timeouts()
EVERY = compile_filter(EVERYTHING, TENANT)
TODAY = 20_454 * DAY.length_us
HOURS = "SELECT extract(epoch FROM end_time - start_time)::int / 3600 AS hours, n FROM slices ORDER BY start_time"


def span(n: int, minute: int, **values: Any) -> Span:
    start = TODAY + minute * MINUTE.length_us + n
    return Span(trace_id=f"t{n}", span_id=f"t{n}", experiment_id="e", start_us=start, end_us=start + 5, **values)


async def post(engine: AsyncEngine, *spans: Span) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, list(spans))
    await drain_marks(engine, NO_BOUND)


async def slice_by(engine: AsyncEngine, most: int) -> int:
    """One transaction; how many stretches were made."""
    async with transaction(engine, Kind.REBUILD, NO_BOUND) as tx:
        await tx.driver.execute(LOCK)
        return len((await slice_some(tx.driver, 1, TODAY, rest_s=0, most=most)).make)


async def test_a_minute_rests_before_it_is_sliced(engine: AsyncEngine) -> None:
    await post(engine, span(1, 3))
    assert await waiting_days(engine, NO_BOUND, rest_s=60) == []
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE slice_marks SET created_at = now() - interval '1 hour'")
    assert await waiting_days(engine, NO_BOUND, rest_s=60) == [(1, TODAY)]
    await post(engine, span(2, 3), span(3, 4))
    assert await waiting_days(engine, NO_BOUND, rest_s=60) == []
    assert await rows(engine, "SELECT 1 FROM slices") == []


async def test_a_stretch_that_is_cut_leaves_marks_for_what_is_not_made_at_once(engine: AsyncEngine) -> None:
    await post(engine, *(span(n, n * 60) for n in range(24)))
    assert await slice_by(engine, most=100) == 1
    assert [tuple(row.values()) for row in await rows(engine, HOURS)] == [(24, 24)]
    await post(engine, span(24, 0))
    # The day is too much now; its first quarter alone is marked, and made.
    assert await slice_by(engine, most=10) == 1
    assert [tuple(row.values()) for row in await rows(engine, HOURS)] == [(6, 7)]
    marked = await rows(engine, "SELECT DISTINCT minute FROM slice_marks")
    assert {row["minute"] for row in marked} == {TODAY + n * 60 * MINUTE.length_us for n in range(6, 24)}
    assert await mismatches(engine, NO_BOUND) == []
    while await slice_by(engine, most=10):
        pass
    assert [tuple(row.values()) for row in await rows(engine, HOURS)] == [(6, 7), (6, 6), (6, 6), (6, 6)]
    assert await rows(engine, "SELECT 1 FROM slice_marks") == []
    assert await mismatches(engine, NO_BOUND) == []


async def test_a_crowded_minute_is_sliced_in_chunks(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MOST_TRACES", 4)
    await post(engine, *(span(n, 3, scores=[Score("s", n / 4)], prompt_tokens=n) for n in range(10)), span(10, 4))
    await slice_all(engine)
    stored = await rows(engine, "SELECT chunk, n, counts FROM slices ORDER BY chunk")
    assert [(row["chunk"], row["n"], row["counts"]) for row in stored] == [(0, 4, [4]), (1, 4, [4]), (2, 3, [2, 1])]
    assert await mismatches(engine, NO_BOUND) == []
    async with transaction(engine, Kind.SNAPSHOT, NO_BOUND) as tx:
        for n in range(11):
            window = Window(TODAY + 3 * MINUTE.length_us + n)
            sums, scores = await filtered(tx, 1, window, EVERY)
            assert (sums, scores) == await directly(tx, 1, window)
            assert sums["n"] == 11 - n
    await post(engine, span(2, 3, status="error"))
    await slice_all(engine)
    assert len(await rows(engine, "SELECT 1 FROM slices")) == 3
    assert await mismatches(engine, NO_BOUND) == []


async def test_stretches_are_joined_where_few_are_left(engine: AsyncEngine) -> None:
    await post(engine, *(span(n, n * 60) for n in range(24)))
    while await slice_by(engine, most=10):
        pass
    assert len(await rows(engine, "SELECT 1 FROM slices")) == 4
    await post(engine, span(3, 180, status="error"))
    assert await slice_by(engine, most=100) == 1
    assert [tuple(row.values()) for row in await rows(engine, HOURS)] == [(24, 24)]
    assert await mismatches(engine, NO_BOUND) == []


async def test_the_check_finds_each_wrong_bit_and_each_missing_stretch(engine: AsyncEngine) -> None:
    await post(engine, *(span(n, n, scores=[Score("s", n / 4)], prompt_tokens=n, name="a") for n in range(9)))
    await slice_all(engine)
    assert await mismatches(engine, NO_BOUND) == []
    for change in (
        "UPDATE slices SET every = ~every",
        "UPDATE slices SET prompt_tokens[2] = ~prompt_tokens[2]",
        "UPDATE slices SET status_values = ARRAY['pending']",
        "UPDATE slices SET counts[1] = 2",
        "UPDATE slice_scores SET scores[1] = 3",
        "DELETE FROM slice_scores",
        "UPDATE slice_dictionaries SET listed[1] = '\"another\"'",
        "UPDATE slice_dictionaries SET bits[1] = ~bits[1]",
        "DELETE FROM slice_dictionaries",
        "UPDATE slices SET unlisted = ARRAY['metadata.env']",
        "DELETE FROM slices",
    ):
        async with engine.connect() as connection:
            await connection.exec_driver_sql(change)
        found = await mismatches(engine, NO_BOUND)
        assert found, change
        assert {(key, level) for key, level, _ in found} == {(1, SLICED)}
        assert await mark_everything(engine, NO_BOUND) > 0
        assert await mismatches(engine, NO_BOUND) == []
        await warm(engine)
        assert await mismatches(engine, NO_BOUND) == []


async def test_slices_of_an_earlier_version_answer_until_they_are_made_anew(engine: AsyncEngine) -> None:
    """Such a version knows nothing of dictionaries, nor that there are any of other traces."""
    await post(engine, *(span(n, n, metadata={"env": "prod" if n % 2 else "test"}) for n in range(9)))
    await slice_all(engine)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE slices SET unlisted = NULL")
        await connection.exec_driver_sql("UPDATE slice_dictionaries SET bits = ARRAY[B'1', B'0']")
    assert await mismatches(engine, NO_BOUND) == []
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE traces SET total_tokens = 5")
    tree = read_filters({"filters": {"metadata__env": {"operator": "", "value": ["prod"]}}})
    assert tree is not None
    by_metadata = compile_filter(bind(tree, TRACES), TENANT)
    async with transaction(engine, Kind.SNAPSHOT, NO_BOUND) as tx:
        assert (await filtered(tx, 1, Window(), EVERY))[0]["total_tokens"] == 0
        assert (await filtered(tx, 1, Window(), by_metadata))[0]["total_tokens"] == 4 * 5
    assert await waiting_days(engine, NO_BOUND, rest_s=60) == [(1, TODAY)]
    assert await slice_by(engine, most=100) == 1
    assert await waiting_days(engine, NO_BOUND, rest_s=0) == []
    assert await rows(engine, "SELECT 1 FROM slices WHERE unlisted IS NULL") == []
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE traces SET total_tokens = 0")
    async with transaction(engine, Kind.SNAPSHOT, NO_BOUND) as tx:
        assert (await filtered(tx, 1, Window(), by_metadata))[0]["total_tokens"] == 4 * 5


async def test_a_day_that_fails_holds_up_no_other(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    await post(engine, span(1, 3), span(2, 2_000), span(3, 4_000))
    put = slicing.put_slices

    async def fail_on_the_first(driver: Driver, key: int, stretch: Stretch) -> None:
        if stretch[0] == TODAY:
            raise ValueError("this day is odd")
        await put(driver, key, stretch)

    monkeypatch.setattr(slicing, "put_slices", fail_on_the_first)
    await slice_all(engine)
    assert len(await rows(engine, "SELECT 1 FROM slices")) == 2
    assert [row["minute"] for row in await rows(engine, "SELECT minute FROM slice_marks")] == [
        TODAY + 3 * MINUTE.length_us
    ]
    monkeypatch.setattr(slicing, "put_slices", put)
    await slice_all(engine)
    assert len(await rows(engine, "SELECT 1 FROM slices")) == 3


async def test_one_process_slices_at_a_time(engine: AsyncEngine) -> None:
    async with slicing._turn(engine) as is_ours, slicing._turn(engine) as is_theirs:
        assert (is_ours, is_theirs) == (True, False)
    async with slicing._turn(engine) as is_ours:
        assert is_ours


async def test_slices_grow_with_the_scores_and_not_with_their_names(engine: AsyncEngine) -> None:
    await post(engine, *(span(n, 3, scores=[Score(f"s{n}", 0.5), Score("all", 0.5)]) for n in range(300)))
    await slice_all(engine)
    forms = await rows(engine, "SELECT name, bits IS NOT NULL AS has_bits FROM slice_scores WHERE bits IS NOT NULL")
    assert [row["name"] for row in forms] == ["all"]
    assert len(await rows(engine, "SELECT 1 FROM slice_scores WHERE cardinality(places) = 1")) == 300
    async with transaction(engine, Kind.SNAPSHOT, NO_BOUND) as tx:
        assert await filtered(tx, 1, Window(), EVERY, places=2) == await directly(tx, 1, Window(), places=2)


async def test_slicing_waits_for_a_rebuild_or_another_slicing(engine: AsyncEngine) -> None:
    await post(engine, span(1, 3))
    async with transaction(engine, Kind.REBUILD, NO_BOUND) as other:
        await other.driver.execute(LOCK)
        waiting = asyncio.create_task(slice_marked(engine, NO_BOUND, (1, TODAY), rest_s=0))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    assert await waiting
    assert not await slice_marked(engine, NO_BOUND, (1, TODAY), rest_s=0)


async def test_slices_of_traces_that_are_gone_go(engine: AsyncEngine) -> None:
    await post(engine, span(1, 3, scores=[Score("s", 0.5)]))
    await slice_all(engine)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("DELETE FROM traces")
    await mark_everything(engine, NO_BOUND)
    await warm(engine)
    assert await rows(engine, "SELECT 1 FROM slices") == await rows(engine, "SELECT 1 FROM slice_scores") == []


async def test_the_background_task_slices_what_rests(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    await post(engine, span(1, 3), span(2, 4_000))
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE slice_marks SET created_at = now() - interval '1 hour'")
    monkeypatch.setattr(slicing, "_IDLE_SHARE", 0.1)
    task = asyncio.create_task(keep_sliced(engine, NO_BOUND, every_s=0.01))
    try:
        async with asyncio.timeout(5):
            while await rows(engine, "SELECT 1 FROM slice_marks"):
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert len(await rows(engine, "SELECT 1 FROM slices")) == 2
