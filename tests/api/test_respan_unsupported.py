"""Endpoints of Respan that would need a model, and those that nobody has."""

import httpx
import pytest

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "path", ["/api/chat/completions", "/chat/completions/", "/api/embeddings", "/api/evaluators/e/run/"]
)
async def test_what_needs_a_model_is_501_with_a_sentence(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, path: str
) -> None:
    answer = await client.post(path, json={"model": "gpt-4o"})
    assert answer.status_code == 501
    assert "This service" in answer.json()["error"]
    assert (await anonymous.post(path, json={})).status_code == 401


@pytest.mark.parametrize("path", ["/api/colours/", "/api/v2/experiments/e/colours/", "/api/request-logs/a/b/"])
async def test_what_nobody_knows_is_404_in_respan_s_shape(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.json().keys() == {"error", "detail"}
