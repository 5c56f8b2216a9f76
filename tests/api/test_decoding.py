"""A long body holds up no other request: it is read beside the loop, and JSON of millions of values is refused."""

import asyncio
import gzip
import threading
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import Request

from spanstats.api.decoding import beside
from spanstats.dialects.json_limits import LONG, MAX_MARKS
from spanstats.dialects.json_repair import MAX_MARKS_OF_ITEMS
from spanstats.dialects.otlp import json_encoding
from spanstats.threads import BoundedThread

from .conftest import MakeClient

pytestmark = pytest.mark.anyio

FLAT = "/api/v1/traces/ingest"
STARTS = {
    b"[": FLAT,
    b'{"data":[': FLAT,
    b'{"logs":[': "/api/request-logs/bulk/",
    b'{"resourceSpans":[{"scopeSpans":[{"spans":[': "/v1/traces",
    b'{"inputs":{"a":[': "/api/parea/v1/trace_log",
    b'{"child_runs":[': "/api/parea/v1/trace_log/langchain",
    b'{"filters":{': "/api/v2/experiments/e/logs/summary/",
}


def a_request(decoding: BoundedThread) -> Request:
    tools: Any = SimpleNamespace(decoding=decoding)
    return Request({"type": "http", "state": {"resources": tools}})


async def test_a_long_body_is_read_in_another_thread_and_a_short_one_at_once() -> None:
    def read(_sent: bytes, /) -> threading.Thread:
        return threading.current_thread()

    here = threading.current_thread()
    with closing(BoundedThread("decoding")) as decoding:
        assert await beside(a_request(decoding), read, bytes(LONG)) is here
        assert await beside(a_request(decoding), read, bytes(LONG + 1)) is not here


def reading_waits(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Have the reading of OTLP's JSON set the first event, and wait for the second."""
    begun, answered = threading.Event(), threading.Event()
    read_json = json_encoding.read_json

    def slow(body: bytes, *, max_spans: int) -> object:
        begun.set()
        assert answered.wait(60)
        return read_json(body, max_spans=max_spans)

    monkeypatch.setattr(json_encoding, "read_json", slow)
    return begun, answered


async def test_long_bodies_that_find_no_room_are_refused(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await make_client(queue_bytes=1, queue_wait_s=0.01)
    begun, answered = reading_waits(monkeypatch)
    body = b'{"resourceSpans":[]}' + b" " * LONG
    first = asyncio.create_task(client.post("/v1/traces", content=body))
    await asyncio.to_thread(begun.wait, 60)
    for path in ("/v1/traces", FLAT, "/api/parea/v1/trace_log", "/api/v2/experiments/e/logs/summary/"):
        refused = await client.post(path, content=body)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5"), path
        assert "too many long bodies wait to be read" in refused.text
    answered.set()
    assert (await first).status_code == 200
    assert (await client.post("/v1/traces", content=body)).status_code == 200


@pytest.mark.parametrize("how", ["as it is", "compressed"])
async def test_others_are_answered_while_a_long_body_is_read(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    begun, answered = reading_waits(monkeypatch)
    body = b'{"resourceSpans":[]}' + b" " * LONG
    coding = {"Content-Encoding": "gzip"} if how == "compressed" else {}
    content = gzip.compress(body) if coding else body
    export = asyncio.create_task(client.post("/v1/traces", content=content, headers=coding))
    await asyncio.to_thread(begun.wait, 60)
    assert (await client.get("/healthz")).status_code == 200
    assert not export.done()
    answered.set()
    assert (await export).status_code == 200


@pytest.mark.parametrize("start", STARTS)
async def test_json_of_millions_of_values_is_refused_before_it_is_decoded(
    client: httpx.AsyncClient, start: bytes
) -> None:
    for fragment in (b"[", b"1,", b'"a":{"'):
        content = start + fragment * (MAX_MARKS_OF_ITEMS // len(fragment.translate(None, b"1a:")))
        answer = await client.post(STARTS[start], content=content)
        assert answer.status_code in (400, 422), answer.text
        assert "fewer values" in answer.text


async def test_a_span_of_millions_of_values_costs_no_other(client: httpx.AsyncClient) -> None:
    many = "[" + "1," * (MAX_MARKS + 1) + "1]"
    flat = f'[{{"span_unique_id":"a","input":{many}}},{{"span_unique_id":"b"}}]'
    answer = await client.post(FLAT, content=flat)
    assert answer.json() == {
        "message": "1 spans stored",
        "rejected": [{"index": 0, "error": "must be JSON of fewer values"}],
    }
    pair = '{"key":"k","value":{"intValue":"1"}},'
    ids = '"traceId":"{0:032x}","spanId":"{0:016x}"'.format
    spans = f'{{{ids(1)},"attributes":[{pair * (MAX_MARKS // 10)}{pair[:-1]}]}},{{{ids(2)}}}'
    answer = await client.post("/v1/traces", content=f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}')
    assert answer.json()["partialSuccess"]["rejectedSpans"] == 1
    assert "span 0: must be JSON of fewer values" in answer.text


async def test_long_text_and_many_plain_spans_are_no_millions_of_values(client: httpx.AsyncClient) -> None:
    text = 'She said: "{\\"a\\": [1, 2]}", and left. ' * 100_000
    answer = await client.post(FLAT, json=[{"span_unique_id": "a", "input": text}])
    assert answer.json() == {"message": "1 spans stored", "rejected": []}
