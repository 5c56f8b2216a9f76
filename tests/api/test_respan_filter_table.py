"""The table of filters and the traces that they find, through the list and the summary."""

import json

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog import placement
from spanstats.columnar import plan
from spanstats.store.session import Database, Kind
from tests.filters.test_on_database import ALIASES, FOREIGN, TRACE_CASES, WORLD
from tests.filters.world import store
from tests.ingest.worlds import rows
from tests.stats.warming import warm

pytestmark = pytest.mark.anyio

_EXPERIMENT = "INSERT INTO experiments (tenant_id, id) VALUES ($1, 'table') RETURNING key"
_EVALUATOR = "INSERT INTO evaluators (tenant_id, key, name, value_type) VALUES ($1, $2, $3, 'numerical')"

_MARKS = "INSERT INTO rollup_marks SELECT $1, date_trunc('minute', start_time) FROM traces WHERE experiment_key = $1"


@pytest.mark.parametrize("from_columns", [False, True])
async def test_list_and_summary_find_what_the_table_says(
    client: httpx.AsyncClient, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, *, from_columns: bool
) -> None:
    tenant = (await placement.home_of(Database(engine), "default")).tenant_id
    await store(engine, WORLD, tenant)
    await store(engine, [FOREIGN], tenant + 1)
    async with Database(engine).transaction(Kind.WRITE) as tx:
        key = await tx.driver.fetchval(_EXPERIMENT, tenant)
        await tx.driver.execute("UPDATE traces SET experiment_key = $1 WHERE tenant_id = $2", key, tenant)
        await tx.driver.execute(_MARKS, key)
        for name, evaluators in ALIASES.items():
            for evaluator in evaluators:
                await tx.driver.execute(_EVALUATOR, tenant, evaluator, name)
    if from_columns:
        monkeypatch.setattr(plan, "FEW_TRACES", 0)
        await warm(engine)
        assert await rows(engine, "SELECT 1 FROM column_chunks")
    wrong = []
    for filters, expected in TRACE_CASES:
        body = json.dumps({"filters": filters}).encode()
        listed = await client.post("/api/v2/experiments/table/logs/list/", content=body)
        summed = await client.post("/api/v2/experiments/table/logs/summary/", content=body)
        ids = {log["id"] for log in listed.json()["results"]} if listed.status_code == 200 else listed.text
        count = summed.json().get("total_count")
        if ids != expected or count != len(expected):
            wrong.append((filters, expected, ids, count))
    assert len(TRACE_CASES) > 80
    assert not wrong
