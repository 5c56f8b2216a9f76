"""OpenTelemetry exports: both encodings, partial success, and errors that an exporter understands."""

import gzip
import json
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
    totals = await summary(client)
    assert (totals["total_count"], totals["avg_latency"]) == (2, 1.500000)


@pytest.mark.parametrize("compressed", [False, True])
async def test_protobuf_in_protobuf_out(client: httpx.AsyncClient, compressed: bool) -> None:
    message = as_protobuf(export(span(1), span(2)))
    extra = {"content-encoding": "gzip"} if compressed else {}
    body = gzip.compress(message) if compressed else message
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
    message = as_protobuf(export(span(1), span(2, traceId="00" * 16)))
    partial = response(await client.post("/api/v1/traces", content=message, headers=PROTOBUF)).partial_success
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


@pytest.mark.parametrize(
    "body",
    [{}, {"resourceSpans": []}, {"resourceSpans": [{"scopeSpans": []}]}, {"resourceMetrics": [{}]}, {"spans": [{}]}],
)
async def test_a_request_without_spans_is_told_that_nothing_was_stored(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    answer = await client.post("/api/v1/traces", json=body)
    assert answer.status_code == 200
    assert "no spans" in answer.json()["partialSuccess"]["errorMessage"]
    assert answer.json()["partialSuccess"]["rejectedSpans"] == 0


async def test_an_empty_message_in_protobuf_is_a_request_without_spans(client: httpx.AsyncClient) -> None:
    partial = response(await client.post("/v1/traces", content=b"", headers=PROTOBUF)).partial_success
    assert (partial.rejected_spans, "no spans" in partial.error_message) == (0, True)


@pytest.mark.parametrize("content_type", ["application/x-protobuf", "application/json"])
async def test_a_request_that_announces_no_body_is_refused(client: httpx.AsyncClient, content_type: str) -> None:
    """Where something in between dropped the body, a success would lose spans in silence."""
    request = client.build_request("POST", "/v1/traces", headers={"content-type": content_type})
    del request.headers["content-length"]
    assert (await client.send(request)).status_code == 411


async def test_spans_under_older_names_are_stored(client: httpx.AsyncClient) -> None:
    body = json.dumps(export(span(1), span(2))).replace("scopeSpans", "instrumentationLibrarySpans")
    answer = await client.post("/v1/traces", content=body.encode())
    assert (answer.status_code, answer.json()) == (200, {"partialSuccess": {}})
    assert (await summary(client))["total_count"] == 2


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"stringValue": "end"}
    for _ in range(levels):
        value = {"kvlistValue": {"values": [{"key": "k", "value": value}]}}
    return value


async def test_a_value_of_64_levels_is_stored_and_read_and_a_deeper_one_costs_its_span(
    client: httpx.AsyncClient,
) -> None:
    names = ["input.value", "respan.metadata.state", "langgraph.state", "state", "llm.state"]
    odd = [
        span(n, attributes=[*span(n)["attributes"], {"key": name, "value": nested(levels)}])
        for n, (name, levels) in enumerate([(name, levels) for name in names for levels in (64, 65)], 1)
    ]
    partial = (await client.post("/v1/traces", json=export(*odd, span(99)))).json()["partialSuccess"]
    assert partial["rejectedSpans"] == len(names)
    assert partial["errorMessage"].startswith("span 1: attributes: ")
    assert (await summary(client))["total_count"] == len(names) + 1
    for n in range(1, 2 * len(names), 2):
        stored = await client.get(f"/api/request-logs/{n:016x}/")
        assert stored.status_code == 200
        # Attributes that no reader knows are kept, and not shown here.
        assert n > 4 or '"end"' in stored.text.replace("\\", "")
    listed = await client.post("/api/request-logs/list/", json={})
    assert (listed.status_code, len(listed.json()["results"])) == (200, len(names) + 1)


async def test_a_large_attribute_of_another_namespace_is_cut_and_said_to_be(client: httpx.AsyncClient) -> None:
    large = {"langgraph.state": {"stringValue": "x" * 300_000}, "langgraph.step": {"stringValue": "1"}}
    attributes = [*span(1)["attributes"], *({"key": key, "value": value} for key, value in large.items())]
    answer = await client.post("/v1/traces", json=export(span(1, attributes=attributes)))
    partial = {"rejectedSpans": 0, "errorMessage": f"span {1:016x}: langgraph.state was cut to 256 KiB"}
    assert answer.json() == {"partialSuccess": partial}
    assert (await summary(client))["total_count"] == 1
