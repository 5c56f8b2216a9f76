"""The background task, marking everything anew, and the comparison of rollups with traces."""

import asyncio
import contextlib
import random

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.stats import maintenance
from spanstats.stats.maintenance import (
    invalidate_everything,
    keep_rollups_fresh,
    mismatches,
    refresh_once,
    refresh_rollups,
)
from spanstats.store.cache_tables import LOCK
from spanstats.store.session import Database, Kind
from tests.ingest.worlds import TENANT, committer, rows

from .test_rollups import random_span
from .warming import warm

pytestmark = [pytest.mark.anyio, pytest.mark.one_version("other tests make the same statements")]


@pytest.fixture
async def filled(engine: AsyncEngine) -> AsyncEngine:
    rng = random.Random(5)
    async with committer(engine) as writer:
        await writer.submit(TENANT, [random_span(rng) for _ in range(300)])
    return engine


async def test_draining_leaves_rollups_that_equal_the_traces(
    filled: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "INVALIDATIONS_PER_TRANSACTION", 7)
    assert await refresh_rollups(Database(filled)) > 7
    assert await rows(filled, "SELECT 1 FROM rollup_marks") == []
    assert await rows(filled, "SELECT 1 FROM rollups WHERE level = 1") != []
    assert await mismatches(Database(filled)) == []


async def test_the_check_names_buckets_that_differ_without_a_mark(filled: AsyncEngine) -> None:
    await warm(filled)
    first = "SELECT min(bucket) FROM rollups WHERE level = 0 AND scores IS NOT NULL"
    (minute,) = await rows(filled, f"SELECT * FROM rollups WHERE level = 0 AND bucket = ({first}) LIMIT 1")
    async with filled.connect() as connection:
        await connection.exec_driver_sql(f"UPDATE rollups SET n = n + 1 WHERE level = 0 AND bucket = ({first})")
    differing = await mismatches(Database(filled))
    assert (minute["experiment_key"], 0, minute["bucket"]) in differing
    assert {level for _, level, _ in differing} == {0, 1}
    assert await invalidate_everything(Database(filled)) > 0
    assert await mismatches(Database(filled)) == []
    await warm(filled)
    assert await mismatches(Database(filled)) == []


async def test_a_rebuild_does_not_wait_for_another_unless_told_to(filled: AsyncEngine) -> None:
    async with Database(filled).transaction(Kind.CACHES) as other:
        await other.driver.execute(LOCK)
        assert await refresh_once(Database(filled)) == 0
        waiting = asyncio.create_task(refresh_once(Database(filled), wait=True))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    assert await waiting > 0


async def test_the_background_task_rebuilds_what_writes_leave(filled: AsyncEngine) -> None:
    task = asyncio.create_task(keep_rollups_fresh(Database(filled), every_s=0.01))
    try:
        async with asyncio.timeout(5):
            while await rows(filled, "SELECT 1 FROM rollup_marks"):
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert await mismatches(Database(filled)) == []
