"""OpenTelemetry exports: both encodings, partial success, and errors that an exporter understands."""

import gzip
from typing import Any

import httpx
import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.dialects.recorded import as_protobuf

from .conftest import MakeClient

pytestmark = pytest.mark.anyio

PROTOBUF = {"content-type": "application/x-protobuf"}
START = 1_767_225_600_000_000_000


def span(number: int, **fields: Any) -> dict[str, Any]:
    attribute = {"key": "respan.metadata.experiment_id", "value": {"stringValue": "e"}}
    times = {"startTimeUnixNano": str(START), "endTimeUnixNano": str(START + 1_500_000_999)}
    return {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "attributes": [attribute], **times, **fields}


def export(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def response(answer: httpx.Response) -> Message:
    assert answer.headers["content-type"] == "application/x-protobuf"
    return ExportTraceServiceResponse.FromString(answer.content)


async def summary(client: httpx.AsyncClient) -> dict[str, Any]:
    body: dict[str, Any] = (await client.get("/api/v2/experiments/e/logs/summary/")).json()
    return body


async def test_json_in_json_out(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v2/traces", json=export(span(1), span(2)))
    assert (answer.status_code, answer.json()) == (200, {"partialSuccess": {}})
    found = await summary(client)
    assert (found["total_count"], found["avg_latency"]) == (2, 1.500000)


@pytest.mark.parametrize("compressed", [False, True])
async def test_protobuf_in_protobuf_out(client: httpx.AsyncClient, compressed: bool) -> None:
    sent = as_protobuf(export(span(1), span(2)))
    extra = {"content-encoding": "gzip"} if compressed else {}
    body = gzip.compress(sent) if compressed else sent
    answer = await client.post("/v1/traces", content=body, headers={**PROTOBUF, **extra})
    assert (answer.status_code, answer.content) == (200, b"")
    assert not response(answer).HasField("partial_success")
    assert (await summary(client))["total_count"] == 2


async def test_a_bad_span_costs_its_neighbours_nothing(client: httpx.AsyncClient) -> None:
    bad = [span(1, traceId="zz"), span(1, endTimeUnixNano="soon"), {"name": "no ids"}]
    answer = await client.post("/api/v1/traces", json=export(span(1), *bad, span(2)))
    assert answer.status_code == 200
    partial = answer.json()["partialSuccess"]
    assert partial["rejectedSpans"] == 3
    assert "traceId" in partial["errorMessage"]
    assert (await summary(client))["total_count"] == 2


async def test_a_bad_span_in_protobuf_is_counted_in_protobuf(client: httpx.AsyncClient) -> None:
    sent = as_protobuf(export(span(1), span(2, traceId="00" * 16)))
    partial = response(await client.post("/api/v1/traces", content=sent, headers=PROTOBUF)).partial_success
    assert partial.rejected_spans == 1
    assert partial.error_message


async def test_what_is_no_export_is_400_in_the_encoding_of_the_request(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/traces", content=b"\xff\xff", headers=PROTOBUF)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert answer.content.startswith(b"\x08\x03\x12")
    answer = await client.post("/api/v1/traces", content=b"[", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, 3)


async def test_json_is_read_without_a_content_type(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/v1/traces", content=b'{"resourceSpans": null}')).status_code == 200


async def test_too_many_spans_are_413(make_client: MakeClient) -> None:
    client = await make_client(max_spans_per_request=2)
    body = export(span(1), span(2), span(3))
    assert (await client.post("/api/v1/traces", json=body)).status_code == 413
    assert (await client.post("/api/v1/traces", content=as_protobuf(body), headers=PROTOBUF)).status_code == 413
    assert (await client.post("/api/v1/traces/ingest", json=[{}, {}, {}])).status_code == 413
    assert (await client.get("/api/v2/experiments/e/logs/summary/")).status_code == 404


async def test_a_tenants_spans_are_its_own(make_client: MakeClient) -> None:
    mine, theirs = await make_client("mine"), await make_client("theirs")
    await mine.post("/api/v2/traces", json=export(span(1)))
    assert (await theirs.get("/api/v2/experiments/e/logs/summary/")).status_code == 404
    await theirs.post("/api/v2/traces", json=export(span(1), span(2)))
    assert [(await summary(client))["total_count"] for client in (mine, theirs)] == [1, 2]
