"""Deleting a trace and a tenant: all of it, and nothing of anybody else's."""

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.ingest.worlds import START, committer, rows
from tests.stats.warming import warm

from spanstats.catalog import datasets, keys, projects, tenants
from spanstats.catalog.datasets import Row
from spanstats.catalog.packing import pack_some
from spanstats.catalog.placement import home_of
from spanstats.domain.keys import TenantId, TraceKey
from spanstats.domain.score_blocks import BLOCKS_FROM
from spanstats.domain.span import Score, Span
from spanstats.domain.standalone import StandaloneScore
from spanstats.domain.times import MAX_TIME_US
from spanstats.errors import NotFound
from spanstats.stats.maintenance import mismatches, refresh_rollups
from spanstats.store.erase import delete_overrides, read_overrides
from spanstats.store.session import Database, Kind
from spanstats.store.tables import metadata

pytestmark = pytest.mark.anyio


# How rows without a `tenant_id` belong to a tenant.
OWNERS = {
    "experiment_key": "SELECT key FROM experiments WHERE tenant_id = $1",
    "chunk_id": (
        "SELECT c.id FROM column_chunks c JOIN experiments e ON experiment_key = e.key WHERE e.tenant_id = $1"
    ),
    "dataset_id": "SELECT id FROM datasets WHERE tenant_id = $1",
}
OF_NOBODY = {"rollup_lock", "packing", "primary_lives", "shards", "tenant_fences", "tenant_moves", "move_log"}


def span(number: int, **fields: Any) -> Span:
    times: dict[str, Any] = {"start_us": START, "end_us": START, "scores": [Score("judge", 0.5)]}
    return Span(trace_id=f"t{number}", span_id=f"s{number}", experiment_id="e", **times, **fields)


async def fill(engine: AsyncEngine, tenant_id: TenantId) -> None:
    """Something in every table, by the ways in which it comes there."""
    async with committer(engine) as writer:
        await writer.submit(tenant_id, [span(n, metadata={"env": "prod"}) for n in range(3)])
        await writer.override(tenant_id, "early", {"name": "n"})
        await writer.score(
            tenant_id, StandaloneScore(id="early", log_id="early", score=Score("q", 1.0), created_us=START)
        )
        await warm(engine)
        await writer.submit(tenant_id, [span(0, cost_pd=5)])
        await refresh_rollups(Database(engine))
        await writer.submit(tenant_id, [span(0, cost_pd=6)])
    await projects.get_or_create(Database(engine), tenant_id, "p")
    await datasets.create(Database(engine), tenant_id, "d", ["k"], [Row({"k": "1"}, None, [])])


async def pack_one(engine: AsyncEngine, tenant_id: TenantId) -> None:
    """Have payloads of one of those traces packed."""
    async with committer(engine) as writer:
        await writer.submit(tenant_id, [span(2), *(Span(trace_id="t2", span_id=i, parent_id="s2") for i in "ab")])
    async with Database(engine).transaction(Kind.WRITE) as tx:
        assert await pack_some(tx.driver, [TraceKey(tenant_id, "t2")], MAX_TIME_US) == 1


async def score_much(engine: AsyncEngine, tenant_id: TenantId) -> None:
    """Have scores of another of those traces kept in blocks."""
    scores = [Score("judge", 0.5)]
    spans = [Span(trace_id="t1", span_id=f"{n}", parent_id="s1", scores=scores) for n in range(BLOCKS_FROM + 1)]
    async with committer(engine) as writer:
        await writer.submit(tenant_id, spans[1:])
        await writer.submit(tenant_id, spans[:1])


def owner(table: Table) -> str:
    """The column that says whose its rows are."""
    columns = {"id"} if table.name == "tenants" else {"tenant_id"} & {*table.columns.keys()}
    [column] = columns or {*OWNERS} & {*table.columns.keys()}
    return column


async def held(engine: AsyncEngine, tenant_id: TenantId) -> dict[str, Counter[str]]:
    """The tenant's rows in every table that may have any, as text."""
    by_table = {}
    for table in metadata.tables.values():
        if table.name not in OF_NOBODY:
            whose = f"{owner(table)} IN ({OWNERS.get(owner(table), 'SELECT $1::int')})"
            texts = await rows(engine, f"SELECT x::text AS row FROM {table.name} x WHERE {whose}", tenant_id)
            by_table[table.name] = Counter(row["row"] for row in texts)
    return by_table


async def counts(engine: AsyncEngine) -> dict[str, int]:
    return {t.name: len(await rows(engine, f"SELECT 1 FROM {t.name}")) for t in metadata.tables.values()}


@pytest.mark.one_database("it counts tenants and keys where everything else is")
async def test_a_tenant_goes_with_all_that_is_its_own_from_every_table(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenants, "_LAST_WRITES_S", 0)
    monkeypatch.setattr(tenants, "TRACES_AT_A_TIME", 2)
    plain = {name: await keys.create(Database(engine), "k", name) for name in ("kept", "gone")}
    staying, gone = [(await home_of(Database(engine), name)).tenant_id for name in plain]
    await fill(engine, staying)
    await pack_one(engine, staying)
    await score_much(engine, staying)
    await warm(engine)
    before, alone = await held(engine, staying), await counts(engine)
    await fill(engine, gone)
    await pack_one(engine, gone)
    await score_much(engine, gone)
    # A table that nobody filled would prove nothing.
    assert [name for name, of_table in (await held(engine, gone)).items() if not of_table] == []
    assert [count async for count in tenants.delete(Database(engine), Database(engine), gone)] == [2, 1]
    # Rows whose experiment or dataset is gone can be found by their number alone.
    assert await counts(engine) == {**alone, "tenants": 1, "api_keys": 1}
    assert await held(engine, staying) == before
    assert await keys.find(Database(engine), plain["gone"]) is None
    assert await keys.find(Database(engine), plain["kept"]) is not None
    assert await mismatches(Database(engine)) == []
    with pytest.raises(NotFound):
        await home_of(Database(engine), "gone")


async def test_a_trace_goes_and_the_sums_follow(engine: AsyncEngine) -> None:
    await keys.create(Database(engine), "k", "a")
    tenant_id = (await home_of(Database(engine), "a")).tenant_id
    await fill(engine, tenant_id)
    await tenants.delete_trace(Database(engine), tenant_id, "t1")
    for table in ("traces", "spans", "span_payloads", "scores"):
        left = await rows(engine, f"SELECT trace_id FROM {table} ORDER BY 1")
        assert [row["trace_id"] for row in left] == ["t0", "t2"], table
    await warm(engine)
    assert await mismatches(Database(engine)) == []
    [total] = await rows(engine, "SELECT n FROM rollups WHERE level = 2")
    assert total["n"] == 2
    with pytest.raises(NotFound):
        await tenants.delete_trace(Database(engine), tenant_id, "t1")
    with pytest.raises(NotFound):
        await tenants.delete_trace(Database(engine), TenantId(tenant_id + 1), "t0")


async def test_a_patch_goes_with_the_trace_of_its_span_and_nobody_else_s(engine: AsyncEngine) -> None:
    def loose(number: int) -> Span:
        return span(number, by_span_id=True, name="sent")

    async with committer(engine) as writer:
        for tenant_id in (TenantId(1), TenantId(2)):
            await writer.submit(tenant_id, [loose(n) for n in range(3)])
            for n in range(4):
                await writer.override(tenant_id, f"s{n}", {"name": "patched"})
        await tenants.delete_trace(Database(engine), TenantId(1), "t1")
        left = await rows(engine, "SELECT tenant_id, span_id FROM patches ORDER BY 1, 2")
        assert [tuple(row.values()) for row in left] == [
            (t, f"s{n}") for t in (1, 2) for n in range(4) if (t, n) != (1, 1)
        ]
        # What comes after it begins anew.
        await writer.submit(TenantId(1), [loose(1), loose(3)])
    names = await rows(engine, "SELECT trace_id, name FROM spans WHERE tenant_id = 1 ORDER BY 1")
    assert [tuple(row.values()) for row in names] == [
        ("t0", "patched"),
        ("t1", "sent"),
        ("t2", "patched"),
        ("t3", "patched"),
    ]


async def test_a_patch_that_is_changed_meanwhile_stays(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TenantId(1), [span(0, by_span_id=True)])
        await writer.override(TenantId(1), "s0", {"name": "before"})
        async with Database(engine).transaction(Kind.WRITE) as tx:
            overrides = await read_overrides(tx.driver, [TraceKey(TenantId(1), "t0")])
        await writer.override(TenantId(1), "s0", {"name": "after"})
        async with Database(engine).transaction(Kind.WRITE) as tx:
            await delete_overrides(tx.driver, overrides)
    assert [row["fields"] for row in await rows(engine, "SELECT fields FROM patches")] == [{"name": "after"}]
