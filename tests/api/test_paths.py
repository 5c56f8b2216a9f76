"""Every spelling of a path that clients use leads to the same route, and none to a redirect."""

import httpx
import pytest

pytestmark = pytest.mark.anyio

OTLP = ["/api/v2/traces", "/v2/traces", "/api/v1/traces", "/v1/traces", "/api/v1/traces/", "/api/api/v2/traces"]
FLAT = ["/api/v1/traces/ingest", "/v1/traces/ingest/", "/api/openai/v1/traces/ingest", "/openai/v1/traces/ingest"]
FLAT += ["/api/integrations/v1/traces/ingest", "/integrations/v1/traces/ingest/"]
SUMMARY = [
    f"{prefix}/v2/experiments/nobody/logs/summary{slash}" for prefix in ("", "/api", "/api/api") for slash in ("", "/")
]


@pytest.mark.parametrize("path", OTLP)
async def test_spans_are_taken_at_every_otlp_path(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, json={"resourceSpans": []})
    assert answer.status_code == 200
    assert answer.json().keys() == {"partialSuccess"}


@pytest.mark.parametrize("path", FLAT)
async def test_flat_spans_are_taken_at_every_path(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, json=[])
    assert answer.status_code == 200
    assert isinstance(answer.json()["message"], str)


@pytest.mark.parametrize("path", SUMMARY)
async def test_the_summary_is_found_in_every_spelling(client: httpx.AsyncClient, path: str) -> None:
    for answer in (await client.get(path), await client.post(path, json={})):
        assert (answer.status_code, answer.json()["error"]) == (404, "Experiment not found")


@pytest.mark.parametrize("path", ["/api/parea/v1/project", "/api/parea/v1/project/"])
async def test_parea_paths_take_a_slash(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.post(path, json={})).status_code == 200


async def test_ids_are_not_mistaken_for_slashes(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/parea/v1/experiment/a%2Fb/stats")).status_code == 404
    assert (await client.get("/api/v2/experiments//logs/summary/")).status_code == 404
