"""Tenants in shards: two schemas of one server answer, byte for byte, as one database does."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import httpx
import pytest
from asgi_lifespan import LifespanManager

from spanstats.catalog import keys, placement
from spanstats.catalog.keys import Placing
from spanstats.errors import Conflict
from spanstats.main import create_app
from spanstats.settings import Settings
from spanstats.store.session import Database, Kind, create_engine
from tests.two_schemas import database_url, second_url, two_schemas

__all__ = ["database_url", "second_url", "two_schemas"]

pytestmark = [pytest.mark.anyio, pytest.mark.one_database("it makes shards of its own")]

TWO = Placing(("first", "two"), "two")
LOG: dict[str, Any] = {
    "trace_id": "t",
    "experiment_uuid": "e",
    "start_timestamp": "2026-01-01T00:00:00Z",
    "end_timestamp": "2026-01-01T00:00:01Z",
    "latency": 1.0,
    "cost": 0.25,
    "input_tokens": 3,
    "scores": [{"name": "exact", "score": 0.5}],
    "status": "success",
}


class World(NamedTuple):
    """An application with two shards, its directory, and a client of one tenant in each."""

    directory: Database
    second: Database
    app: Any
    first_client: httpx.AsyncClient
    second_client: httpx.AsyncClient


@asynccontextmanager
async def shards(database_url: str, second_url: str) -> AsyncIterator[World]:
    async with AsyncExitStack() as opened:
        databases = []
        for url in (database_url, second_url):
            databases.append(Database(create_engine(url)))
            opened.push_async_callback(databases[-1].dispose)
        directory, second = databases
        await placement.register(directory, second, "two")
        settings = Settings(database_url=database_url, shards=f"two={second_url}")
        manager = await opened.enter_async_context(LifespanManager(create_app(settings)))
        plain = [
            await keys.create(directory, "k", "in-first"),
            await keys.create(directory, "k", "in-second", placing=TWO),
        ]
        clients = [await opened.enter_async_context(client_of(manager.app, key)) for key in plain]
        yield World(directory, second, manager.app, *clients)


def client_of(app: Any, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test", headers={"Authorization": f"Bearer {key}"}
    )


@pytest.fixture
async def world(database_url: str, second_url: str) -> AsyncIterator[World]:
    async with shards(database_url, second_url) as both:
        yield both


REQUESTS: list[tuple[str, str, Any]] = [
    ("POST", "/api/parea/v1/trace_log", LOG),
    ("POST", "/api/parea/v1/trace_log", LOG | {"trace_id": "c", "parent_trace_id": "t", "root_trace_id": "t"}),
    ("PUT", "/api/parea/v1/trace_log", {"trace_id": "c", "field_name_to_value_map": {"cost": 1}}),
    (
        "POST",
        "/api/v1/traces/ingest",
        [{"trace_unique_id": "r", "span_unique_id": "s", "metadata": {"experiment_id": "e"}}],
    ),
    ("POST", "/api/v2/experiments/e/logs/summary/", {}),
    ("POST", "/api/v2/experiments/e/logs/summary/", {"filters": {"cost": {"operator": "gte", "value": [1]}}}),
    ("GET", "/api/parea/v1/experiment/e/stats", None),
    ("GET", "/api/stats/v1/experiments/e/breakdown?group_by=model&measures=cost.sum", None),
    ("GET", "/api/v2/experiments/e/logs/summary/", None),
    ("GET", "/api/v2/experiments/unknown/logs/summary/", None),
]


async def ask(client: httpx.AsyncClient, request: tuple[str, str, Any]) -> tuple[int, bytes]:
    method, path, body = request
    answer = await client.request(method, path, json=body)
    return answer.status_code, answer.content


async def test_every_answer_of_either_shard_is_the_same(world: World) -> None:
    for request in REQUESTS:
        answers = [await ask(client, request) for client in (world.first_client, world.second_client)]
        assert without_times(answers[0]) == without_times(answers[1]), request
    summary = await world.second_client.post("/api/v2/experiments/e/logs/summary/", json={})
    assert summary.json()["total_count"] == 2
    assert summary.json()["total_cost"] == 1.25


def without_times(answer: tuple[int, bytes]) -> tuple[int, bytes]:
    """The answer without the moments at which it was asked for."""
    return answer[0], re.sub(rb'"(as_of|created_at)":"[^"]*"', b"", answer[1])


async def count(database: Database, table: str) -> int:
    async with database.transaction(Kind.READ) as tx:
        return int(await tx.driver.fetchval(f"SELECT count(*) FROM {table}"))


async def test_all_of_a_tenant_is_in_its_shard_and_keys_are_in_the_first(world: World) -> None:
    for request in REQUESTS[:4]:
        await ask(world.second_client, request)
    for table in ("traces", "spans", "scores", "experiments", "evaluators", "patches"):
        assert await count(world.directory, table) == 0, table
        assert await count(world.second, table) > 0, table
    for table in ("tenants", "api_keys"):
        assert await count(world.directory, table) == 2
        assert await count(world.second, table) == 0


async def test_ids_of_two_shards_never_meet(world: World) -> None:
    dataset = {"name": "d", "test_cases": [{"inputs": {"a": "1"}, "target": "x", "tags": []}]}
    ids = []
    for client, database in ((world.first_client, world.directory), (world.second_client, world.second)):
        await ask(client, ("POST", "/api/parea/v1/trace_log", LOG))
        assert (await ask(client, ("POST", "/api/parea/v1/collection", dataset)))[0] < 300
        async with database.transaction(Kind.READ) as tx:
            ids.append(
                [
                    await tx.driver.fetchval(f"SELECT min({column}) FROM {table}")
                    for table, column in (("experiments", "key"), ("datasets", "id"), ("test_cases", "id"))
                ]
            )
    assert ids[0] == [1, 1, 1]
    assert ids[1] == [2**40, 2**30, 2**30]


async def test_one_shard_away_hurts_its_tenants_alone(world: World, second_url: str) -> None:
    for client in (world.first_client, world.second_client):
        await ask(client, REQUESTS[0])
    async with world.directory.transaction(Kind.WRITE) as tx:
        # All that is asked of it fails, as if it were gone.
        await tx.driver.execute("ALTER SCHEMA two RENAME TO elsewhere")
    for request in REQUESTS:
        assert (await ask(world.first_client, request))[0] in (200, 201, 404)
        method, path, body = request
        answer = await world.second_client.request(method, path, json=body)
        assert answer.status_code == 503, request
        assert answer.headers["Retry-After"]
    ready = await world.first_client.get("/readyz")
    assert (ready.status_code, ready.json()["shards"]) == (200, {"two": "away"})
    metrics = (await world.first_client.get("/metrics")).text
    assert 'spanstats_shard_up{shard="two"} 0.0' in metrics
    assert 'spanstats_shard_up{shard="first"} 1.0' in metrics
    async with world.directory.transaction(Kind.WRITE) as tx:
        await tx.driver.execute("ALTER SCHEMA elsewhere RENAME TO two")
    assert (await ask(world.second_client, REQUESTS[-2]))[0] == 200
    assert (await world.first_client.get("/readyz")).json()["shards"] == {"two": "ready"}


async def test_a_database_is_no_shard_until_it_is_registered_and_never_another_one(
    database_url: str, second_url: str
) -> None:
    directory, second = (Database(create_engine(url)) for url in (database_url, second_url))
    assert not await placement.is_registered(directory, second, "two")
    for _ in range(2):
        await placement.register(directory, second, "two")
        assert await placement.is_registered(directory, second, "two")
    with pytest.raises(Conflict, match="another shard"):
        await placement.register(directory, second, "three")
    assert not await placement.is_registered(directory, second, "three")
    with pytest.raises(Conflict, match="is a shard itself"):
        await placement.register(second, directory, "four")
    for database in (directory, second):
        await database.dispose()


async def test_a_database_with_data_of_its_own_is_not_taken_for_a_shard(database_url: str, second_url: str) -> None:
    directory, second = (Database(create_engine(url)) for url in (database_url, second_url))
    await keys.create(second, "k")
    with pytest.raises(Conflict, match="holds data"):
        await placement.register(directory, second, "two")
    for database in (directory, second):
        await database.dispose()


async def test_new_tenants_go_where_there_are_fewest_or_where_they_are_sent(database_url: str) -> None:
    directory = Database(create_engine(database_url))
    placing = Placing(("first", "two", "three"))
    for name in "abcd":
        await keys.create(directory, "k", name, placing=placing)
    await keys.create(directory, "k", "e", placing=Placing(placing.shards, "three"))
    homes = [(await placement.home_of(directory, name)).shard for name in "abcde"]
    assert homes == ["first", "two", "three", "first", "three"]
    await keys.create(directory, "again", "e", placing=placing)
    with pytest.raises(Conflict, match="lives in shard three"):
        await keys.create(directory, "k", "e", placing=Placing(placing.shards, "two"))
    await directory.dispose()
