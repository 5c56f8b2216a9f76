"""The list of experiments with figures."""

import csv
import io
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from .test_experiment import ask
from .world import RUN, expected, stored_run

pytestmark = pytest.mark.anyio

PATH = "/api/stats/v1/experiments"


async def create(client: httpx.AsyncClient, name: str, **fields: Any) -> str:
    created = await client.post("/api/v2/experiments/", json={"name": name, **fields})
    assert created.status_code == 201, created.text
    return created.json()["id"]


async def names(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return [experiment["name"] for experiment in answer.json()["experiments"]]


async def test_figures_of_the_list_are_those_of_each_experiment(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    rows = await stored_run(engine, 31, 100)
    measures = ["cost.sum", "latency.mean", "latency.p95", "error.mean", "scores.accuracy.mean"]
    listed = await ask(client, PATH, measures=measures)
    assert listed["count"] == 2
    (experiment,) = (e for e in listed["experiments"] if e["id"] == RUN)
    one = await ask(client, f"{PATH}/{RUN}", measures=measures)
    assert {k: experiment[k] for k in ("traces", "failed", "measures")} == {
        k: one[k] for k in ("traces", "failed", "measures")
    }
    assert experiment["measures"]["cost"]["sum"] == expected(rows, "cost", ["sum"])["sum"]
    rolled = await ask(client, PATH, measures=["cost.sum"], start_time="2026-05-30T00:00:00Z")
    windowed = await ask(client, f"{PATH}/{RUN}", measures=["cost.sum"], start_time="2026-05-30T00:00:00Z")
    assert next(e["measures"] for e in rolled["experiments"] if e["id"] == RUN) == windowed["measures"]


async def test_it_is_searched_sorted_and_paged(client: httpx.AsyncClient) -> None:
    for name in ("Straße 1", "beta 2", "Beta 10", "100%_\\"):
        await create(client, name)
    assert await names(client, search="BETA") == ["Beta 10", "beta 2"]
    assert await names(client, search="%_\\") == ["100%_\\"]
    assert await names(client, sort_by="name") == ["100%_\\", "Beta 10", "Straße 1", "beta 2"]
    assert await names(client, sort_by="-name", page_size=3, page=2) == ["100%_\\"]
    assert await names(client, page=7) == []
    assert await names(client, status="pending", search="beta 2") == ["beta 2"]
    assert await names(client, status="completed") == []
    assert await names(client, project="nothing") == []


@pytest.mark.parametrize("sort_by", ["name", "-created_at", "-finished_at", "status"])
async def test_pages_that_begin_behind_an_experiment_hold_each_once(client: httpx.AsyncClient, sort_by: str) -> None:
    for number in range(7):
        await create(client, f"run {number % 3}")
    whole = (await client.get(PATH, params={"sort_by": sort_by})).json()
    assert whole["next_cursor"] is None
    paged: list[dict[str, Any]] = []
    page: dict[str, Any] = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        options = {"sort_by": sort_by, "page_size": 2, "cursor": page["next_cursor"]}
        page = (await client.get(PATH, params=options)).json()
        assert page["count"] == 7
        paged += page["experiments"]
    assert paged == whole["experiments"]


async def test_it_is_searched_by_project_and_metadata(client: httpx.AsyncClient) -> None:
    project = (await client.post("/api/parea/v1/project", json={"name": "Search"})).json()["uuid"]
    for run, env in (("one", "prod"), ("two", "test")):
        body = {"name": "run", "run_name": run, "project_uuid": project, "metadata": {"env": env, "n": "1"}}
        assert (await client.post("/api/parea/v1/experiment", json=body)).status_code == 200
    await create(client, "apart")
    assert len(await names(client, project="Search")) == 2
    assert len(await names(client, project=project)) == 2
    listed = (await client.get(PATH, params={"metadata.env": "prod"})).json()["experiments"]
    assert [(e["run_name"], e["project"]) for e in listed] == [("one", "Search")]
    listed = await ask(client, PATH, metadata={"env": "test", "n": 1})
    assert [e["run_name"] for e in listed["experiments"]] == ["two"]
    assert await names(client, search="TWO") == ["run"]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"page": "0"}, "page"),
        ({"page_size": "101"}, "page_size"),
        ({"sort_by": "colour"}, "sort_by"),
        ({"colour": "red"}, "colour"),
        ({"measures": "colour"}, "measures"),
    ],
)
async def test_what_is_wrong_is_named(client: httpx.AsyncClient, query: dict[str, str], where: str) -> None:
    answer = await client.get(PATH, params=query)
    assert answer.status_code == 400
    assert answer.json()["detail"][0]["loc"] == ["query", where]


async def test_csv_equals_json(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    await stored_run(engine, 32, 60)
    await create(client, '=HYPERLINK("http://evil")')
    listed = (await client.get(PATH)).json()["experiments"]
    answer = await client.get(PATH, headers={"accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    table = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert len(table) == len(listed) == 3
    for row, experiment in zip(table, listed, strict=True):
        assert row["name"].removeprefix("'") == experiment["name"]
        assert row["name"].startswith("'=") == experiment["name"].startswith("=")
        assert int(row["traces"]) == experiment["traces"]
        for measure, figures in experiment["measures"].items():
            for name in ("count", "missing", "sum", "mean", "std_dev"):
                cell = row[f"{measure}.{name}"]
                assert (float(cell) if cell else None) == figures[name]
