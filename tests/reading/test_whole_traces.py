"""Whole traces, read in batches: each once, in order, from any page."""

from itertools import chain
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.keys import TenantId
from spanstats.domain.span import Span
from spanstats.reading import whole_traces
from spanstats.store.session import Database, Kind
from spanstats.store.tables import experiments, traces

from ..filters.world import OTHER_TENANT, TENANT, store

pytestmark = pytest.mark.anyio

SECOND = 1_000_000


def trace(number: int, n_spans: int) -> list[Span]:
    """Several traces begin at the same moment."""
    start = 1_800_000_000 * SECOND + number // 3 * SECOND
    trace_id = f"t{number:02}"
    spans = [Span(trace_id=trace_id, span_id=f"s{n}", parent_id=None if n == 0 else "s0") for n in range(n_spans)]
    for span in spans:
        span.start_us, span.end_us, span.status, span.received_us = start, start + SECOND, "success", start
    return spans


WORLD = [trace(n, 1 + n % 4) for n in range(20)]
WHERE = [traces.c.tenant_id == TENANT]


@pytest.fixture
async def world(engine: AsyncEngine) -> AsyncEngine:
    await store(engine, list(chain.from_iterable(WORLD)))
    await store(engine, trace(3, 2), OTHER_TENANT)
    return engine


async def read(engine: AsyncEngine, **page: Any) -> list[list[list[Span]]]:
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        return [batch async for batch in whole_traces.whole_traces(tx, WHERE, **page)]


def ids(batches: list[list[list[Span]]]) -> list[str]:
    return [spans[0].trace_id for batch in batches for spans in batch]


@pytest.mark.parametrize("at_a_time", [1, 2, 3, 19, 20, 21])
async def test_pages_and_batches_of_any_size_hold_every_trace_once(
    world: AsyncEngine, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    monkeypatch.setattr(whole_traces, "FOUND_AT_A_TIME", at_a_time)
    monkeypatch.setattr(whole_traces, "SPANS_AT_A_TIME", at_a_time)
    in_order = [f"t{n:02}" for n in range(20)]
    batches = await read(world)
    assert ids(batches) == in_order
    assert all(len(batch) == 1 or sum(map(len, batch)) <= at_a_time for batch in batches)
    assert [len(spans) for batch in batches for spans in batch] == [len(spans) for spans in WORLD]
    newest_first = in_order[::-1]
    assert ids(await read(world, newest_first=True)) == newest_first
    for offset in (0, 1, 7, 19, 20, 25):
        for limit in (0, 1, 6, 40):
            expected = newest_first[offset : offset + limit]
            assert ids(await read(world, newest_first=True, offset=offset, limit=limit)) == expected


async def test_what_stood_under_a_deleted_experiment_is_not_found(engine: AsyncEngine) -> None:
    staying, deleted, free = trace(1, 2), trace(2, 2), trace(3, 2)
    async with Database(engine).transaction(Kind.WRITE) as tx:
        for experiment_id, deleted_at in (("kept", None), ("deleted", 1)):
            values = {"tenant_id": TENANT, "id": experiment_id, "deleted_at": deleted_at}
            await tx.connection.execute(insert(experiments).values(values))
        keys = dict((await tx.connection.execute(select(experiments.c.id, experiments.c.key))).all())
    for spans, name in ((staying, "kept"), (deleted, "deleted")):
        for span in spans:
            span.experiment_key = keys[name]
    await store(engine, [*staying, *deleted, *free])
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        assert await whole_traces.count(tx, [*WHERE, whole_traces.is_kept()]) == 2
        assert [await whole_traces.trace_of(tx, TENANT, t) for t in ("t01", "t02", "t03")] == [
            (TENANT, "t01"),
            None,
            (TENANT, "t03"),
        ]
        assert await whole_traces.trace_of(tx, TENANT, "s1") == (TENANT, "t03")
        assert await whole_traces.experiment_ids(tx, TENANT, [*staying, *deleted]) == {keys["kept"]: "kept"}


async def test_a_span_is_found_before_a_trace_and_of_several_the_last(world: AsyncEngine) -> None:
    async with Database(world).transaction(Kind.SNAPSHOT) as tx:
        assert await whole_traces.count(tx, WHERE) == 20
        assert await whole_traces.trace_of(tx, TENANT, "s0") == (TENANT, "t18")
        assert await whole_traces.trace_of(tx, TENANT, "s3") == (TENANT, "t19")
        assert await whole_traces.trace_of(tx, TENANT, "t05") == (TENANT, "t05")
        assert await whole_traces.trace_of(tx, TENANT, "nothing") is None
        assert await whole_traces.trace_of(tx, TenantId(TENANT + 5), "t05") is None
