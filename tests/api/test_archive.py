"""What is exported and imported again answers the same, byte by byte, and goes on as if it had never moved."""

import io
import json
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats import archive
from spanstats.catalog import placement
from spanstats.errors import Conflict, InvalidInput, NotFound
from spanstats.stats.maintenance import mismatches
from spanstats.store.session import Database
from tests.ingest.worlds import rows
from tests.stats.warming import warm

from .parea_world import API, replay

pytestmark = pytest.mark.anyio

# What is this store's own, or tells when a row came into it; and the fold, of which only long traces have one.
OWN = {"tenant_id", "experiment_key", "key", "created_by", "project_id", "fold"}
TABLES = {
    "spans": "trace_id, span_id",
    "span_payloads": "trace_id, span_id",
    "scores": "trace_id, span_id, source, ordinal, evaluator_key",
    "patches": "trace_id, span_id",
    "traces": "trace_id",
    "evaluators": "key",
    "experiments": "id",
}


async def filled(client: httpx.AsyncClient) -> str:
    """The recorded run of an SDK, with what else may happen to an experiment's spans; its id."""
    experiment = (await replay(client)).experiment
    stats = (await client.get(f"{API}/experiment/{experiment}/stats")).json()["parent_trace_stats"]
    first, second = (trace["trace_id"] for trace in stats[:2])
    requests = [
        (
            "PUT",
            f"{API}/trace_log",
            {"trace_id": first, "field_name_to_value_map": {"output": "changed", "cost": 0.25}},
        ),
        ("POST", f"/api/logs/{second}/scores/", {"evaluator_slug": "human", "numerical_value": 0.1}),
        ("POST", f"/api/logs/{second}/scores/", {"evaluator_slug": "word", "string_value": "Grüße \u2028 \"'"}),
        (
            "POST",
            "/api/v1/traces/ingest",
            [
                {
                    "trace_unique_id": f"flat{n}",
                    "span_unique_id": f"flat{n}-{child}",
                    "span_parent_id": f"flat{n}-0" if child else None,
                    "start_time": f"2026-01-01T00:0{n}:00.123456Z",
                    "latency": 0.1 * n,
                    "cost": 0.000000123456,
                    "input": {"n": n, "text": "ä"},
                    "metadata": {"experiment_id": experiment if child else None, "n": n, "x": 0.1},
                    "customer_identifier": f"c{n}",
                }
                for n in range(3)
                for child in range(70)
            ],
        ),
    ]
    for method, path, body in requests:
        answer = await client.request(method, path, json=body)
        assert answer.status_code in (200, 201), answer.text
    return experiment


async def exported(engine: AsyncEngine, experiment: str, tenant: str = "default") -> bytes:
    out = io.BytesIO()
    await archive.write(
        Database(engine), (await placement.home_of(Database(engine), tenant)).tenant_id, experiment, out
    )
    return out.getvalue()


async def imported(engine: AsyncEngine, content: bytes, tenant: str = "stranger") -> tuple[str, int, int]:
    tenant_id = (await placement.home_of(Database(engine), tenant)).tenant_id
    return await archive.read(Database(engine), tenant_id, io.BytesIO(content), lambda _count: None)


async def held(engine: AsyncEngine, tenant: str) -> dict[str, list[dict[str, Any]]]:
    tenant_id = (await placement.home_of(Database(engine), tenant)).tenant_id
    rows_by_table = {}
    for table, order in TABLES.items():
        all_rows = await rows(engine, f"SELECT * FROM {table} WHERE tenant_id = $1 ORDER BY {order}", tenant_id)
        dropped = OWN | ({"changed_at"} if table == "patches" else set())
        dropped |= {"created_at"} if table == "scores" else set()
        rows_by_table[table] = [{k: v for k, v in row.items() if k not in dropped} for row in all_rows]
    return rows_by_table


async def answers(client: httpx.AsyncClient, experiment: str) -> list[bytes]:
    summary = f"/api/v2/experiments/{experiment}/logs/summary/"
    logs = f"/api/v2/experiments/{experiment}/logs"
    stats = await client.get(f"{API}/experiment/{experiment}/stats")
    every = [stats, await client.get(summary)]
    every.append(await client.post(summary, json={"filters": {"metadata__n": {"operator": "gte", "value": [1]}}}))
    every.append(await client.post(summary, json={"filters": {"score__human": {"operator": "lt", "value": [1]}}}))
    listed = await client.post(f"{logs}/list/", json={})
    every.append(listed)
    traces = [f"{logs}/{log['id']}/" for log in listed.json()["results"]]
    traces += [f"{API}/trace_log/{trace['trace_id']}" for trace in stats.json()["parent_trace_stats"]]
    every += [await client.get(path) for path in traces]
    assert all(answer.status_code in (200, 400) for answer in every), [a.text[:200] for a in every]
    assert every[1].json()["total_count"] >= 5
    return [answer.content for answer in every]


async def test_the_copy_has_the_same_rows_and_answers_the_same(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    experiment = await filled(client)
    content = await exported(engine, experiment)
    name, written, before = await imported(engine, content)
    assert (name, before) == (experiment, 0)
    assert written == json.loads(content.splitlines()[-1])["traces"] >= 5
    original, copy = await held(engine, "default"), await held(engine, "stranger")
    for table, expected in original.items():
        assert copy[table] == expected, table
    assert original["patches"]
    assert {row["source"] for row in original["scores"]} >= {"span", "api"}
    assert await answers(stranger, experiment) == await answers(client, experiment)
    await warm(engine)
    assert await mismatches(Database(engine)) == []
    assert await answers(stranger, experiment) == await answers(client, experiment)
    assert await exported(engine, experiment, "stranger") == content


async def test_the_copy_goes_on_like_the_original(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    experiment = await filled(client)
    await imported(engine, await exported(engine, experiment))
    stats = (await client.get(f"{API}/experiment/{experiment}/stats")).json()["parent_trace_stats"]
    first = stats[0]["trace_id"]
    for each in (client, stranger):
        repeat = {
            "trace_id": first,
            "root_trace_id": first,
            "parent_trace_id": first,
            "cost": 9.0,
            "trace_name": "again",
        }
        times = {"start_timestamp": "2026-01-01T00:00:00Z", "end_timestamp": "2026-01-01T00:00:09Z"}
        assert (await each.post(f"{API}/trace_log", json={**repeat, **times})).status_code == 200
        await each.post(f"/api/logs/{first}/scores/", json={"evaluator_slug": "human", "numerical_value": 1})
    path = f"{API}/experiment/{experiment}/stats"
    assert (await stranger.get(path)).content == (await client.get(path)).content
    after = {trace["trace_id"]: trace["cost"] for trace in (await client.get(path)).json()["parent_trace_stats"]}
    assert after[first] >= 0.25  # the patch still lies over the repeat


async def test_importing_again_changes_nothing_and_an_interrupted_import_goes_on(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    experiment = await filled(client)
    content = await exported(engine, experiment)
    lines = content.splitlines(keepends=True)
    with pytest.raises(InvalidInput, match="ends before its end"):
        await imported(engine, b"".join(lines[:-2]))
    total = len(lines) - 2
    name, written, before = await imported(engine, content)
    assert (name, written + before) == (experiment, total)
    whole = await held(engine, "stranger")
    assert await imported(engine, content) == (experiment, 0, total)
    assert await held(engine, "stranger") == whole
    assert (await stranger.get(f"{API}/experiment/{experiment}/stats")).status_code == 200


async def test_what_is_in_the_way_is_refused(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    experiment = await filled(client)
    content = await exported(engine, experiment)
    trace = {"span_unique_id": "x", "trace_unique_id": "flat0", "metadata": {"experiment_id": "other"}}
    assert (await stranger.post("/api/v1/traces/ingest", json=[trace])).status_code == 200
    with pytest.raises(Conflict, match="flat0 belongs to another experiment"):
        await imported(engine, content)
    with pytest.raises(InvalidInput, match="line 1"):
        await imported(engine, b'{"line":"end","traces":0}\n')
    with pytest.raises(InvalidInput, match="line 2"):
        await imported(engine, content.splitlines(keepends=True)[0] + b"{\n")
    with pytest.raises(NotFound):
        await exported(engine, "no-such")
