"""Respan's flat spans and its summary."""

from typing import Any

import httpx
import pytest

from spanstats.dialects.respan.summary import SUMMARY_EXAMPLE

pytestmark = pytest.mark.anyio

INGEST = "/api/v1/traces/ingest"
SUMMARY = "/api/v2/experiments/e/logs/summary/"
DONE = {"field": "status", "operator": "=", "value": "completed"}


def flat(trace_id: str, hour: int = 0, **fields: Any) -> dict[str, Any]:
    start = f"2026-01-01T{hour:02}:00:00"
    ids = {"trace_unique_id": trace_id, "span_unique_id": "s"}
    return {**ids, "start_time": f"{start}Z", "metadata": {"experiment_id": "e"}, **fields}


async def ingest(client: httpx.AsyncClient, *spans: Any) -> dict[str, Any]:
    answer = await client.post(INGEST, json=list(spans))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def get(client: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    answer = await client.get(SUMMARY, params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def count(client: httpx.AsyncClient, body: Any = None, **query: str) -> int:
    answer = await client.post(SUMMARY, json=body, params=query)
    assert answer.status_code == 200, answer.text
    number: int = answer.json()["total_count"]
    return number


async def test_an_ingest_says_what_became_of_it(client: httpx.AsyncClient) -> None:
    assert await ingest(client, flat("a"), flat("b")) == {"message": "2 spans stored", "rejected": []}
    assert (await client.post(INGEST, json={"data": [flat("c")]})).json()["message"] == "1 spans stored"
    assert (await get(client))["total_count"] == 3


async def test_a_bad_span_is_named_and_the_others_are_stored(client: httpx.AsyncClient) -> None:
    answer = await ingest(client, flat("a"), {"span_unique_id": 7}, flat("b", cost=-1), "no object")
    assert [rejected["index"] for rejected in answer["rejected"]] == [1, 2, 3]
    assert "span_unique_id" in answer["rejected"][0]["error"]
    assert "cost" in answer["rejected"][1]["error"]
    assert answer["rejected"][2]["error"] == "must be an object"
    assert (await get(client))["total_count"] == 1


async def test_none_but_bad_spans_are_400(client: httpx.AsyncClient) -> None:
    answer = await client.post(INGEST, json=[flat("b", cost=-1), 5])
    assert answer.status_code == 400
    assert [problem["loc"][:2] for problem in answer.json()["detail"]] == [["body", 0], ["body", 1]]


async def test_an_experiment_without_traces_is_all_zeros(client: httpx.AsyncClient) -> None:
    await ingest(client, flat("a"))
    summary = await get(client, start_time="2027-01-01")
    assert summary.keys() == SUMMARY_EXAMPLE.keys()
    assert summary.pop("scores") == {}
    assert set(summary.pop("missing").values()) == {0}
    assert set(summary.values()) == {0}


async def test_totals_and_means_are_of_the_traces_that_have_the_value(client: httpx.AsyncClient) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 30}
    await ingest(
        client,
        flat("a", latency=2, cost=0.1, time_to_first_token=0.5, **usage),
        flat("b", latency=1, cost=0.2, status="error"),
        flat("c"),
    )
    summary = await get(client)
    assert summary == {
        "total_count": 3,
        "number_of_requests": 3,
        "total_cost": 0.3,
        "total_tokens": 40,
        "total_prompt_tokens": 10,
        "total_completion_tokens": 30,
        "avg_latency": 1.5,
        "avg_tps": 15.0,
        "avg_ttft": 0.5,
        "scores": {},
        "error_count": 1,
        "cost_count": 2,
        "latency_count": 2,
        "tps_count": 1,
        "ttft_count": 1,
        "cost_partial_count": 0,
        "missing": {"cost": 1, "latency": 1, "tps": 2, "ttft": 2},
    }
    assert isinstance(summary["total_tokens"], int)


async def test_scores_are_aggregated_by_evaluator(client: httpx.AsyncClient) -> None:
    for number, score in enumerate([1, 2, 4.5]):
        log = {"trace_id": f"t{number}", "start_timestamp": "2026-01-01T00:00:00Z", "experiment_uuid": "e"}
        await client.post("/api/parea/v1/trace_log", json={**log, "scores": [{"name": "quality", "score": score}]})
    (entry,) = (await get(client))["scores"].values()
    assert (entry["evaluator_name"], entry["avg_score"], entry["count"]) == ("quality", 2.5, 3)
    assert (entry["min_score"], entry["max_score"]) == (1.0, 4.5)
    assert entry["standard_deviation"] == pytest.approx(1.8027756377319946, rel=1e-15)
    assert (entry["true_count"], entry["false_count"]) == (None, None)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, 24),
        ("2026-01-01T05:00:00Z", None, 19),
        (None, "2026-01-01T05:00:00Z", 5),
        ("2026-01-01T05:00:00Z", "2026-01-01T06:00:00Z", 1),
        ("2026-01-01T05:00:00.000001Z", "2026-01-01T06:00:00.000001Z", 1),
        ("2026-01-01T05:00:00", "2026-01-01T07:00:00", 2),
        ("2026-01-01T05:00:00+05:00", "2026-01-01T02:00:00", 2),
        ("2026-01-01T05:00:00 05:00", "2026-01-01T02:00:00", 2),
        ("2026-01-02", None, 0),
        ("", "", 24),
        ("0001-01-01T00:00:00+12:00", "9999-12-31T23:59:59-12:00", 24),
        ("9999-12-31", None, 0),
        (None, "1969-12-31", 0),
    ],
)
async def test_the_window_takes_its_start_and_not_its_end(
    client: httpx.AsyncClient, start: str | None, end: str | None, expected: int
) -> None:
    await ingest(client, *(flat(f"t{hour}", hour) for hour in range(24)))
    query = {name: value for name, value in (("start_time", start), ("end_time", end)) if value is not None}
    assert (await get(client, **query))["total_count"] == expected
    assert await count(client, {}, **query) == expected


@pytest.mark.parametrize("value", ["yesterday", "2026-13-01", "10000-01-01T00:00:00Z", "1", "\0"])
async def test_an_unreadable_time_is_400_and_named(client: httpx.AsyncClient, value: str) -> None:
    await ingest(client, flat("a"))
    for answer in (
        await client.get(SUMMARY, params={"start_time": value}),
        await client.post(SUMMARY, params={"start_time": value}, json={}),
    ):
        assert answer.status_code == 400
        assert answer.json()["detail"][0]["loc"] == ["query", "start_time"]


@pytest.mark.parametrize("body", [b"", b" ", b"{}", b"null", b'{"filters": {}}', b'{"filters": [], "operator": "AND"}'])
async def test_no_filters_are_all_traces(client: httpx.AsyncClient, body: bytes) -> None:
    await ingest(client, flat("a"), flat("b"))
    assert (await client.post(SUMMARY, content=body)).json()["total_count"] == 2


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([DONE], 2),
        ([DONE, {"field": "total_cost", "operator": ">=", "value": 0.2}], 1),
        ({"status": {"operator": "", "value": ["success"]}, "total_cost": {"operator": "lt", "value": ["0.2"]}}, 1),
        ({"bundle": {"connector": "OR", "filter_params": {"trace_id": "b", "latency": {"gt": 2}}}}, 2),
        ({"metadata__plan": {"operator": "not", "value": ["pro"]}}, 1),
        ({"model": "gpt-4o"}, 1),
    ],
    ids=["list", "two", "object", "bundle", "metadata", "any span"],
)
async def test_filters_narrow_in_every_shape(client: httpx.AsyncClient, filters: Any, expected: int) -> None:
    plan = {"experiment_id": "e", "plan": "pro"}
    await ingest(
        client,
        flat("a", cost=0.1, latency=3, metadata=plan),
        flat("b", cost=0.2, latency=1, metadata={**plan, "plan": "free"}),
        flat("c", status="error", latency=1, model="gpt-4o"),
    )
    assert await count(client, {"filters": filters, "is_exporting": False}) == expected


async def test_the_conditions_of_a_body_are_joined_as_either_name_says(client: httpx.AsyncClient) -> None:
    await ingest(client, flat("a"), flat("b", status="error"), flat("c", status="error", cost=1))
    filters = {"status": "success", "total_cost": {"gte": 1}}
    for name in ("operator", "connector"):
        assert await count(client, {"filters": filters, name: "OR"}) == 2
        assert await count(client, {"filters": filters, name: "AND"}) == 0


async def test_a_list_reads_its_window_and_page_from_the_query_alone(client: httpx.AsyncClient) -> None:
    await ingest(client, flat("a"), flat("b"), flat("c"))
    for path in ("/api/v2/experiments/e/logs/list/", "/api/traces/list/", "/api/request-logs/list/"):
        answer = await client.post(path, json={"start_time": "2026-01-01"})
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (400, ["body", "start_time"]), path
        for body in ({"page": 2}, {"page_size": 1}, {"sort_by": "-cost"}, {"start_time": "", "end_time": None}):
            answer = await client.post(path, json=body)
            assert (answer.status_code, len(answer.json()["results"])) == (200, 3), path
        both = await client.post(path, json={"page": 1}, params={"page": "2"})
        assert (both.status_code, both.json()["results"]) == (200, []), path


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"filters": [{"field": "colour", "operator": "=", "value": 1}]}, ["body", "filters", 0, "field"]),
        ({"filters": [{"field": "status", "operator": "overlap", "value": "x"}]}, ["body", "filters", 0, "operator"]),
        ({"filters": [{"field": "cost", "operator": ">", "value": "much"}]}, ["body", "filters", 0, "value"]),
        ({"filters": "all"}, ["body", "filters"]),
        ({"filters": [DONE], "operator": "AND", "connector": "OR"}, ["body", "filters"]),
        ({"connector": "OR", "filter_params": {"status": "error"}}, ["body", "filter_params"]),
        ({"filters": [DONE], "start_time": "2026-01-01"}, ["body", "start_time"]),
        ({"end_time": 5}, ["body", "end_time"]),
        ([], ["body"]),
    ],
)
async def test_a_filter_that_is_not_understood_is_400_and_located(
    client: httpx.AsyncClient, body: Any, where: list[Any]
) -> None:
    await ingest(client, flat("a"))
    answer = await client.post(SUMMARY, json=body)
    assert answer.status_code == 400
    assert answer.json()["detail"][0]["loc"][: len(where)] == where
    assert isinstance(answer.json()["error"], str)


async def test_scores_are_filtered_by_any_name_of_their_evaluator(client: httpx.AsyncClient) -> None:
    for number, score in enumerate([0.2, 0.8]):
        log = {"trace_id": f"t{number}", "start_timestamp": "2026-01-01T00:00:00Z", "experiment_uuid": "e"}
        await client.post("/api/parea/v1/trace_log", json={**log, "scores": [{"name": "quality", "score": score}]})
    assert await count(client, {"filters": {"scores__quality": {"operator": "gte", "value": [0.5]}}}) == 1
    assert await count(client, {"filters": {"scores__nobody": {"operator": "gte", "value": [0]}}}) == 0


async def test_an_id_that_nobody_named_is_404(client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    await ingest(client, flat("a"))
    for answer in (await stranger.get(SUMMARY), await stranger.post(SUMMARY, json={})):
        assert answer.status_code == 404
        assert answer.json() == {"error": "Experiment not found", "detail": []}
    assert (await client.get("/api/v2/experiments/%00/logs/summary/")).status_code == 404


async def test_one_dialects_experiment_is_read_through_the_other(client: httpx.AsyncClient) -> None:
    await ingest(client, flat("a", latency=2, cost=0.1))
    (entry,) = (await client.get("/api/parea/v1/experiment/e/stats")).json()["parent_trace_stats"]
    assert (entry["trace_id"], entry["latency"], entry["cost"]) == ("a", 2.0, 0.1)


@pytest.mark.parametrize(
    "path",
    [
        SUMMARY,
        "/api/evaluations/experiments/e/logs/summary/",
        "/api/v2/experiments/e/logs/list/",
        "/api/v2/experiments/list/",
        "/api/v2/experiments/summary/",
        "/api/request-logs/list/",
        "/api/request-logs/summary/",
        "/api/scores/list/",
        "/api/stats/v1/experiments",
        "/api/stats/v1/experiments/e",
        "/api/stats/v1/experiments/e/traces",
        "/api/stats/v1/experiments/e/series",
    ],
)
async def test_filters_in_the_body_of_a_get_are_never_left_out_in_silence(client: httpx.AsyncClient, path: str) -> None:
    await ingest(client, flat("a"), flat("b", status="error"))
    answer = await client.request("GET", path, json={"filters": [DONE]})
    assert (answer.status_code, answer.json()["error"]) == (400, "body: is not read by GET: send it by POST")
    assert (await client.request("GET", path, json={})).status_code == 200
    assert (await client.get(path)).status_code == 200
