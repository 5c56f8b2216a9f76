"""Filters by a regular expression: the same in every dialect, refused at their condition, and ended where they last."""

import asyncio
from typing import Any

import httpx
import pytest

from .conftest import MakeClient

pytestmark = pytest.mark.anyio

E = "/api/v2/experiments/e"
STATS = "/api/stats/v1/experiments/e"
NAMES = ("answer 1", "Answer 22", "question", "Ärger")


def spans(**fields: Any) -> list[dict[str, Any]]:
    return [
        {
            "trace_unique_id": name,
            "span_unique_id": name,
            "span_name": name,
            "metadata": {"experiment_id": "e", "plan": name},
            **fields,
        }
        for name in NAMES
    ]


def matching(pattern: str, operator: str = "regex", field: str = "metadata__plan") -> dict[str, Any]:
    return {"filters": [{"field": "cost", "operator": "empty", "value": []}, condition(pattern, operator, field)]}


def condition(pattern: str, operator: str = "regex", field: str = "metadata__plan") -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": pattern}


def named(field: str, pattern: str) -> dict[str, Any]:
    return {"filters": {field: {"operator": "regex", "value": pattern}}}


def parea(pattern: str, operator: str = "regex") -> dict[str, Any]:
    return {"filter_field": "metadata", "filter_key": "plan", "filter_operator": operator, "filter_value": pattern}


PATTERNS: list[tuple[str, str, set[str]]] = [
    ("regex", "", set(NAMES)),
    ("regex", "^[aA]nswer \\d+$", {"answer 1", "Answer 22"}),
    ("regex", "(?i)^ANSWER", {"answer 1", "Answer 22"}),
    ("regex", "nswer|que", {"answer 1", "Answer 22", "question"}),
    ("regex", "^\\w+$", {"question"}),
    ("regex", "\\d{2}", {"Answer 22"}),
    ("regex", "Ä", {"Ärger"}),
    ("not_regex", "^[aA]nswer", {"question", "Ärger"}),
    ("not_regex", "\x00", set(NAMES)),
]


async def test_every_dialect_finds_the_same(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/v1/traces/ingest", json=spans())).status_code == 200
    for operator, pattern, expected in PATTERNS:
        body = matching(pattern, operator)
        for path in (f"{E}/logs/list/", "/api/traces/list/", "/api/request-logs/list/"):
            rows = (await client.post(path, json=body)).json()["results"]
            assert {row["id"] for row in rows} == expected, (path, pattern)
        for path in (f"{E}/logs/summary/", "/api/request-logs/summary/"):
            assert (await client.post(path, json=body)).json()["total_count"] == len(expected), (path, pattern)
        insights = (await client.post(STATS, json=body)).json()
        assert insights["traces"] == len(expected), pattern
        logs = (await client.post("/api/parea/v1/experiment/e/trace_logs", json=parea(pattern, operator))).json()
        assert {log["trace_id"] for log in logs} == expected, pattern
    listed = await client.post("/api/v2/experiments/list/", json={"filters": [condition("^e$", field="id")]})
    assert [experiment["id"] for experiment in listed.json()["results"]] == ["e"]


@pytest.mark.parametrize("pattern", ["(", "a{2", r"(a)\1", "x" * 1_001])
async def test_what_is_no_pattern_is_refused_at_its_condition(client: httpx.AsyncClient, pattern: str) -> None:
    await client.post("/api/v1/traces/ingest", json=spans())
    second = ["body", "filters", 1]
    located: list[tuple[str, dict[str, Any], list[Any]]] = [
        *((f"{E}/logs/{name}/", matching(pattern), second) for name in ("summary", "list")),
        *((f"/api/{name}/list/", matching(pattern), second) for name in ("traces", "request-logs")),
        (STATS, matching(pattern), second),
        ("/api/scores/list/", named("scorer", pattern), ["body", "filters", "scorer"]),
        ("/api/v2/experiments/list/", named("id", pattern), ["body", "filters", "id"]),
    ]
    for path, body, where in located:
        answer = await client.post(path, json=body)
        assert answer.status_code == 400, path
        assert [problem["loc"] for problem in answer.json()["detail"]] == [[*where, "value"]], path
    answer = await client.post("/api/parea/v1/experiment/e/trace_logs", json=parea(pattern))
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("filter_value: ")


async def test_a_pattern_that_takes_too_long_is_503_and_holds_up_no_other_request(make_client: MakeClient) -> None:
    """Each step of this expression looks ahead to the end: its time grows with the square of the text."""
    client = await make_client(read_timeout_s=0.5)
    await client.post("/api/v1/traces/ingest", json=spans(input="a" * 300_000, error_message="a" * 300_000))
    slow = named("error_message", "(?:(?=a+b)a)+c")
    requests = [asyncio.ensure_future(client.post("/api/request-logs/list/", json=slow)) for _ in range(3)]
    answered = 0
    while not all(request.done() for request in requests):
        assert (await client.post(f"{E}/logs/summary/", json=matching("question"))).json()["total_count"] == 1
        answered += 1
    for request in requests:
        answer = await request
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"] == "the query took longer than this service allows"
    assert answered > 1
