"""The life of a score that is posted on its own, and what it does to summaries and filters."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.dialects.recorded import load
from tests.ingest.worlds import assert_traces_equal_their_spans, rows

from .conftest import MakeClient

pytestmark = pytest.mark.anyio

SUMMARY = "/api/v2/experiments/e/logs/summary/"


def flat(trace_id: str, span_id: str, parent: str | None = None, **fields: Any) -> dict[str, Any]:
    ids = {"trace_unique_id": trace_id, "span_unique_id": span_id, "span_parent_id": parent}
    return {**ids, "start_time": "2026-01-01T00:00:00Z", "latency": 1, "metadata": {"experiment_id": "e"}, **fields}


async def ingest(client: httpx.AsyncClient, *spans: dict[str, Any]) -> None:
    answer = await client.post("/api/v1/traces/ingest", json=list(spans))
    assert answer.status_code == 200, answer.text


async def post(client: httpx.AsyncClient, log_id: str, **fields: Any) -> dict[str, Any]:
    answer = await client.post(f"/api/logs/{log_id}/scores/", json={"evaluator_slug": "quality", **fields})
    assert answer.status_code == 201, answer.text
    score: dict[str, Any] = answer.json()
    return score


async def scores(client: httpx.AsyncClient) -> dict[str, Any]:
    by_evaluator: dict[str, Any] = (await client.get(SUMMARY)).json()["scores"]
    return by_evaluator


async def matching(client: httpx.AsyncClient, name: str, operator: str, value: Any) -> int:
    filters = {f"scores__{name}": {"operator": operator, "value": [value]}}
    answer = await client.post(SUMMARY, json={"filters": filters})
    assert answer.status_code == 200, answer.text
    count: int = answer.json()["total_count"]
    return count


async def test_the_recorded_score_is_answered_with_what_its_client_requires(client: httpx.AsyncClient) -> None:
    record = load("respan/respan-api-0.1.47-create-score-01.json")
    answer = await client.post(record["path"], json=record["body"])
    assert answer.status_code == 201
    score = answer.json()
    assert score["id"]
    assert score["created_at"]
    assert (score["log_id"], score["evaluator_slug"], score["numerical_value"]) == ("l1", "e1", 0.9)


async def test_a_repeat_updates_the_score_of_its_log_evaluator_and_scorer(client: httpx.AsyncClient) -> None:
    await ingest(client, flat("t", "root"), flat("t", "call", "root"))
    first = await post(client, "call", numerical_value=0.25)
    again = await post(client, "call", numerical_value=0.75, explanation="better")
    assert (again["id"], again["explanation"]) == (first["id"], "better")
    by_another = await post(client, "call", numerical_value=0.25, scorer="ann")
    assert by_another["id"] != first["id"]
    (entry,) = (await scores(client)).values()
    assert (entry["count"], entry["avg_score"], entry["evaluator_slug"]) == (2, 0.5, "quality")


async def test_a_trace_is_scored_through_its_root_and_the_root_through_the_trace(client: httpx.AsyncClient) -> None:
    await ingest(client, flat("t", "call", "root"), flat("t", "root"))
    first = await post(client, "t", numerical_value=0.25)
    assert (await post(client, "root", numerical_value=0.5))["id"] == first["id"]
    assert (await post(client, "call", numerical_value=1))["id"] != first["id"]
    listed = (await client.get("/api/logs/t/scores/")).json()
    assert (listed["count"], len(listed["results"])) == (2, 2)
    assert (await client.get("/api/logs/root/scores/")).json()["count"] == 1


@pytest.mark.parametrize("log_id", ["call", "t"], ids=["of the span", "of the trace"])
async def test_a_score_that_comes_before_its_span_counts_once_that_is_there(
    client: httpx.AsyncClient, log_id: str
) -> None:
    early = await post(client, log_id, numerical_value=0.25)
    assert (await client.get(f"/api/logs/{log_id}/scores/")).json()["results"] == [early]
    assert (await post(client, log_id, numerical_value=0.75))["id"] == early["id"]
    assert (await client.get(SUMMARY)).status_code == 404
    await ingest(client, flat("t", "call", "root"))
    (entry,) = (await scores(client)).values()
    assert (entry["count"], entry["avg_score"]) == (1, 0.75)
    await ingest(client, flat("t", "root"))
    assert (await client.get(f"/api/scores/{early['id']}/")).json()["numerical_value"] == 0.75
    assert await matching(client, "quality", "gte", 0.5) == 1


async def test_changes_and_deletions_are_seen_at_once(client: httpx.AsyncClient) -> None:
    await ingest(client, flat("t", "root"))
    score = await post(client, "t", numerical_value=0.25, explanation="why", environment="prod")
    path = f"/api/scores/{score['id']}/"
    changed = (await client.patch(path, json={"numerical_value": 4})).json()
    assert (changed["numerical_value"], changed["explanation"], changed["environment"]) == (4, "why", "prod")
    assert await matching(client, "quality", "", 4) == 1
    replaced = (await client.put(path, json={"evaluator_slug": "quality", "boolean_value": True})).json()
    assert (replaced["boolean_value"], replaced["numerical_value"], replaced["explanation"]) == (True, None, None)
    (entry,) = (await scores(client)).values()
    assert (entry["true_count"], entry["avg_score"], entry["score_value_type"]) == (1, None, "boolean")
    of_log = f"/api/logs/t/scores/{score['id']}/"
    assert (await client.get(of_log)).json() == replaced
    assert (await client.delete(of_log)).status_code == 204
    assert await scores(client) == {}
    assert (await client.get(of_log)).status_code == (await client.delete(path)).status_code == 404


async def test_a_waiting_score_can_be_changed_and_deleted(client: httpx.AsyncClient) -> None:
    score = await post(client, "t", numerical_value=0.25)
    path = f"/api/scores/{score['id']}/"
    assert (await client.patch(path, json={"numerical_value": 0.5})).json()["numerical_value"] == 0.5
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    await ingest(client, flat("t", "root"))
    assert await scores(client) == {}


@pytest.mark.parametrize(
    ("value", "summary"),
    [
        ({"numerical_value": 2.5}, ("numerical", 2.5, None, 1)),
        ({"numerical_value": 50, "score_value_type": "percentage"}, ("percentage", 50.0, None, 1)),
        ({"boolean_value": True}, ("boolean", None, 1, 1)),
        ({"boolean_value": False}, ("boolean", None, 0, 1)),
        ({"string_value": "fine"}, ("text", None, None, 1)),
        ({"categorical_value": ["a", "b"]}, ("categorical", None, None, 1)),
        ({"json_value": '{"a": 1}'}, ("json", None, None, 1)),
    ],
)
async def test_every_type_of_value_is_read_back_and_counted(
    client: httpx.AsyncClient, value: dict[str, Any], summary: tuple[Any, ...]
) -> None:
    await ingest(client, flat("t", "root"))
    score = await post(client, "t", **value)
    assert {name: score[name] for name in value} == value
    (entry,) = (await scores(client)).values()
    names = ("score_value_type", "avg_score", "true_count", "count")
    assert tuple(entry[name] for name in names) == summary


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"numerical_value": 9.1e9}, "numerical_value"),
        ({"numerical_value": -9.1e9}, "numerical_value"),
        ({"numerical_value": True}, "numerical_value"),
        ({"numerical_value": "much"}, "numerical_value"),
        ({"boolean_value": 1}, "boolean_value"),
        ({}, "body"),
        ({"evaluator_slug": "", "numerical_value": 1}, "evaluator_id"),
        ({"evaluator_slug": "e" * 201, "numerical_value": 1}, "evaluator_slug"),
        ({"evaluator_slug": "a\0", "numerical_value": 1}, "evaluator_slug"),
    ],
)
async def test_what_is_no_score_is_400_and_named(client: httpx.AsyncClient, body: dict[str, Any], where: str) -> None:
    answer = await client.post("/api/logs/t/scores/", json={"evaluator_slug": "quality", **body})
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"][0]["loc"][-1] == where
    assert (await client.get("/api/logs/t/scores/")).status_code == 404


async def test_a_score_cannot_change_whose_it_is(client: httpx.AsyncClient) -> None:
    score = await post(client, "t", numerical_value=1)
    for change in ({"evaluator_slug": "other"}, {"log_id": "u"}, {"scorer": "bob"}):
        assert (await client.patch(f"/api/scores/{score['id']}/", json=change)).status_code == 400


async def test_a_standalone_score_hides_that_of_the_evaluators_span(client: httpx.AsyncClient) -> None:
    output = {"quality": {"primary_score": 1, "evaluator_id": "eval_1", "evaluator_name": "Quality"}}
    span = flat("t", "judge", "root", log_type="score", span_name="evaluator.quality", output=output)
    await ingest(client, flat("t", "root"), span)
    assert (await scores(client))["eval_1"]["avg_score"] == 1
    score = await post(client, "judge", numerical_value=3)
    assert (score["evaluator_id"], score["evaluator_name"]) == ("eval_1", "Quality")
    (entry,) = (await scores(client)).values()
    assert (entry["avg_score"], entry["count"]) == (3, 1)
    for name in ("eval_1", "quality", "Quality"):
        assert await matching(client, name, "gt", 2) == 1
    await client.delete(f"/api/scores/{score['id']}/")
    assert (await scores(client))["eval_1"]["avg_score"] == 1


async def test_scores_stay_with_a_span_that_is_sent_again(client: httpx.AsyncClient) -> None:
    await ingest(client, flat("t", "root"))
    await post(client, "root", numerical_value=0.5)
    await ingest(client, flat("t", "root", cost=1, prompt_tokens=5), flat("t", "call", "root"))
    (entry,) = (await scores(client)).values()
    assert (entry["avg_score"], entry["count"]) == (0.5, 1)


async def test_lists_are_filtered_and_paged_to_an_empty_page(client: httpx.AsyncClient) -> None:
    await ingest(client, *(flat(f"t{n}", f"s{n}") for n in range(5)))
    for number in range(5):
        await post(client, f"t{number}", numerical_value=number / 4)
    body = {"filters": {"numerical_value": {"operator": "gte", "value": [0.5]}}}
    log_ids: list[str] = []
    for page in range(1, 9):
        query = {"page": str(page), "page_size": "2", "sort_by": "-numerical_value"}
        answer = (await client.post("/api/scores/list/", json=body, params=query)).json()
        assert answer["count"] == 3
        if not answer["results"]:
            break
        log_ids += [score["log_id"] for score in answer["results"]]
    assert log_ids == ["t4", "t3", "t2"]
    assert (await client.get("/api/scores/")).json()["count"] == 5
    for wrong in ({"sort_by": "colour"}, {"page": "0"}, {"page_size": "1001"}):
        assert (await client.get("/api/scores/", params=wrong)).status_code == 400


async def test_another_tenant_neither_sees_nor_scores(client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    await ingest(client, flat("t", "root"))
    score = await post(client, "t", numerical_value=0.5)
    theirs = await post(stranger, "t", numerical_value=7)
    (entry,) = (await scores(client)).values()
    assert (entry["avg_score"], entry["count"]) == (0.5, 1)
    assert (await client.get(f"/api/scores/{score['id']}/")).json()["numerical_value"] == 0.5
    assert (await stranger.get(f"/api/scores/{theirs['id']}/")).json()["numerical_value"] == 7
    other = await post(client, "t", numerical_value=1, scorer="ann")
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        answer = await stranger.request(method, f"/api/scores/{other['id']}/", json={"numerical_value": 1})
        assert answer.status_code == 404


async def test_scores_and_their_spans_that_come_at_once_are_all_counted(
    make_client: MakeClient, engine: AsyncEngine
) -> None:
    first, second = await make_client(), await make_client()
    for start in range(0, 40, 10):
        numbers = range(start, start + 10)
        await asyncio.gather(
            *(post(first, f"s{n}", numerical_value=1) for n in numbers),
            *(ingest(second, flat(f"t{n // 4}", f"s{n}", "root")) for n in numbers),
        )
        (entry,) = (await scores(first)).values()
        assert entry["count"] == start + 10
    assert await rows(engine, "SELECT * FROM early_scores") == []
    await assert_traces_equal_their_spans(engine)
