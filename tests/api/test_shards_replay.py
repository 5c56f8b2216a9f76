"""Recorded traffic of real clients: either of two shards answers byte for byte as a service with one shard does."""

from collections.abc import AsyncIterator

import httpx
import pytest
from asgi_lifespan import LifespanManager

from spanstats.catalog import keys
from spanstats.main import create_app
from spanstats.settings import Settings
from tests.dialects.recorded import load
from tests.two_schemas import database_url, second_url, two_schemas

from .test_replay import replay_respan
from .test_shards import World, ask, client_of, without_times, world

__all__ = ["database_url", "second_url", "two_schemas", "world"]

pytestmark = [pytest.mark.anyio, pytest.mark.one_database("it makes shards of its own")]

PAREA = "/api/parea/v1"
ERRORS = {"filters": {"status": {"operator": "", "value": ["error"]}}}


@pytest.fixture
async def clients(world: World, database_url: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Of a tenant in each of two shards, and of one of a service that has one shard."""
    async with LifespanManager(create_app(Settings(database_url=database_url))) as manager:
        key = await keys.create(world.directory, "k", "alone")
        async with client_of(manager.app, key) as alone:
            yield [alone, world.first_client, world.second_client]


async def replay_parea(client: httpx.AsyncClient) -> str:
    """The logs of a run of the SDK; the id of their experiment."""
    recorded = load("parea/python_sdk_run.json")
    for request in recorded:
        if request["path"] == f"{PAREA}/trace_log" and request["method"] in ("POST", "PUT"):
            answer = await client.request(request["method"], request["path"], json=request["body"])
            assert answer.status_code == 200, answer.text
    ((experiment, _),) = load("parea/expected_stats.json")["experiments"].items()
    return str(experiment)


async def test_every_answer_about_recorded_traffic_is_the_same_bytes(clients: list[httpx.AsyncClient]) -> None:
    for client in clients:
        await replay_respan(client, 1)
        run = await replay_parea(client)
    compared = 0
    for experiment in (run, "exp_1", "exp_123"):
        summary, page = f"/api/v2/experiments/{experiment}/logs/summary/", f"/api/stats/v1/experiments/{experiment}"
        for request in (
            ("GET", f"{PAREA}/experiment/{experiment}/stats", None),
            ("GET", summary, None),
            ("POST", summary, ERRORS),
            ("GET", page, None),
            ("GET", f"{page}/breakdown?group_by=model&measures=cost.sum", None),
            ("GET", f"{page}/traces?sort_by=-cost", None),
            ("POST", "/api/stats/v1/compare", {"base": run, "candidates": ["exp_1"]}),
            ("GET", f"/api/request-logs/list/?experiment_id={experiment}", None),
        ):
            answers = [without_times(await ask(client, request)) for client in clients]
            assert answers[0][0] == 200, (request, answers[0])
            assert answers[1:] == answers[:1] * 2, request
            compared += len(answers[0][1])
    assert compared > 10_000
