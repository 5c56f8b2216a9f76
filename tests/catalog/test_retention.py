"""Erasing by age: exactly what is older goes, whatever else is written meanwhile, and the sums follow."""

import asyncio
import random

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.ingest.worlds import START, TENANT, committer, expected_traces, rows, stored_traces
from tests.stats.test_rollups import random_span
from tests.stats.warming import warm

from spanstats.catalog import retention
from spanstats.catalog.retention import count_older, keep_pruned, prune
from spanstats.domain.keys import TenantId, TraceKey
from spanstats.domain.span import Span
from spanstats.stats.maintenance import mismatches
from spanstats.store.background import turn
from spanstats.store.session import Database

pytestmark = pytest.mark.anyio
UNDER_TRACES = ("spans", "span_payloads", "scores", "patches")


async def pruned(engine: AsyncEngine, before_us: int, tenant_id: TenantId | None = None) -> list[int]:
    return [count async for count in prune(Database(engine), before_us, tenant_id)]


async def test_exactly_the_older_traces_go_and_the_rollups_follow(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "TRACES_AT_A_TIME", 7)
    monkeypatch.setattr(retention, "_FOUND_AT_A_TIME", 20)
    rng = random.Random(11)
    async with committer(engine) as writer:
        await writer.submit(TENANT, [random_span(rng) for _ in range(150)])
        await writer.submit(TenantId(TENANT + 1), [random_span(rng) for _ in range(150)])
    await warm(engine)
    before = await rows(engine, "SELECT tenant_id, trace_id, start_time FROM traces ORDER BY start_time")
    cut = before[len(before) // 2]["start_time"]
    older = [t for t in before if t["start_time"] < cut]
    assert await count_older(Database(engine), cut) == len(older)

    own = [t for t in older if t["tenant_id"] == TENANT]
    assert sum(await pruned(engine, cut, TENANT)) == len(own)
    steps = await pruned(engine, cut)
    assert sum(steps) == len(older) - len(own)
    assert max(steps) <= 7
    assert await pruned(engine, cut) == []

    left = {(t["tenant_id"], t["trace_id"]) for t in before if t["start_time"] >= cut}
    for table in ("traces", *UNDER_TRACES):
        remaining = await rows(engine, f"SELECT DISTINCT tenant_id, trace_id FROM {table} WHERE trace_id <> ''")
        assert {tuple(row.values()) for row in remaining} <= left, table
    assert len(await rows(engine, "SELECT 1 FROM traces")) == len(left)
    await warm(engine)
    assert await mismatches(Database(engine)) == []


async def test_a_minute_is_marked_once_however_its_traces_are_named(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "TRACES_AT_A_TIME", 10)
    rng = random.Random(5)
    times = [START + minute * 60_000_000 for minute in range(20) for _ in range(10)]
    spans = [
        Span(trace_id=f"{rng.random()}", span_id="s", experiment_id=rng.choice("ef"), start_us=us, end_us=us)
        for us in rng.sample(times, len(times))
    ]
    async with committer(engine) as writer:
        await writer.submit(TENANT, spans)
    await warm(engine)
    steps = await pruned(engine, START + 60 * 60_000_000)
    assert sum(steps) == len(spans)
    minutes = {(span.experiment_id, span.start_us) for span in spans}
    marks = await rows(engine, "SELECT 1 FROM rollup_marks")
    # A minute at an edge is in two transactions.
    assert len(marks) <= len(minutes) + len(steps)


async def test_a_trace_whose_root_makes_it_younger_meanwhile_stays(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        child = Span(trace_id="t", span_id="c", parent_id="r", start_us=START, end_us=START)
        await writer.submit(TENANT, [child])
        [key] = [TraceKey(r["tenant_id"], r["trace_id"]) for r in await rows(engine, "SELECT * FROM traces")]
        await writer.submit(TENANT, [Span(trace_id="t", span_id="r", start_us=START + 1_000, end_us=START + 1_000)])
    assert await retention.erase(Database(engine), [key], START + 1_000) == 0
    assert await retention.erase(Database(engine), [key], START + 1_001) == 1


async def test_writers_and_pruning_at_once_leave_traces_that_equal_their_spans(engine: AsyncEngine) -> None:
    rng = random.Random(3)
    batches = [[random_span(rng) for _ in range(20)] for _ in range(20)]
    middle = sorted(s.start_us or 0 for batch in batches for s in batch)[200]
    async with committer(engine) as writer, asyncio.TaskGroup() as group:
        for batch in batches:
            group.create_task(writer.submit(TENANT, batch))
        for _ in range(5):
            group.create_task(pruned(engine, middle))
    stored, expected = await stored_traces(engine), await expected_traces(engine)
    assert stored.keys() == expected.keys()
    for name in ("n_spans", "cost_pd", "start_time", "latency_us", "total_tokens", "status"):
        assert {t: row[name] for t, row in stored.items()} == {t: row[name] for t, row in expected.items()}, name
    await warm(engine)
    assert await mismatches(Database(engine)) == []


async def test_patches_of_spans_that_never_came_go_too(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.override(TENANT, "never", {"name": "n"})
        await writer.submit(TENANT, [Span(trace_id="t", span_id="s", by_span_id=True, start_us=START, end_us=START)])
        await writer.override(TENANT, "s", {"name": "n"})
    [now] = await rows(engine, "SELECT now() AS us")
    await pruned(engine, START)
    assert len(await rows(engine, "SELECT 1 FROM patches")) == 2
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE patches SET changed_at = '2001-01-01'")
    await pruned(engine, START)
    assert [row["span_id"] for row in await rows(engine, "SELECT span_id FROM patches")] == ["s"]
    assert now["us"] > START


async def test_one_process_prunes_at_a_time_and_an_outage_is_waited_out(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [Span(trace_id="t", span_id="s", start_us=1, end_us=1)])
    async with turn(Database(engine), "retention") as is_another:
        assert is_another
        task = asyncio.create_task(keep_pruned(Database(engine), retention.DAY_US, every_s=0.01))
        await asyncio.sleep(0.1)
        assert len(await rows(engine, "SELECT 1 FROM traces")) == 1
    async with asyncio.timeout(5):
        while await rows(engine, "SELECT 1 FROM traces"):
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
