"""Parea's API as its SDKs use it."""

import asyncio
import json
import random
from datetime import datetime
from typing import Any

import httpx
import pytest

from spanstats.dialects.parea import bodies, logs, patches

from .conftest import MakeClient

pytestmark = pytest.mark.anyio

API = "/api/parea/v1"


def log(trace_id: str = "root", **fields: Any) -> dict[str, Any]:
    return {"trace_id": trace_id, "start_timestamp": "2026-01-01T00:00:00Z", "experiment_uuid": "e", **fields}


async def post(client: httpx.AsyncClient, *bodies: dict[str, Any]) -> None:
    for body in bodies:
        answer = await client.post(f"{API}/trace_log", json=body)
        assert (answer.status_code, answer.content) == (200, b"null")


async def stats(client: httpx.AsyncClient, experiment: str = "e") -> list[dict[str, Any]]:
    answer = await client.get(f"{API}/experiment/{experiment}/stats")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    entries: list[dict[str, Any]] = answer.json()["parent_trace_stats"]
    return entries


async def create(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    return await client.post(f"{API}/experiment", json={"name": "e", "project_uuid": "p", **fields})


async def test_a_project_is_made_once_and_answered_with_all_four_fields(client: httpx.AsyncClient) -> None:
    first, again = [(await client.post(f"{API}/project", json={"name": "mine"})).json() for _ in range(2)]
    assert first.keys() == {"name", "uuid", "created_at", "was_created"}
    assert (first["was_created"], again["was_created"]) == (True, False)
    assert first["uuid"] == again["uuid"]
    assert datetime.fromisoformat(first["created_at"]).tzinfo is not None


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "default"}])
async def test_the_project_without_a_name_is_the_default_one(client: httpx.AsyncClient, body: dict) -> None:
    answer = await client.post(f"{API}/project", json=body)
    assert answer.json()["name"] == "default"


async def test_an_experiment_is_answered_as_it_was_asked_for(client: httpx.AsyncClient) -> None:
    request = {"name": "Capture Exp", "run_name": "r-1", "metadata": {"k": "v"}, "project_uuid": "p", "is_public": True}
    experiment = (await client.post(f"{API}/experiment", json=request)).json()
    assert {name: experiment[name] for name in request} == request
    assert experiment.keys() == request.keys() | {"uuid", "created_at"}
    assert await stats(client, experiment["uuid"]) == []


async def test_a_run_without_a_name_gets_one(client: httpx.AsyncClient) -> None:
    for run_name in (None, ""):
        experiment = (await create(client, run_name=run_name, metadata={"run_name": str(run_name)})).json()
        assert experiment["run_name"]


async def test_a_retry_gets_the_same_experiment_and_another_run_a_conflict(client: httpx.AsyncClient) -> None:
    first, retry = [await create(client, run_name="r") for _ in range(2)]
    assert first.json() == retry.json()
    conflict = await create(client, run_name="r", metadata={"other": "1"})
    assert conflict.status_code == 400
    assert "r" in conflict.json()["detail"]
    await post(client, log(experiment_uuid=first.json()["uuid"]))
    assert (await create(client, run_name="r")).status_code == 400


async def test_unstorable_text_is_replaced_and_never_a_fault(client: httpx.AsyncClient) -> None:
    request = json.dumps({"name": "n\0\ud800", "metadata": {"k\0": {"deep": ["\0"]}}})
    answer = await client.post(f"{API}/experiment", content=request)
    assert answer.status_code == 200, answer.text
    assert answer.json()["name"] == "n\ufffd\ufffd"
    assert answer.json()["metadata"] == {"k\ufffd": {"deep": ["\ufffd"]}}
    assert (await client.post(f"{API}/project", json={"name": "p\0"})).status_code == 422
    assert (await client.post(f"{API}/project", json={"name": "p" * 257})).status_code == 422


async def test_finished_answers_the_stats_of_now_again_and_again(client: httpx.AsyncClient) -> None:
    uuid = (await create(client)).json()["uuid"]
    for count in (1, 2):
        await post(client, log(f"t{count}", experiment_uuid=uuid))
        ended = {"status": "completed", "dataset_level_stats": [{"name": "f1", "score": 0.5, "reason": None}]}
        answer = await client.post(f"{API}/experiment/{uuid}/finished", json=ended)
        assert len(answer.json()["parent_trace_stats"]) == count
        assert answer.json()["parent_trace_stats"] == await stats(client, uuid)


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"dataset_level_stats": [{"name": "n", "score": null}]}'])
async def test_finished_needs_no_body(client: httpx.AsyncClient, body: bytes) -> None:
    uuid = (await create(client)).json()["uuid"]
    assert (await client.post(f"{API}/experiment/{uuid}/finished", content=body)).status_code == 200


async def test_what_was_neither_created_nor_named_is_404(client: httpx.AsyncClient) -> None:
    for answer in (
        await client.get(f"{API}/experiment/nobody/stats"),
        await client.post(f"{API}/experiment/nobody/finished", json={}),
    ):
        assert (answer.status_code, answer.json()) == (404, {"detail": "Experiment not found"})


async def test_a_trace_sums_its_spans_in_any_order_and_however_often_sent(client: httpx.AsyncClient) -> None:
    root = log("root", latency=0.25, trace_name="main", scores=[{"name": "exact", "score": True}])
    child = log("child", parent_trace_id="root", root_trace_id="root", input_tokens=11, output_tokens=7, cost=0.0000975)
    bodies = [root, child, root, child]
    random.Random(1).shuffle(bodies)
    await asyncio.gather(*(post(client, body) for body in bodies))
    assert await stats(client) == [
        {
            "trace_id": "root",
            "latency": 0.25,
            "input_tokens": 11,
            "output_tokens": 7,
            "total_tokens": 18,
            "cost": 0.0000975,
            "scores": [{"name": "exact", "score": 1.0, "evaluation_metric_id": None, "reason": None}],
        }
    ]


async def test_an_update_lies_over_the_span_also_when_it_comes_first(client: httpx.AsyncClient) -> None:
    update = {"trace_id": "root", "field_name_to_value_map": {"cost": 2.5}, "root_trace_id": None}
    answer = await client.put(f"{API}/trace_log", json=update)
    assert (answer.status_code, answer.content) == (200, b"null")
    await post(client, log(cost=1.0))
    assert [entry["cost"] for entry in await stats(client)] == [2.5]


async def test_a_langchain_run_brings_its_nested_runs(client: httpx.AsyncClient) -> None:
    usage = {"llm_output": {"token_usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}}
    times = {"start_time": 1_700_000_000_000, "end_time": 1_700_000_001_500}
    child = {"id": "c", "trace_id": "r", "parent_run_id": "r", "run_type": "llm", "outputs": usage, **times}
    run = {"id": "r", "trace_id": "r", "run_type": "chain", "experiment_uuid": "e", "child_runs": [child], **times}
    for _ in range(2):
        assert (await client.post(f"{API}/trace_log/langchain", json=run)).content == b"null"
    (entry,) = await stats(client)
    assert (entry["trace_id"], entry["latency"], entry["total_tokens"]) == ("r", 1.5, 7)


async def test_more_traces_than_a_page_come_whole_and_in_order(client: httpx.AsyncClient) -> None:
    spans = [
        {
            "trace_unique_id": f"t{n:05}",
            "span_unique_id": "s",
            "start_time": "2026-01-01T00:00:00Z",
            "timestamp": "2026-01-01T00:00:01Z",
            "metadata": {"experiment_id": "e"},
        }
        for n in range(4500)
    ]
    random.Random(2).shuffle(spans)
    assert (await client.post("/api/v1/traces/ingest", json=spans)).status_code == 200
    assert [entry["trace_id"] for entry in await stats(client)] == [f"t{n:05}" for n in range(4500)]


async def test_stats_are_compressed_when_that_is_accepted(client: httpx.AsyncClient) -> None:
    await post(client, *(log(f"t{n}") for n in range(20)))
    path = f"{API}/experiment/e/stats"
    zipped = await client.get(path, headers={"accept-encoding": "gzip"})
    plain = await client.get(path, headers={"accept-encoding": "identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.json() == plain.json()
    assert len(plain.json()["parent_trace_stats"]) == 20


async def test_tenants_see_only_their_own(make_client: MakeClient) -> None:
    mine, theirs = await make_client("mine"), await make_client("theirs")
    uuid = (await create(mine)).json()["uuid"]
    await post(mine, log(experiment_uuid=uuid, cost=1.0))
    assert (await theirs.get(f"{API}/experiment/{uuid}/stats")).status_code == 404
    assert (await theirs.post(f"{API}/experiment/{uuid}/finished", json={})).status_code == 404
    update = {"trace_id": "root", "field_name_to_value_map": {"cost": 9}}
    assert (await theirs.put(f"{API}/trace_log", json=update)).status_code == 200
    await post(theirs, log(experiment_uuid=uuid, cost=5.0), log("child", parent_trace_id="root", cost=5.0))
    assert [entry["cost"] for entry in await stats(mine, uuid)] == [1.0]
    assert [entry["cost"] for entry in await stats(theirs, uuid)] == [14.0]
    assert (await mine.post(f"{API}/project", json={})).json()["uuid"] != (
        await theirs.post(f"{API}/project", json={})
    ).json()["uuid"]


def test_the_description_of_a_log_names_the_fields_that_are_read() -> None:
    assert set(bodies.TRACE_LOG["properties"]) == set(logs.TraceLog.__struct_fields__)
    assert set(patches.UpdateLog.__struct_fields__) <= set(bodies.UPDATE_LOG["properties"])
    json.dumps(bodies.LANGCHAIN_RUN)
