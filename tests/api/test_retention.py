"""The setting that has the service erase old traces by itself."""

import asyncio

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.ingest.worlds import rows

from .conftest import MakeClient

pytestmark = pytest.mark.anyio


async def store(client: httpx.AsyncClient, trace_id: str, **times: str) -> None:
    log = {"trace_id": trace_id, "root_trace_id": trace_id, "experiment_uuid": "e", "trace_name": "n", **times}
    assert (await client.post("/api/parea/v1/trace_log", json=log)).status_code == 200


async def test_old_traces_go_and_their_experiment_stays(make_client: MakeClient, engine: AsyncEngine) -> None:
    client = await make_client()
    await store(client, "old", start_timestamp="2020-01-01T00:00:00Z", end_timestamp="2020-01-01T00:00:01Z")
    await store(client, "new")
    again = await make_client(retention_days=90)
    async with asyncio.timeout(10):
        while len(await rows(engine, "SELECT 1 FROM traces")) > 1:
            await asyncio.sleep(0.02)
    answer = await again.get("/api/parea/v1/experiment/e/stats")
    assert [trace["trace_id"] for trace in answer.json()["parent_trace_stats"]] == ["new"]
    summary = await again.get("/api/v2/experiments/e/logs/summary/")
    assert summary.json()["total_count"] == 1
