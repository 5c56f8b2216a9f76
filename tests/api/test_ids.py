"""An id may hold whatever ingestion takes: every route finds it, percent-encoded, and with its slashes as they are."""

from urllib.parse import quote

import httpx
import pytest

pytestmark = pytest.mark.anyio

PAREA = "/api/parea/v1"
IDS = [
    *("a/b", "a//b", "/a", "a/", "/", "//", "a/../b", "a/./b", "feature/logs/summary", "logs/summary", "x/logs/y"),
    *("list", "summary", "groups", "create", "logs", "stats", "api/v2", "finished"),
    *("50%", "50%25", "%2F", "%2e%2e", "a?b", "a#b", "a+b", "a b", " lead", "trail ", "a;b", "a:b", "a\\b", 'q"uote'),
    *("line\nbreak", "tab\tx", "ünï-实验", "x" * 256, "ü/" * 85, "...", ".a"),
]
# Words of the route itself: written with one letter percent-encoded they are ids.
WORDS = {"list": "%6Cist", "summary": "%73ummary", "groups": "%67roups"}


def encoded(id_: str) -> str:
    return WORDS.get(id_, quote(id_, safe=""))


async def log(client: httpx.AsyncClient, **fields: object) -> httpx.Response:
    return await client.post(f"{PAREA}/trace_log", json={"start_timestamp": "2026-05-01T00:00:00Z", **fields})


async def test_every_route_answers_for_an_id_that_is_percent_encoded(client: httpx.AsyncClient) -> None:
    for id_ in IDS:
        await check_every_route(client, id_)


async def check_every_route(client: httpx.AsyncClient, id_: str) -> None:
    assert (await log(client, trace_id=id_, experiment_uuid=id_, cost=0.5)).status_code == 200
    e = encoded(id_)

    stats = await client.get(f"{PAREA}/experiment/{e}/stats")
    assert [t["trace_id"] for t in stats.json()["parent_trace_stats"]] == [id_]
    trees = await client.post(f"{PAREA}/experiment/{e}/trace_logs", json={})
    assert [t["trace_id"] for t in trees.json()] == [id_]
    assert (await client.post(f"{PAREA}/experiment/{e}/finished", json={})).status_code == 200
    assert (await client.get(f"{PAREA}/trace_log/{e}")).json()["trace_id"] == id_

    for path in (f"/api/v2/experiments/{e}/logs/summary/", f"/api/evaluations/experiments/{e}/logs/summary"):
        assert (await client.get(path)).json()["total_count"] == 1, path
        assert (await client.post(path, json={})).json()["total_cost"] == 0.5, path
    assert (await client.get(f"/api/v2/experiments/{e}/logs/list/")).json()["count"] == 1
    assert (await client.get(f"/api/v2/experiments/{e}/logs/")).json()["count"] == 1
    assert (await client.get(f"/api/v2/experiments/{e}/logs/{e}/")).json()["id"] == id_
    changed = await client.patch(f"/api/v2/experiments/{e}/logs/{e}", json={"name": "renamed"})
    assert changed.json()["id"] == id_
    assert (await client.get(f"/api/v2/experiments/{e}/histogram/?evaluator_id=x")).status_code == 200
    assert (await client.get(f"/api/request-logs/{e}/")).json()["span_name"] == "renamed"
    assert (await client.patch(f"/api/request-logs/{e}", json={"note": "n"})).status_code == 200
    assert (await client.get(f"/api/traces/{e}/")).json()["id"] == id_

    scored = await client.post(f"/api/logs/{e}/scores/", json={"evaluator_slug": "quality", "numerical_value": 1})
    assert scored.status_code == 201
    score = scored.json()["id"]
    assert (await client.get(f"/api/logs/{e}/scores/")).json()["results"][0]["id"] == score
    assert (await client.get(f"/api/logs/{e}/scores/{score}/")).json()["id"] == score
    patched = await client.patch(f"/api/logs/{e}/scores/{score}/", json={"numerical_value": 0.5})
    assert patched.json()["numerical_value"] == 0.5
    assert (await client.delete(f"/api/logs/{e}/scores/{score}/")).status_code == 204

    assert (await client.get(f"/api/v2/experiments/{e}/")).json()["id"] == id_
    assert (await client.patch(f"/api/v2/experiments/{e}/", json={"name": "n"})).json()["id"] == id_
    assert (await client.delete(f"/api/traces/{e}/")).status_code == 200
    assert (await client.get(f"/api/traces/{e}/")).status_code == 404
    assert (await client.delete(f"/api/v2/experiments/{e}/")).status_code == 204
    assert (await client.get(f"/api/v2/experiments/{e}/")).status_code == 404


async def test_slashes_that_are_sent_as_they_are_are_part_of_an_id(client: httpx.AsyncClient) -> None:
    for id_ in ("a/b", "a//b", "/a", "a/b/c", "logs/summary", "api/v2", "x/stats"):
        await check_raw_slashes(client, id_)


async def check_raw_slashes(client: httpx.AsyncClient, id_: str) -> None:
    await log(client, trace_id=id_, experiment_uuid=id_, cost=0.5)
    assert len((await client.get(f"{PAREA}/experiment/{id_}/stats")).json()["parent_trace_stats"]) == 1
    assert (await client.get(f"{PAREA}/trace_log/{id_}/")).json()["trace_id"] == id_
    assert (await client.get(f"/api/v2/experiments/{id_}/logs/summary/")).json()["total_count"] == 1
    assert (await client.get(f"/api/v2/experiments/{id_}/logs/list/")).json()["count"] == 1
    assert (await client.get(f"/api/v2/experiments/{id_}/")).json()["id"] == id_
    assert (await client.get(f"/api/request-logs/{id_}/")).json()["id"] == id_
    assert (await client.get(f"/api/traces/{id_}")).json()["id"] == id_
    scored = await client.post(f"/api/logs/{id_}/scores/", json={"evaluator_slug": "q", "numerical_value": 1})
    assert scored.status_code == 201


async def test_a_path_that_a_route_has_as_it_was_sent_is_no_id_with_slashes(client: httpx.AsyncClient) -> None:
    """Else a method that the summary does not have would change or delete an experiment of that name."""
    await log(client, trace_id="t", experiment_uuid="a/logs/summary")
    answer = await client.delete("/api/v2/experiments/a/logs/summary/")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, PATCH, POST"
    assert (await client.get("/api/v2/experiments/a%2Flogs%2Fsummary/")).status_code == 200


SPAN = {"spanId": "00000000000000a1", "name": "s", "startTimeUnixNano": "1777593600000000000"}


@pytest.mark.parametrize("id_", [".", ".."])
async def test_an_id_that_no_path_can_carry_is_refused_by_name_at_every_door(
    client: httpx.AsyncClient, id_: str
) -> None:
    def named(answer: httpx.Response, status: int, field: str) -> None:
        assert answer.status_code == status, answer.text
        assert field in str(answer.json()), answer.text
        assert "must not be `.` or `..`" in str(answer.json()), answer.text

    for field in ("trace_id", "parent_trace_id", "root_trace_id", "experiment_uuid"):
        named(await log(client, **{"trace_id": "t", field: id_}), 422, field)
    named(
        await client.put(f"{PAREA}/trace_log", json={"trace_id": id_, "field_name_to_value_map": {}}), 422, "trace_id"
    )
    run = {"id": id_, "name": "r", "run_type": "chain", "start_time": "2026-05-01T00:00:00Z"}
    named(await client.post(f"{PAREA}/trace_log/langchain", json=run), 422, "id")
    named(await client.post(f"{PAREA}/feedback", json={"trace_id": id_, "score": 1}), 422, "trace_id")
    for field in ("trace_unique_id", "span_unique_id", "span_parent_id"):
        named(await client.post("/api/v1/traces/ingest", json=[{field: id_}]), 400, field)
        named(await client.post("/api/request-logs/", json={field: id_}), 400, field)
    by_metadata = {"span_name": "s", "metadata": {"experiment_id": id_}}
    named(await client.post("/api/v1/traces/ingest", json=[by_metadata]), 400, "experiment_id")
    named(await client.post("/api/v2/experiments/", json={"experiment_id": id_}), 400, "experiment_id")
    named(await client.post("/api/scores/", json={"log_id": id_, "evaluator_slug": "q"}), 400, "log_id")
    attribute = {"key": "respan.metadata.experiment_id", "value": {"stringValue": id_}}
    span = {**SPAN, "traceId": "0" * 31 + "1", "attributes": [attribute]}
    export = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    answer = (await client.post("/api/v2/traces", json=export)).json()["partialSuccess"]
    assert answer["rejectedSpans"] in (1, "1")
    assert "must not be" in answer["errorMessage"]
