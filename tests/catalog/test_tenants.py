"""Deleting a trace and a tenant: all of it, and nothing of anybody else's."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.ingest.worlds import START, committer, rows

from spanstats.catalog import keys, tenants
from spanstats.domain.span import Score, Span
from spanstats.errors import NotFound
from spanstats.stats.maintenance import drain_marks, mismatches
from spanstats.store.session import Timeouts
from spanstats.store.tables import metadata

pytestmark = pytest.mark.anyio


async def fill(engine: AsyncEngine, tenant_id: int) -> None:
    scores = [Score("judge", 0.5)]
    spans = [
        Span(trace_id=f"t{n}", span_id=f"s{n}", experiment_id="e", start_us=START, end_us=START, scores=scores)
        for n in range(3)
    ]
    async with committer(engine) as writer:
        await writer.submit(tenant_id, spans)
        await writer.patch(tenant_id, "early", {"name": "n"})
    await drain_marks(engine, Timeouts())


async def counts(engine: AsyncEngine) -> dict[str, int]:
    return {t.name: len(await rows(engine, f"SELECT 1 FROM {t.name}")) for t in metadata.tables.values()}


async def test_a_tenant_goes_with_all_that_is_its_own(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenants, "_LAST_WRITES_S", 0)
    monkeypatch.setattr(tenants, "TRACES_AT_A_TIME", 2)
    kept = await keys.create(engine, "k", "kept")
    await fill(engine, await tenants.find(engine, "kept"))
    before = await counts(engine)
    gone = await keys.create(engine, "k", "gone")
    tenant_id = await tenants.find(engine, "gone")
    await fill(engine, tenant_id)
    async with engine.connect() as connection:
        await connection.exec_driver_sql(
            "WITH d AS (INSERT INTO datasets (tenant_id, name, column_names, request) "
            f"VALUES ({tenant_id}, 'd', '[]', '') RETURNING id) "
            "INSERT INTO test_cases (dataset_id, inputs, tags, request) SELECT id, '{}', '[]', '' FROM d"
        )
        await connection.exec_driver_sql(f"INSERT INTO projects (tenant_id, id, name) VALUES ({tenant_id}, 'p', 'p')")
    assert [count async for count in tenants.delete(engine, tenant_id)] == [2, 1]
    assert await counts(engine) == before
    assert await keys.find(engine, gone) is None
    assert await keys.find(engine, kept) is not None
    assert await mismatches(engine, Timeouts()) == []
    with pytest.raises(NotFound):
        await tenants.find(engine, "gone")


async def test_a_trace_goes_and_the_sums_follow(engine: AsyncEngine) -> None:
    await keys.create(engine, "k", "a")
    tenant_id = await tenants.find(engine, "a")
    await fill(engine, tenant_id)
    await tenants.delete_trace(engine, tenant_id, "t1")
    for table in ("traces", "spans", "span_payloads", "scores"):
        left = await rows(engine, f"SELECT trace_id FROM {table} ORDER BY 1")
        assert [row["trace_id"] for row in left] == ["t0", "t2"], table
    await drain_marks(engine, Timeouts())
    assert await mismatches(engine, Timeouts()) == []
    [total] = await rows(engine, "SELECT n FROM rollups WHERE level = 2")
    assert total["n"] == 2
    with pytest.raises(NotFound):
        await tenants.delete_trace(engine, tenant_id, "t1")
    with pytest.raises(NotFound):
        await tenants.delete_trace(engine, tenant_id + 1, "t0")
