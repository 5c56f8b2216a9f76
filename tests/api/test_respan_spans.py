"""Single spans listed, summarized and read; list and summary agree."""

import random
from decimal import Decimal
from typing import Any

import httpx
import pytest

from spanstats.dialects.respan.span_schema import SpanList, SpanObject
from tests.dialects.recorded import load

pytestmark = pytest.mark.anyio

LIST, SUMMARY = "/api/request-logs/list/", "/api/request-logs/summary/"


def flat(trace_id: str, span_id: str, parent: str | None = None, **fields: Any) -> dict[str, Any]:
    ids = {"trace_unique_id": trace_id, "span_unique_id": span_id, "span_parent_id": parent}
    return {**ids, "start_time": "2026-01-01T00:00:00Z", "latency": 1, **fields}


async def ingest(client: httpx.AsyncClient, *spans: dict[str, Any]) -> None:
    answer = await client.post("/api/v1/traces/ingest", json=list(spans))
    assert answer.status_code == 200, answer.text


async def matching(client: httpx.AsyncClient, filters: Any, **query: str) -> list[str]:
    answer = await client.post(LIST, json={"filters": filters}, params=query)
    assert answer.status_code == 200, answer.text
    summary = (await client.post(SUMMARY, json={"filters": filters}, params=query)).json()
    assert summary["total_count"] == summary["number_of_requests"] == answer.json()["count"]
    return sorted(span["id"] for span in answer.json()["results"])


async def test_a_test_tool_finds_every_span_of_a_trace_and_one_root(client: httpx.AsyncClient) -> None:
    call = {"model": "gpt-4o", "log_type": "chat", "prompt_tokens": 10, "completion_tokens": 5}
    await ingest(client, flat("t", "call", "root", **call), flat("t", "root"), flat("u", "other"))
    filters = {"trace_unique_id": {"operator": "", "value": ["t"]}}
    answer = await client.post("/request-logs/list/", json={"filters": filters}, params={"page_size": "500"})
    page = answer.json()
    SpanList.model_validate(page)
    assert sorted(span["span_unique_id"] for span in page["results"]) == ["call", "root"]
    assert [span["id"] for span in page["results"] if not span["span_parent_id"]] == ["root"]
    whole = (await client.get("/request-logs/call/")).json()
    SpanObject.model_validate(whole)
    assert (whole["prompt_tokens"], whole["completion_tokens"], whole["cost"]) == (10, 5, 0.000075)
    assert (await client.get("/api/request-logs/nothing/")).status_code == 404


async def test_a_span_is_read_with_all_that_was_sent(client: httpx.AsyncClient) -> None:
    fields: dict[str, Any] = {
        "span_name": "answer",
        "log_type": "chat",
        "model": "m",
        "input": [{"role": "user", "content": "Hi"}],
        "output": {"role": "assistant", "content": "Hello"},
        "customer_identifier": "c",
        "metadata": {"a": 1},
        "prompt_id": "p",
        "stream": True,
        "temperature": 0.5,
        "completion_tokens": 10,
        "latency": 4,
        "status_code": 500,
        "error_message": "boom",
    }
    await ingest(client, flat("t", "s", **fields))
    read_back = (await client.get("/api/request-logs/s/")).json()
    same = {name: value for name, value in fields.items() if name != "latency"}
    assert {name: read_back[name] for name in same} == same
    assert (read_back["tokens_per_second"], read_back["status"], read_back["is_root_span"]) == (2.5, "error", True)
    assert (read_back["prompt_messages"], read_back["completion_message"]) == (fields["input"], fields["output"])
    (only,) = (await client.get(LIST, params={"include_fields": "model, cost"})).json()["results"]
    assert only.keys() == {"id", "unique_id", "model", "cost"}


async def test_a_list_answers_text_where_it_was_sent_as_text(client: httpx.AsyncClient) -> None:
    content = {"traceloop.entity.input": '{"args": [1]}', "traceloop.entity.output": "[1, 2]"}
    attributes = [{"key": name, "value": {"stringValue": text}} for name, text in content.items()]
    span = {
        "traceId": "0" * 31 + "7",
        "spanId": "0" * 15 + "7",
        "name": "s",
        "startTimeUnixNano": "1777593600000000000",
    }
    export = {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, "attributes": attributes}]}]}]}
    assert (await client.post("/api/v2/traces", json=export)).status_code == 200
    await ingest(client, flat("t", "text", input="hi", output='{"a": 1}'), flat("t", "json", input=[{"a": 1}]))
    results = (await client.get(LIST, params={"sort_by": "id"})).json()["results"]
    contents = {row["id"]: (row["input"], row["output"]) for row in results}
    assert contents["0" * 15 + "7"] == ('{"args": [1]}', "[1, 2]")
    assert contents["text"] == ("hi", '{"a": 1}')
    assert contents["json"] == ([{"a": 1}], None)
    assert (await client.get(f"/api/request-logs/{'0' * 15}7/")).json()["input"] == {"args": [1]}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"model": "a"}, ["1", "2"]),
        ({"model": {"operator": "not", "value": ["a"]}}, ["3", "4"]),
        ({"total_cost": {"operator": "gte", "value": [0.5]}}, ["2", "3"]),
        ({"is_root_span": {"operator": "", "value": [True]}}, ["1", "4"]),
        ({"metadata__plan": "pro"}, ["2"]),
        ({"status": "failed"}, ["3"]),
        ({"customer_identifier": {"operator": "isnull", "value": [True]}}, ["2", "3", "4"]),
        ({"scores__quality": {"operator": "gt", "value": [0.5]}}, ["2"]),
        ({"any": {"connector": "OR", "filter_params": {"unique_id": "1", "trace_id": "u"}}}, ["1", "4"]),
    ],
)
async def test_filters_are_those_of_spans(client: httpx.AsyncClient, filters: Any, expected: list[str]) -> None:
    await ingest(
        client,
        flat("t", "1", model="a", customer_identifier="c"),
        flat("t", "2", "1", model="a", cost=0.5, metadata={"plan": "pro"}),
        flat("t", "3", "1", model="b", cost=1, status="error"),
        flat("u", "4"),
    )
    for span_id, value in (("1", 0.25), ("2", 0.75)):
        body = {"evaluator_slug": "quality", "numerical_value": value}
        await client.post(f"/api/logs/{span_id}/scores/", json=body)
    assert await matching(client, filters) == expected


async def test_windows_and_named_values_narrow_too(client: httpx.AsyncClient) -> None:
    for hour in range(6):
        at = {"start_time": f"2026-01-01T{hour:02}:00:00Z", "environment": "prod" if hour % 2 else "test"}
        await ingest(client, flat(f"t{hour}", f"{hour}", log_type="chat" if hour > 2 else "tool", **at))
    assert await matching(client, {}) == ["0", "1", "2", "3", "4", "5"]
    assert await matching(client, {}, start_time="2026-01-01T02:00:00Z", end_time="2026-01-01T04:00:00Z") == ["2", "3"]
    assert await matching(client, {}, environment="prod", log_type="chat") == ["3", "5"]
    newest = (await client.get(LIST, params={"page_size": "2"})).json()
    assert [span["id"] for span in newest["results"]] == ["5", "4"]
    assert (await client.get(newest["next"])).json()["results"][0]["id"] == "3"
    assert (await client.get(LIST, params={"page": "99"})).json()["results"] == []


async def test_a_query_may_name_the_value_of_any_field(client: httpx.AsyncClient) -> None:
    await ingest(client, flat("t", "1", model="a", metadata={"k": "v"}), flat("t", "2", "1", model="b"))
    for query in ({"model": "a"}, {"metadata__k": "v"}, {"is_root_span": "true"}, {"model": "a", "colour": "red"}):
        assert await matching(client, {}, **query) == ["1"]
    assert (await client.get(LIST, params={"cost": "much"})).status_code == 400


async def test_a_change_of_a_span_is_seen_and_outlives_a_repeat(client: httpx.AsyncClient) -> None:
    span = flat("t", "s", cost=1, metadata={"a": 1})
    await ingest(client, span)
    change = {"positive_feedback": True, "note": "well", "metadata": {"b": 2}}
    for _ in range(2):
        answer = await client.patch("/api/request-logs/s/", json=change)
        assert answer.status_code == 200, answer.text
        changed = answer.json()
        assert (changed["positive_feedback"], changed["note"], changed["cost"]) == (True, "well", 1)
        assert changed["metadata"] == {"a": 1, "b": 2}
        await ingest(client, {**span, "note": "bad"})
    assert await matching(client, {"note": "well", "positive_feedback": True}) == ["s"]
    assert (await client.patch("/api/request-logs/s/", json={"note": 7})).status_code == 400
    assert (await client.patch("/api/request-logs/nobody/", json=change)).status_code == 404


async def test_a_summary_is_over_spans(client: httpx.AsyncClient) -> None:
    rng = random.Random(1)
    spans = [
        flat(
            f"t{n % 7}",
            f"s{n}",
            f"s{n % 7}" if n >= 7 else None,
            cost=rng.choice([None, rng.randrange(1000) / 1000]),
            latency=rng.choice([0, 0.5, 2]),
            prompt_tokens=rng.randrange(90),
            completion_tokens=rng.randrange(90),
            status=rng.choice(["success", "error"]),
        )
        for n in range(40)
    ]
    await ingest(client, *spans)
    for n in range(0, 40, 3):
        body = {"evaluator_slug": "quality", "numerical_value": n / 8}
        await client.post(f"/api/logs/s{n}/scores/", json=body)
    summary = (await client.get(SUMMARY)).json()
    assert (summary["total_count"], summary["error_count"]) == (40, sum(s["status"] == "error" for s in spans))
    assert (summary["total_requests"], summary["average_latency"]) == (40, summary["avg_latency"])
    assert summary["average_cost"] == pytest.approx(summary["total_cost"] / summary["cost_count"], rel=1e-15)
    assert summary["total_cost"] == float(sum(Decimal(repr(s["cost"])) for s in spans if s["cost"] is not None))
    assert summary["total_tokens"] == sum(s["prompt_tokens"] + s["completion_tokens"] for s in spans)
    assert summary["avg_latency"] == pytest.approx(sum(s["latency"] for s in spans) / 40, rel=1e-15)
    rates = [s["completion_tokens"] / s["latency"] for s in spans if s["latency"] and s["completion_tokens"]]
    assert summary["avg_tps"] == pytest.approx(sum(rates) / len(rates), rel=1e-12)
    quality = summary["scores"]["quality"]
    assert (quality["count"], quality["avg_score"], quality["max_score"]) == (14, sum(range(0, 40, 3)) / 8 / 14, 39 / 8)


async def test_nothing_is_all_zeros(client: httpx.AsyncClient) -> None:
    summary = (await client.post(SUMMARY, json={})).json()
    assert summary.pop("scores") == {}
    assert set(summary.pop("missing").values()) == {0}
    assert set(summary.values()) == {0}


async def test_the_recorded_reads_of_the_old_client_are_answered(client: httpx.AsyncClient) -> None:
    await ingest(client, flat("t", "l1"))
    for number in ("02", "03"):
        record = load(f"respan/respan-ai-2.0.1-logs-{number}.json")
        answer = await client.request(record["method"], record["path"], params=record["query"])
        assert answer.status_code == 200, answer.text


async def test_wrong_questions_are_400_and_strangers_see_nothing(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await ingest(client, flat("t", "s"))
    for query in ({"sort_by": "colour"}, {"page": "0"}, {"page_size": "1001"}, {"start_time": "soon"}):
        assert (await client.get(LIST, params=query)).status_code == 400
    for path in (LIST, SUMMARY):
        answer = await client.post(path, json={"filters": {"span_count": 1}})
        assert answer.status_code == 400
        assert answer.json()["detail"][0]["loc"][:2] == ["body", "filters"]
    assert (await stranger.get(LIST)).json()["count"] == 0
    assert (await stranger.get(SUMMARY)).json()["total_count"] == 0
    assert (await stranger.get("/api/request-logs/s/")).status_code == 404
