"""An experiment's logs: the list agrees with the summary, pages end, trees and changes are as the spans say."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from spanstats.dialects.respan.log_schema import LogDetail, LogList
from tests.dialects.recorded import load

pytestmark = pytest.mark.anyio

EXPERIMENT = "/api/v2/experiments/e"
LIST, SUMMARY = f"{EXPERIMENT}/logs/list/", f"{EXPERIMENT}/logs/summary/"
START = datetime(2026, 1, 1, tzinfo=UTC)


def flat(trace_id: str, span_id: str = "s", parent: str | None = None, **fields: Any) -> dict[str, Any]:
    ids = {"trace_unique_id": trace_id, "span_unique_id": span_id, "span_parent_id": parent}
    return {**ids, "start_time": START.isoformat(), "latency": 1, "metadata": {"experiment_id": "e"}, **fields}


async def ingest(client: httpx.AsyncClient, *spans: dict[str, Any]) -> None:
    answer = await client.post("/api/v1/traces/ingest", json=list(spans))
    assert answer.status_code == 200, answer.text


def some_span(rng: random.Random, number: int, place: int, start: datetime, metadata: Any) -> dict[str, Any]:
    return flat(
        f"t{number:03}",
        f"t{number:03}-{place}",
        f"t{number:03}-0" if place else None,
        start_time=start.isoformat(),
        latency=rng.choice([0, 0.5, 2]),
        cost=rng.choice([None, 0.25, 1]),
        model=rng.choice([None, "gpt-4o", "claude"]),
        status=rng.choice([None, "error"]),
        span_name=rng.choice([None, "main", "Main step"]),
        prompt_tokens=rng.randrange(50),
        completion_tokens=rng.randrange(50),
        metadata=metadata,
    )


def some_spans(rng: random.Random, traces: int) -> list[dict[str, Any]]:
    spans = []
    for number in range(traces):
        start = START + timedelta(minutes=number // 3)
        metadata: dict[str, Any] = {
            "experiment_id": "e",
            **rng.choice([{}, {"plan": "pro"}, {"plan": "free", "n": rng.randrange(5)}]),
        }
        spans += [some_span(rng, number, place, start, metadata) for place in range(rng.randrange(1, 4))]
    rng.shuffle(spans)
    return spans


def some_filters(rng: random.Random) -> dict[str, Any]:
    choices: list[tuple[str, list[str], list[Any]]] = [
        ("status", ["", "not"], ["success", "error", "failed"]),
        ("total_cost", ["gt", "lte", "isnull"], [0.25, 1, True]),
        ("model", ["", "not", "contains"], ["gpt-4o", "claude", "GPT"]),
        ("name", ["", "icontains", "empty"], ["main", "step"]),
        ("duration", ["gte", "lt"], [0.5, 1]),
        ("metadata__plan", ["", "not", "empty"], ["pro", "free"]),
        ("metadata__n", ["gt", "lte"], [2]),
        ("span_count", ["gt", ""], [1, 2]),
        ("scores__quality", ["gte", "lt"], [0.5]),
    ]
    filters = {}
    for field, operators, values in rng.sample(choices, rng.randrange(1, 4)):
        operator = rng.choice(operators)
        value = [True] if operator == "isnull" else [rng.choice([v for v in values if v is not True])]
        filters[field] = {"operator": operator, "value": value}
    if rng.random() < 0.4:
        return {"group": {"connector": rng.choice(["AND", "OR"]), "filter_params": filters}}
    return filters


async def test_list_and_summary_agree_under_any_filters_and_windows(client: httpx.AsyncClient) -> None:
    rng = random.Random(1)
    await ingest(client, *some_spans(rng, 60))
    for number in range(0, 60, 4):
        body = {"evaluator_slug": "quality", "numerical_value": rng.random()}
        assert (await client.post(f"/api/logs/t{number:03}/scores/", json=body)).status_code == 201
    counts = set()
    for _ in range(40):
        body = {"filters": some_filters(rng)} if rng.random() < 0.9 else {}
        window = {"start_time": (START + timedelta(minutes=rng.randrange(10))).isoformat()}
        query = window if rng.random() < 0.5 else {}
        summary = (await client.post(SUMMARY, json=body, params=query)).json()
        answer = await client.post(LIST, json=body, params={**query, "page_size": "1000"})
        assert answer.status_code == 200, (body, answer.text)
        page = answer.json()
        assert page["count"] == summary["total_count"] == len(page["results"]), body
        assert sum(log["total_tokens"] for log in page["results"]) == summary["total_tokens"]
        costs = [Decimal(repr(log["total_cost"])) for log in page["results"] if log["total_cost"] is not None]
        assert float(sum(costs)) == summary["total_cost"]
        counts.add(page["count"])
    assert len(counts) > 8


async def test_a_client_that_pages_until_a_page_is_empty_ends_with_every_trace_once(client: httpx.AsyncClient) -> None:
    await ingest(client, *some_spans(random.Random(5), 250))
    for query in ({}, {"sort_by": "-cost"}, {"sort_by": "name", "page_size": "60"}):
        ids: list[str] = []
        for page in range(1, 20):
            answer = await client.post(LIST, json={}, params={**query, "page": str(page)})
            assert answer.status_code == 200
            content = answer.json()
            LogList.model_validate(content)
            assert content["count"] == 250
            if not content["results"]:
                break
            ids += [log["id"] for log in content["results"]]
        assert len(ids) == len(set(ids)) == 250
    default = (await client.post(LIST, json={})).json()["results"]
    assert len(default) == 100
    assert [log["start_time"] for log in default] == sorted((log["start_time"] for log in default), reverse=True)


@pytest.mark.parametrize(("sort_by", "field"), [("cost", "total_cost"), ("-duration", "duration"), ("name", "name")])
async def test_lists_are_sorted_with_absent_values_last(client: httpx.AsyncClient, sort_by: str, field: str) -> None:
    await ingest(client, *some_spans(random.Random(6), 40))
    logs = (await client.get(LIST, params={"sort_by": sort_by})).json()["results"]
    values = [log[field] for log in logs]
    present = [value for value in values if value is not None]
    assert values == [*sorted(present, reverse=sort_by.startswith("-")), *[None] * (len(values) - len(present))]


async def test_a_log_has_its_sums_its_root_s_content_and_the_tree_of_its_spans(client: httpx.AsyncClient) -> None:
    await ingest(
        client,
        flat("t", "grandchild", "child", model="gpt-4o", log_type="chat", prompt_tokens=5, cost=0.5),
        flat(
            "t",
            "child",
            "root",
            log_type="tool",
            status="error",
            error_message="boom",
            start_time="2026-01-01T00:00:01Z",
        ),
        flat("t", "root", span_name="main", log_type="workflow", input={"q": "why"}, output="because", cost=1),
        flat("t", "late", "root", start_time="2026-01-01T00:00:02Z", expected_output="x"),
    )
    await client.post("/api/logs/child/scores/", json={"evaluator_slug": "quality", "numerical_value": 0.5})
    answer = await client.get(f"{EXPERIMENT}/logs/t/", params={"detail": "1"})
    assert answer.status_code == 200, answer.text
    log = answer.json()
    LogDetail.model_validate(log)
    assert (log["span_count"], log["error_count"], log["llm_call_count"]) == (4, 1, 1)
    assert (log["total_cost"], log["total_prompt_tokens"], log["duration"]) == (1.5, 5, 1)
    assert (log["input"], log["output"], log["name"], log["root_span_unique_id"]) == (
        {"q": "why"},
        "because",
        "main",
        "root",
    )
    assert log["scores"]["quality"]["numerical_value"] == 0.5
    (root,) = log["span_tree"]
    assert [child["id"] for child in root["children"]] == ["child", "late"]
    (grandchild,) = root["children"][0]["children"]
    assert (grandchild["model"], grandchild["log_type"], grandchild["children"]) == ("gpt-4o", "chat", [])
    assert (await client.get(f"{EXPERIMENT}/logs/child")).json() == log
    listed = (await client.get(LIST, params={"detail": "true"})).json()["results"]
    assert listed == [log]
    assert "span_tree" not in (await client.get(LIST)).json()["results"][0]


@pytest.mark.parametrize(
    ("preview", "output", "document"),
    [("3", "abc", '{"q'), ("0", "abcdef", {"q": "why"}), ("x", "abcdef", {"q": "why"}), ("99", "abcdef", {"q": "why"})],
)
async def test_a_preview_cuts_content(client: httpx.AsyncClient, preview: str, output: str, document: Any) -> None:
    await ingest(client, flat("t", input={"q": "why"}, output="abcdef"))
    (log,) = (await client.get(LIST, params={"preview_length": preview})).json()["results"]
    assert (log["output"], log["input"]) == (output, document)


async def test_a_change_of_a_log_is_seen_and_outlives_a_repeat_of_its_span(client: httpx.AsyncClient) -> None:
    await ingest(client, flat("t", "root", cost=1, prompt_tokens=5, metadata={"experiment_id": "e", "a": 1}))
    await ingest(client, flat("t", "child", "root", cost=1))
    change = {
        "output": {"text": "new"},
        "metrics": {"cost": 0.25, "latency": 3, "prompt_tokens": 50},
        "metadata": {"b": 2},
        "name": "renamed",
    }
    answer = await client.patch(f"{EXPERIMENT}/logs/t/", json=change)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"id": "t", "trace_unique_id": "t", "status": "success"}
    for _ in range(2):
        log = (await client.get(f"{EXPERIMENT}/logs/t/")).json()
        assert (log["total_cost"], log["duration"], log["total_tokens"]) == (1.25, 3, 50)
        assert (log["output"], log["name"]) == ({"text": "new"}, "renamed")
        assert log["metadata"] == {"experiment_id": "e", "a": 1, "b": 2}
        assert (await client.get(SUMMARY)).json()["total_cost"] == 1.25
        await ingest(client, flat("t", "root", cost=1, prompt_tokens=5, output="old"))
    assert (await client.patch(f"{EXPERIMENT}/logs/t/", json={"metrics": {"cost": 2}})).status_code == 200
    log = (await client.get(f"{EXPERIMENT}/logs/t/")).json()
    assert (log["total_cost"], log["name"]) == (3, "renamed")


async def test_a_change_reaches_a_span_of_parea_s_too(client: httpx.AsyncClient) -> None:
    body = {"trace_id": "p", "start_timestamp": "2026-01-01T00:00:00Z", "experiment_uuid": "e", "cost": 1}
    await client.post("/api/parea/v1/trace_log", json=body)
    assert (await client.patch(f"{EXPERIMENT}/logs/p/", json={"metrics": {"cost": 0.5}})).status_code == 200
    await client.post("/api/parea/v1/trace_log", json=body)
    assert (await client.get(SUMMARY)).json()["total_cost"] == 0.5


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"metrics": {"cost": -1}}, "metrics.cost"),
        ({"metrics": {"prompt_tokens": 1.5}}, "metrics.prompt_tokens"),
        ({"metrics": 7}, "metrics"),
        ({"metadata": []}, "metadata"),
    ],
)
async def test_a_change_that_cannot_be_read_is_400(client: httpx.AsyncClient, change: Any, where: str) -> None:
    await ingest(client, flat("t"))
    answer = await client.patch(f"{EXPERIMENT}/logs/t/", json=change)
    assert answer.status_code == 400
    assert answer.json()["detail"][0]["loc"] == ["body", where]


async def test_a_histogram_has_exact_bins(client: httpx.AsyncClient) -> None:
    values = [0, 0.1, 0.2, 0.25, 0.3, 0.5, 0.75, 1, 1]
    for number, value in enumerate(values):
        await ingest(client, flat(f"t{number}", f"s{number}"))
        body = {"evaluator_slug": "quality", "numerical_value": value}
        await client.post(f"/api/logs/t{number}/scores/", json=body)
    query = {"evaluator_id": "quality", "bins": "4"}
    for answer in (
        await client.get(f"{EXPERIMENT}/histogram/", params=query),
        await client.post(f"{EXPERIMENT}/histogram", params={**query, "evaluator_id": "quality:grader"}),
    ):
        assert answer.status_code == 200, answer.text
        histogram = answer.json()
        assert [(b["lower"], b["upper"], b["count"]) for b in histogram["bins"]] == [
            (0, 0.25, 3),
            (0.25, 0.5, 2),
            (0.5, 0.75, 1),
            (0.75, 1, 3),
        ]
        assert histogram["stats"] == {"min": 0, "max": 1, "mean": pytest.approx(sum(values) / 9, rel=1e-15), "total": 9}
    empty = (await client.get(f"{EXPERIMENT}/histogram/", params={"evaluator_id": "nobody"})).json()
    assert (empty["bins"], empty["stats"]["total"]) == ([], 0)
    for wrong in ({}, {"evaluator_id": "q", "bins": "51"}, {"evaluator_id": "q", "bins": "0"}):
        assert (await client.get(f"{EXPERIMENT}/histogram/", params=wrong)).status_code == 400


async def test_the_recorded_list_is_answered(client: httpx.AsyncClient) -> None:
    record = load("respan/respan-api-0.1.47-list-spans-01.json")
    metadata = {"experiment_id": "exp_1", "comparison_key": "a"}
    await ingest(client, flat("t", metadata=metadata), flat("u", metadata={**metadata, "comparison_key": "b"}))
    answer = await client.post(record["path"], json=record["body"], params=record["query"])
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert [log["id"] for log in page["results"]] == ["t"]
    assert (page["count"], page["current_filters"]) == (1, record["body"]["filters"])


async def test_wrong_questions_are_400_501_or_404_in_respan_s_shape(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await ingest(client, flat("t"))
    wrong = ({"sort_by": "colour"}, {"page": "0"}, {"page_size": "1001"}, {"start_time": "soon"}, {"page": "1.5"})
    answers = [await client.get(LIST, params=query) for query in wrong]
    answers.append(await client.post(LIST, json={"filters": {"colour": 1}}))
    assert [a.status_code for a in answers] == [400] * 6
    answers.append(await client.get(LIST, params={"export": "1"}))
    assert answers[-1].status_code == 501
    missing = [
        await client.get(f"{EXPERIMENT}/logs/nothing/"),
        await client.patch(f"{EXPERIMENT}/logs/nothing/", json={}),
        await client.get("/api/v2/experiments/none/logs/list/"),
        await stranger.get(LIST),
        await stranger.get(f"{EXPERIMENT}/logs/t/"),
        await stranger.patch(f"{EXPERIMENT}/logs/t/", json={"name": "x"}),
        await stranger.get(f"{EXPERIMENT}/histogram/", params={"evaluator_id": "q"}),
    ]
    assert [a.status_code for a in missing] == [404] * len(missing)
    for answer in answers + missing:
        assert answer.json().keys() == {"error", "detail"}
        assert isinstance(answer.json()["error"], str)
