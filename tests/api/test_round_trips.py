"""What a request costs a service with one shard: its round trips to the database, and the statements in them.

They are counted on the wire: a server ends each of its answers with one message. Background work has connections of its
own, which are not counted, and keys are known.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from spanstats.api.authentication import KeyCache

from .conftest import MakeClient
from .test_shards import LOG

pytestmark = [pytest.mark.anyio, pytest.mark.one_database("it counts what one shard costs")]

SUMMARY, PAGE = "/api/v2/experiments/e/logs/summary/", "/api/stats/v1/experiments/e"
FILTERED = {"filters": {"cost": {"operator": "gte", "value": [1]}}}
SPAN = {"trace_unique_id": "r", "span_unique_id": "s", "metadata": {"experiment_id": "e"}}
EXPORT = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1" * 32, "spanId": "2" * 16, "name": "s"}]}]}]}
ROUND_TRIPS: list[tuple[str, str, Any, int]] = [
    ("POST", "/api/parea/v1/trace_log", LOG, 6),
    ("PUT", "/api/parea/v1/trace_log", {"trace_id": "t", "field_name_to_value_map": {"cost": 1}}, 8),
    ("POST", "/api/v1/traces/ingest", [SPAN], 7),
    ("POST", "/v1/traces", EXPORT, 6),
    ("GET", "/api/parea/v1/experiment/e/stats", None, 4),
    ("GET", SUMMARY, None, 1),
    ("POST", SUMMARY, FILTERED, 5),
    ("GET", "/api/v2/experiments/e/logs/list/", None, 10),
    ("POST", "/api/parea/v1/get_trace_logs", {"project_name": "default"}, 4),
    ("GET", PAGE, None, 6),
    ("GET", f"{PAGE}/breakdown?group_by=model&measures=cost.sum", None, 8),
    ("GET", f"{PAGE}/traces", None, 6),
    ("GET", "/api/request-logs/list/", None, 9),
    ("GET", "/api/traces/r/", None, 9),
]
"""How often the database answers, once statements are prepared."""


class Wire:
    """A proxy to the database that counts answers."""

    def __init__(self, database_url: str) -> None:
        self._target = make_url(database_url)
        self.round_trips = 0
        self.port = 0

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    @property
    def url(self) -> str:
        through = self._target.set(host="127.0.0.1", port=self.port).difference_update_query(["host"])
        return through.update_query_dict({"sslmode": "disable"}).render_as_string(hide_password=False)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        directory = str(self._target.query.get("host") or "")
        port = self._target.port or 5432
        if directory:
            to_server = await asyncio.open_unix_connection(f"{directory}/.s.PGSQL.{port}")
        else:
            to_server = await asyncio.open_connection(self._target.host, port)
        await asyncio.gather(self._up(reader, to_server[1]), self._down(to_server[0], writer))

    async def _up(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
        sink.close()

    async def _down(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Message by message: a letter, and a length that counts itself."""
        with suppress(asyncio.IncompleteReadError):
            while True:
                head = await source.readexactly(5)
                body = await source.readexactly(int.from_bytes(head[1:]) - 4)
                self.round_trips += head[:1] == b"Z"
                sink.write(head + body)
        sink.close()


@asynccontextmanager
async def counted(database_url: str) -> AsyncIterator[Wire]:
    wire = Wire(database_url)
    server = await wire.serve()
    try:
        yield wire
    finally:
        server.close()


async def test_a_request_takes_these_round_trips(
    make_client: MakeClient, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KeyCache.__init__, "__defaults__", (3_600.0, 10_000))
    async with counted(database_url) as wire:
        client = await make_client(database_url=wire.url, database_direct_url=database_url)
        counts = []
        for method, path, body, _ in ROUND_TRIPS:
            for _again in range(3):
                before = wire.round_trips
                answer = await client.request(method, path, json=body)
                assert answer.is_success, (path, answer.text)
            counts.append((method, path, body, wire.round_trips - before))
        assert counts == ROUND_TRIPS
