"""Lists of experiments: what they are narrowed by, their order, and statistics that agree with those of each."""

from statistics import fmean
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog import experiment_lists
from spanstats.catalog.experiment_lists import Search
from spanstats.domain.keys import TenantId
from spanstats.store.session import Database

from .conftest import MakeClient
from .parea_world import API

pytestmark = pytest.mark.anyio

START = "2026-01-01T00:00:00Z"


async def create(client: httpx.AsyncClient, name: str, run_name: str, project: str = "p", **fields: Any) -> str:
    project_id = (await client.post(f"{API}/project", json={"name": project})).json()["uuid"]
    body = {"name": name, "run_name": run_name, "project_uuid": project_id, **fields}
    answer = await client.post(f"{API}/experiment", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["uuid"]


async def listed(client: httpx.AsyncClient, **filters: Any) -> list[dict[str, Any]]:
    answer = await client.post(f"{API}/experiments", json=filters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def log(client: httpx.AsyncClient, log_id: str, experiment: str | None, **fields: Any) -> None:
    body = {"trace_id": log_id, "start_timestamp": START, "experiment_uuid": experiment, **fields}
    assert (await client.post(f"{API}/trace_log", json=body)).status_code == 200


async def test_every_condition_narrows_and_all_hold_together(client: httpx.AsyncClient) -> None:
    a = await create(client, "Capital Cities", "first-run", metadata={"branch": "main", "n": 1})
    b = await create(client, "Rivers", "second-run", metadata={"branch": "main", "deep": {"k": [1]}})
    c = await create(client, "Rivers", "third", project="other", metadata={"branch": "dev\ufffd"})
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, [c, b, a]),
        ({"project_name": None, "metadata_filter": {}, "experiment_uuids": [], "run_name_filter": ""}, [c, b, a]),
        ({"project_name": "p"}, [b, a]),
        ({"project_name": "P"}, []),
        ({"project_name": "p\0"}, []),
        ({"experiment_name_filter": "iver"}, [c, b]),
        ({"experiment_name_filter": "IVER"}, []),
        ({"experiment_name_filter": "%"}, []),
        ({"run_name_filter": "-run"}, [b, a]),
        ({"metadata_filter": {"branch": "main"}}, [b, a]),
        ({"metadata_filter": {"branch": "main", "n": 1}}, [a]),
        ({"metadata_filter": {"n": "1"}}, [a]),
        ({"metadata_filter": {"deep": {"k": [1]}}}, [b]),
        ({"metadata_filter": {"n": None}}, [c, b]),
        ({"metadata_filter": {"branch": "dev\0"}}, [c]),
        ({"experiment_uuids": [a, c, "nowhere", "\0"]}, [c, a]),
        ({"experiment_uuids": ["nowhere"]}, []),
        ({"project_name": "p", "experiment_name_filter": "Rivers", "run_name_filter": "second"}, [b]),
    ]
    wrong = {str(f): uuids for f, ids in cases if (uuids := [e["uuid"] for e in await listed(client, **f)]) != ids}
    assert wrong == {}


async def test_no_body_at_all_asks_for_everything(client: httpx.AsyncClient) -> None:
    uuid = await create(client, "e", "r")
    for content in (b"", b"null", b"{}"):
        answer = await client.post(f"{API}/experiments", content=content)
        assert [e["uuid"] for e in answer.json()] == [uuid]


async def test_an_experiment_without_traces_has_no_means(client: httpx.AsyncClient) -> None:
    await create(client, "e", "r")
    (only,) = await listed(client)
    assert (only["pinned_stats"], only["num_samples"], only["status"]) == ([], 0, "running")


async def test_means_are_over_the_traces_that_the_stats_list(client: httpx.AsyncClient) -> None:
    """A trace whose root has not come is in neither; the same score name is one mean; nulls are skipped."""
    uuid = await create(client, "e", "r")
    for n in range(3):
        scores: list[dict[str, Any]] = [
            {"name": "q", "score": n / 3},
            {"name": "q", "score": 1},
            {"name": "ok", "score": n == 1},
        ]
        await log(client, f"t{n}", uuid, latency=0.1 * n, input_tokens=n, output_tokens=2 * n, scores=scores)
    await log(client, "no-latency", uuid, cost=0.25)
    await log(client, "child", uuid, root_trace_id="t0", parent_trace_id="t0", cost=0.5, total_tokens=7)
    lost = {"cost": 9.0, "latency": 3.0, "total_tokens": 99, "scores": [{"name": "q", "score": 50}]}
    await log(client, "orphan", uuid, root_trace_id="never sent", parent_trace_id="never sent", **lost)
    entries = (await client.get(f"{API}/experiment/{uuid}/stats")).json()["parent_trace_stats"]
    (only,) = await listed(client)
    assert only["num_samples"] == len(entries) == 4
    scores = [s for e in entries for s in e["scores"]]
    expected = {name: fmean(s["score"] for s in scores if s["name"] == name) for name in ("ok", "q")}
    for word, field in (("Cost", "cost"), ("Total Tokens", "total_tokens"), ("Latency", "latency")):
        expected[word] = fmean(e[field] for e in entries if e[field] is not None)
    means = {s["var1"]: s["value"] for s in only["pinned_stats"]}
    assert {name: means[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    await log(client, "never sent", uuid)
    (only,) = await listed(client)
    assert only["num_samples"] == 5
    assert {s["var1"]: s["value"] for s in only["pinned_stats"]}["q"] > 7


async def test_an_experiment_that_was_only_named_is_listed_by_its_id(client: httpx.AsyncClient) -> None:
    await log(client, "t", "named-by-a-span")
    (only,) = await listed(client, experiment_name_filter="by-a")
    assert (only["uuid"], only["name"], only["run_name"], only["project_uuid"]) == ("named-by-a-span",) * 2 + ("", "")


async def test_many_experiments_come_whole_newest_first_in_pages(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    for n in range(7):
        await log(client, f"t{n}", f"e{n}")
    ids = [e["uuid"] for e in await listed(client)]
    assert ids == [f"e{n}" for n in reversed(range(7))]
    for size in (1, 2, 7, 8):
        pages = [p async for p in experiment_lists.pages(Database(engine), TenantId(1), Search(), size)]
        assert [e.id for page in pages for e in page] == ids
        assert all(len(page) <= size for page in pages)


async def test_tenants_list_only_their_own(make_client: MakeClient) -> None:
    mine, theirs = await make_client("mine"), await make_client("theirs")
    for client in (mine, theirs):
        await log(client, "t", "same id", scores=[{"name": f"of {client is mine}", "score": 1}])
    (of_mine,), (of_theirs,) = await listed(mine), await listed(theirs)
    assert {s["var1"] for s in of_mine["pinned_stats"]} & {"of True", "of False"} == {"of True"}
    assert {s["var1"] for s in of_theirs["pinned_stats"]} & {"of True", "of False"} == {"of False"}
