"""Spans posted to `request-logs`, one by one and in bulk."""

from typing import Any

import httpx
import pytest

from tests.dialects.recorded import load

pytestmark = pytest.mark.anyio

PATHS = (
    "/api/request-logs/",
    "/api/request-logs",
    "/request-logs/",
    "/api/request-logs/create",
    "/request-logs/create",
)
SUMMARY = "/api/v2/experiments/exp_1/logs/summary/"


async def total(client: httpx.AsyncClient) -> dict[str, Any]:
    summary: dict[str, Any] = (await client.get(SUMMARY)).json()
    return summary


async def test_a_span_without_ids_becomes_a_trace_of_its_own_at_every_spelling_of_the_path(
    client: httpx.AsyncClient,
) -> None:
    span = load("respan/respan-api-0.1.47-create-span-01.json")["body"]
    ids = set()
    for path in PATHS:
        answer = await client.post(path, json=span)
        assert answer.status_code == 201, answer.text
        created = answer.json()
        assert created["id"] == created["unique_id"]
        ids.add(created["trace_unique_id"])
        assert (created["cost"], created["latency"], created["status"]) == (0.001, 0.5, "success")
        assert (created["customer_identifier"], created["total_request_tokens"]) == ("c", 5)
        assert created["timestamp"] == "2026-01-01T00:00:00+00:00"
    assert len(ids) == len(PATHS)
    assert (await total(client))["total_count"] == len(PATHS)


async def test_a_span_without_a_cost_is_answered_with_its_price(client: httpx.AsyncClient) -> None:
    span = {"model": "gpt-4o", "prompt_tokens": 1000, "completion_tokens": 500, "timestamp": "2026-01-01T00:00:00Z"}
    assert (await client.post("/api/request-logs/", json=span)).json()["cost"] == 0.0075
    assert (await client.post("/api/request-logs/", json={**span, "model": "nobody's"})).json()["cost"] is None


async def test_the_recorded_requests_of_the_old_client_are_stored(client: httpx.AsyncClient) -> None:
    record = load("respan/respan-ai-2.0.1-logs-01.json")
    answer = await client.post(record["path"], json=record["body"])
    assert answer.status_code == 201, answer.text
    assert answer.json()["unique_id"]


async def test_a_bulk_names_what_it_could_not_store(client: httpx.AsyncClient) -> None:
    record = load("respan/respan-api-0.1.47-bulk-create-01.json")
    assert (await client.post(record["path"], json=record["body"])).json() == {
        "success_count": 1,
        "error_count": 0,
        "errors": [],
    }
    good = record["body"]["logs"][0]
    answer = await client.post("/request-logs/bulk", json={"logs": [good, {"cost": "much"}, good, 7]})
    assert answer.status_code == 201
    content = answer.json()
    assert (content["success_count"], content["error_count"]) == (2, 2)
    assert [e["index"] for e in content["errors"]] == [1, 3]
    assert "cost" in content["errors"][0]["error"]
    assert (await total(client))["total_count"] == 3


@pytest.mark.parametrize("body", [{}, {"logs": None}, {"logs": {}}, [], {"logs": [{}] * 501}])
async def test_a_bulk_that_is_none_or_too_long_is_400(client: httpx.AsyncClient, body: Any) -> None:
    answer = await client.post("/api/request-logs/bulk/", json=body)
    assert answer.status_code == 400
    assert answer.json()["detail"]


@pytest.mark.parametrize("content", [b"", b"[]", b"7", b"{", b'{"cost": -1}', b'{"span_unique_id": "a\\u0000"}'])
async def test_a_span_that_cannot_be_read_is_400(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post("/api/request-logs/", content=content)
    assert answer.status_code == 400
    assert answer.json()["detail"]


async def test_the_same_ids_again_are_the_same_span(client: httpx.AsyncClient) -> None:
    span = {"trace_unique_id": "t", "span_unique_id": "s", "metadata": {"experiment_id": "exp_1"}, "cost": 0.5}
    for _ in range(3):
        assert (await client.post("/api/request-logs/", json=span)).json()["cost"] == 0.5
    summary = await total(client)
    assert (summary["total_count"], summary["total_cost"]) == (1, 0.5)
