"""A database that cannot be reached: every route says so in the same way, and serves again once it is back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from sqlalchemy.engine import URL, make_url

from tests.conftest import run_sql
from tests.second_shard import settings_for

from .conftest import MakeClient

pytestmark = pytest.mark.anyio

LOG = {"trace_id": "t", "start_timestamp": "2026-01-01T00:00:00Z"}


class Gate:
    """A door in front of the server: closed, it drops all connections and refuses new ones."""

    def __init__(self, target: URL) -> None:
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._carry(reader, writer)))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        directory = self._target.query.get("host")
        if directory:
            to_server = await asyncio.open_unix_connection(f"{directory}/.s.PGSQL.5432")
        else:
            to_server = await asyncio.open_connection(self._target.host, self._target.port or 5432)
        try:
            await asyncio.gather(_pump(reader, to_server[1]), _pump(to_server[0], writer))
        finally:
            for end in (writer, to_server[1]):
                end.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.close()


@asynccontextmanager
async def gate_to(database_url: str) -> AsyncIterator[tuple[Gate, str]]:
    """An open gate, and the database's address through it."""
    target = make_url(database_url)
    gate = Gate(target)
    await gate.open()
    through = target.set(host="127.0.0.1", port=gate.port).difference_update_query(["host"])
    try:
        yield gate, through.render_as_string(hide_password=False)
    finally:
        await gate.close()


async def every_route(client: httpx.AsyncClient) -> list[httpx.Response]:
    return [
        await client.get("/api/parea/v1/experiment/e/stats"),
        await client.post("/api/parea/v1/trace_log", json=LOG),
        await client.put("/api/parea/v1/trace_log", json={"trace_id": "t", "field_name_to_value_map": {"cost": 1}}),
        await client.post("/api/parea/v1/project", json={}),
        await client.post("/api/parea/v1/experiment", json={"name": "e"}),
        await client.post("/api/parea/v1/experiment/e/finished"),
        await client.get("/api/v2/experiments/e/logs/summary/"),
        await client.post("/api/v1/traces/ingest", json=[{"trace_unique_id": "t", "span_unique_id": "s"}]),
        await client.get("/readyz"),
    ]


async def test_an_outage_is_503_with_a_time_to_come_back_and_ends(make_client: MakeClient, database_url: str) -> None:
    async with gate_to(database_url) as (gate, through):
        client = await make_client(**settings_for(through))
        assert {answer.status_code for answer in await every_route(client)} == {200, 404}
        await gate.close()
        for answer in await every_route(client):
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) >= 1
        assert (await client.get("/healthz")).status_code == 200
        await gate.open()
        assert {answer.status_code for answer in await every_route(client)} == {200, 404}


FAIL = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'canary-of-a-payload' USING ERRCODE = '40001'; END $$
"""
ALWAYS = "CREATE TRIGGER failing BEFORE INSERT OR UPDATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION fail()"
TABLES = ("spans", "traces", "patches", "early_scores", "experiments", "projects", "datasets")
EXPORT = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1" * 32, "spanId": "2" * 16, "name": "s"}]}]}]}
WRITES: list[tuple[str, str, object]] = [
    ("POST", "/api/parea/v1/trace_log", LOG),
    ("PUT", "/api/parea/v1/trace_log", {"trace_id": "t", "field_name_to_value_map": {"cost": 1}}),
    ("POST", "/api/parea/v1/feedback", {"trace_id": "t", "score": 1}),
    ("POST", "/api/parea/v1/project", {"name": "p"}),
    ("POST", "/api/parea/v1/experiment", {"name": "e"}),
    ("POST", "/api/parea/v1/collection", {"name": "c", "test_cases": []}),
    ("POST", "/api/v2/experiments/", {"experiment_id": "x"}),
    ("POST", "/api/v1/traces/ingest", [{"trace_unique_id": "t", "span_unique_id": "s"}]),
    ("POST", "/api/request-logs/", {"trace_unique_id": "t", "span_unique_id": "s"}),
    ("POST", "/api/logs/t/scores/", {"evaluator_slug": "q", "numerical_value": 1}),
    ("POST", "/v1/traces", EXPORT),
]


# Serialization failure, full disk, read-only.
@pytest.mark.parametrize("code", ["40001", "53100", "25006"])
async def test_a_database_that_fails_every_write_is_an_outage_that_ends(
    make_client: MakeClient, database_url: str, code: str
) -> None:
    client = await make_client()
    for statement in (FAIL.replace("40001", code), *(ALWAYS.format(table) for table in TABLES)):
        await asyncio.to_thread(run_sql, database_url, statement)
    for method, path, body in WRITES:
        answer = await client.request(method, path, json=body)
        assert answer.status_code == 503, (path, answer.text)
        assert int(answer.headers["retry-after"]) >= 1
        assert "canary" not in answer.text
    assert (await client.get("/api/request-logs/list/")).json()["count"] == 0
    await asyncio.to_thread(run_sql, database_url, "DROP FUNCTION fail CASCADE")
    assert {(await client.request(m, p, json=b)).status_code for m, p, b in WRITES} <= {200, 201}


FAIL_TWICE = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') <= 2 THEN
        RAISE EXCEPTION 'canary-of-a-payload' USING ERRCODE = '40001';
    END IF;
    RETURN NULL;
END $$
"""


async def test_a_database_that_asks_for_a_write_to_be_repeated_is_noticed_by_nobody(
    make_client: MakeClient, database_url: str
) -> None:
    client = await make_client()
    for statement in ("CREATE SEQUENCE tries", FAIL_TWICE, *(ALWAYS.format(table) for table in TABLES)):
        await asyncio.to_thread(run_sql, database_url, statement)
    for method, path, body in WRITES:
        await asyncio.to_thread(run_sql, database_url, "ALTER SEQUENCE tries RESTART")
        answer = await client.request(method, path, json=body)
        assert answer.status_code in (200, 201), (path, answer.text)
        [tried] = await asyncio.to_thread(run_sql, database_url, "SELECT last_value FROM tries")
        assert tried["last_value"] > 2, path
