"""Keys of metadata and labels, of traces in columns and of those that are not there yet."""

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.insights import known_keys
from tests.stats.warming import warm

from .world import RUN, stored_run

pytestmark = pytest.mark.anyio

PATH = f"/api/stats/v1/experiments/{RUN}/keys"


async def keys_of(client: httpx.AsyncClient, metadata: object) -> dict[str, object]:
    span = {
        "trace_unique_id": "newest",
        "span_unique_id": "newest",
        "start_time": "2027-01-01T00:00:00Z",
        "customer_identifier": "c",
        "metadata": {"experiment_id": RUN, **(metadata if isinstance(metadata, dict) else {})},
    }
    assert (await client.post("/api/v1/traces/ingest", json=[span])).status_code == 200
    answer = await client.get(PATH)
    assert answer.status_code == 200, answer.text
    content: dict[str, object] = answer.json()
    return content


async def test_keys_of_the_newest_traces_are_there_at_once(client: httpx.AsyncClient) -> None:
    keys = await keys_of(client, {"b.c": 1, "none": None, "Ä": [1]})
    assert keys["metadata"] == ["b.c", "experiment_id", "Ä"]
    assert "customer_identifier" in keys["labels"]  # type: ignore[operator]
    assert keys["truncated"] is False


async def test_keys_of_older_traces_come_from_columns(
    client: httpx.AsyncClient, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = await stored_run(engine, 3, 300)
    monkeypatch.setattr(known_keys, "NEWEST_TRACES", 0)
    keys: dict[str, list[str]] = {"metadata": []}
    # The application refreshes in the background as well: what it has taken is stored once it commits.
    for _ in range(100):
        await warm(engine)
        keys = (await client.get(PATH)).json()
        if keys["metadata"]:
            break
    assert keys["metadata"] == sorted({key for row in rows for key in row["metadata"] or {}})


async def test_only_so_many_are_answered(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_keys, "MOST_KEYS", 2)
    keys = await keys_of(client, {"a": 1, "b": 2, "c": 3})
    assert len([*keys["metadata"], *keys["labels"]]) == 2  # type: ignore[misc]
    assert keys["truncated"] is True


async def test_another_tenant_finds_nothing(client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    await keys_of(client, {})
    assert (await stranger.get(PATH)).status_code == 404


async def test_the_table_has_a_row_for_each_key(client: httpx.AsyncClient) -> None:
    await keys_of(client, {"a": 1})
    lines = (await client.get(PATH, headers={"accept": "text/csv"})).text.splitlines()
    assert lines[:2] == ["object,key", "metadata,a"]
