"""Experiments created or adopted through Respan's API, listed, changed, and deleted while others write."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog.erasure import erase_some
from spanstats.dialects.respan.experiment_schema import ExperimentList, ExperimentObject
from spanstats.stats.maintenance import mismatches
from spanstats.store.session import Database
from tests.ingest.worlds import assert_traces_equal_their_spans, rows
from tests.stats.warming import warm

from .conftest import MakeClient

pytestmark = pytest.mark.anyio

ALL, LIST = "/api/v2/experiments/", "/api/v2/experiments/list/"
NEW = {"name": "Run", "dataset_id": "d", "workflow": [{"type": "prompt", "config": {}}], "evaluator_slugs": ["quality"]}


def one(experiment_id: str) -> str:
    return f"/api/v2/experiments/{experiment_id}/"


def flat(trace_id: str, experiment_id: str = "e", **fields: Any) -> dict[str, Any]:
    ids = {"trace_unique_id": trace_id, "span_unique_id": "s", "start_time": "2026-01-01T00:00:00Z", "latency": 1}
    return {**ids, "metadata": {"experiment_id": experiment_id}, "evaluation_identifier": "x", **fields}


async def ingest(client: httpx.AsyncClient, *spans: dict[str, Any]) -> None:
    answer = await client.post("/api/v1/traces/ingest", json=list(spans))
    assert answer.status_code == 200, answer.text


async def total(client: httpx.AsyncClient, experiment_id: str) -> int | None:
    answer = await client.get(f"{one(experiment_id)}logs/summary/")
    return None if answer.status_code == 404 else answer.json()["total_count"]


async def test_an_experiment_is_created_read_changed_and_replaced(client: httpx.AsyncClient) -> None:
    answer = await client.post(ALL, json={**NEW, "experiment_id": "mine", "colour": "blue"})
    assert answer.status_code == 201, answer.text
    created = answer.json()
    ExperimentObject.model_validate(created)
    assert (created["id"], created["status"], created["workflow_count"]) == ("mine", "pending", 1)
    assert (created["batch_size"], created["concurrency"], created["enable_tracing"]) == (100, 15, True)
    assert (await client.get(one("mine"))).json() == created
    assert await total(client, "mine") == 0
    changed = (await client.patch(one("mine"), json={"name": "Other", "tags": [{"name": "t"}]})).json()
    assert changed == {**created, "name": "Other", "tags": [{"name": "t"}]}
    replaced = (await client.put(one("mine"), json={"name": "Third"})).json()
    assert (replaced["name"], replaced["workflow"], replaced["tags"], replaced["dataset_id"]) == ("Third", [], [], None)
    assert replaced["created_at"] == created["created_at"]
    assert (await client.patch(one("mine"), json={"status": "completed"})).json()["progress"] == 100


async def test_an_id_that_is_not_chosen_is_made(client: httpx.AsyncClient) -> None:
    ids = {(await client.post(ALL, json=NEW)).json()["id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(len(i) == 32 for i in ids)


async def test_one_known_from_spans_is_adopted_once(client: httpx.AsyncClient) -> None:
    await ingest(client, flat("t"))
    assert (await client.get(one("e"))).json()["status"] == "running"
    assert (await client.post(ALL, json={**NEW, "experiment_id": "e"})).status_code == 201
    assert (await client.get(one("e"))).json()["name"] == "Run"
    assert await total(client, "e") == 1
    again = await client.post(ALL, json={**NEW, "experiment_id": "e"})
    assert again.status_code == 400
    assert "created before" in again.json()["error"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"name": 7}, "name"),
        ({"evaluator_ids": "a"}, "evaluator_ids"),
        ({"workflow": {"type": "prompt"}}, "workflow"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"enable_tracing": "yes"}, "enable_tracing"),
        ({"experiment_id": 7}, "experiment_id"),
        ({"experiment_id": "a" * 257}, "experiment_id"),
    ],
)
async def test_what_is_no_experiment_is_400_and_named(client: httpx.AsyncClient, body: Any, where: str) -> None:
    answer = await client.post(ALL, json=body)
    assert answer.status_code == 400
    assert answer.json()["detail"][0]["loc"] == ["body", where]


async def test_lists_are_filtered_sorted_and_paged_to_an_empty_page(client: httpx.AsyncClient) -> None:
    for number in range(7):
        body = {**NEW, "experiment_id": f"e{number}", "name": f"run {number}", "dataset_id": f"d{number % 2}"}
        await client.post(ALL, json=body)
    await ingest(client, flat("t", "named"))
    filters = {"dataset_id": {"operator": "", "value": ["d1"]}}
    ids: list[str] = []
    for page in range(1, 9):
        query = {"page": str(page), "page_size": "2", "sort_by": "name"}
        answer = await client.post(LIST, json={"filters": filters}, params=query)
        assert answer.status_code == 200, answer.text
        content = answer.json()
        ExperimentList.model_validate(content)
        assert content["count"] == 3
        if not content["results"]:
            break
        ids += [e["id"] for e in content["results"]]
    assert ids == ["e1", "e3", "e5"]
    assert (await client.post("/api/v2/experiments/summary", json={"filters": filters})).json() == {"total_count": 3}
    assert (await client.get("/api/v2/experiments/summary/")).json() == {"total_count": 8}
    newest = (await client.get(LIST)).json()["results"]
    assert (newest[0]["id"], newest[-1]["id"]) == ("named", "e0")
    by_status = [{"field": "status", "operator": "=", "value": "running"}]
    assert [e["id"] for e in (await client.post(LIST, json={"filters": by_status})).json()["results"]] == ["named"]
    for wrong in ({"sort_by": "colour"}, {"page": "0"}, {"page_size": "x"}):
        assert (await client.get(ALL, params=wrong)).status_code == 400
    assert (await client.post(LIST, json={"filters": {"colour": 1}})).status_code == 400


async def test_links_lead_to_the_neighbouring_pages(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await client.post(ALL, json={"experiment_id": f"e{number}"})
    first = (await client.get(ALL, params={"page_size": "2", "sort_by": "id"})).json()
    second = (await client.get(first["next"])).json()
    assert [e["id"] for e in second["results"]] == ["e2"]
    assert (first["previous"], second["next"]) == (None, None)
    assert (await client.get(second["previous"])).json()["results"] == first["results"]


async def test_a_deleted_experiment_is_gone_at_once_and_its_rows_follow(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await ingest(client, *(flat(f"t{n}") for n in range(30)), flat("other", "f"))
    await client.post("/api/logs/t1/scores/", json={"evaluator_slug": "q", "numerical_value": 1})
    assert (await client.delete(one("e"))).status_code == 204
    for answer in (await client.get(one("e")), await client.delete(one("e"))):
        assert answer.status_code == 404
    assert await total(client, "e") is None
    assert (await client.get(ALL)).json()["count"] == 1
    await ingest(client, flat("later"))
    assert await total(client, "e") == 1
    # The application erases too: while it holds an experiment, there is none to erase here.
    async with asyncio.timeout(60):
        while await erase_some(Database(engine), limit=7) or len(await rows(engine, "SELECT 1 FROM traces")) > 2:
            await asyncio.sleep(0)
    assert await total(client, "e") == 1
    assert await total(client, "f") == 1
    for table in ("spans", "span_payloads", "traces"):
        assert len(await rows(engine, f"SELECT 1 FROM {table}")) == 2
    assert await rows(engine, "SELECT * FROM scores") == []
    await warm(engine)
    assert await mismatches(Database(engine)) == []
    assert (
        await rows(
            engine,
            "SELECT * FROM rollups r WHERE NOT EXISTS (SELECT FROM experiments e WHERE e.key = r.experiment_key)",
        )
        == []
    )


async def test_writers_that_meet_a_deletion_leave_either_the_old_or_a_new_experiment(
    make_client: MakeClient, engine: AsyncEngine
) -> None:
    first, second = await make_client(), await make_client()
    bodies = [flat(f"t{n}", cost=1) for n in range(60)]

    async def write(client: httpx.AsyncClient, spans: list[dict[str, Any]]) -> None:
        for span in spans:
            await ingest(client, span)

    async def delete() -> None:
        for _ in range(5):
            await asyncio.sleep(0.05)
            assert (await first.delete(one("e"))).status_code in (204, 404)

    await asyncio.gather(write(first, bodies[:40]), write(second, bodies[20:]), delete())
    while await erase_some(Database(engine), limit=5):
        pass
    await assert_traces_equal_their_spans(engine)
    stored = await rows(engine, "SELECT t.trace_id FROM traces t JOIN experiments e ON e.key = t.experiment_key")
    assert len(stored) == len(await rows(engine, "SELECT trace_id FROM traces"))
    assert (await total(first, "e") or 0) == len(stored)
    await warm(engine)
    assert await mismatches(Database(engine)) == []


async def test_another_tenants_experiments_are_nobodys(client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    await client.post(ALL, json={**NEW, "experiment_id": "e"})
    assert (await stranger.get(ALL)).json()["count"] == 0
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        assert (await stranger.request(method, one("e"), json={"name": "x"})).status_code == 404
    assert (await stranger.post(ALL, json={**NEW, "experiment_id": "e"})).status_code == 201
    assert (await client.get(one("e"))).json()["name"] == "Run"
