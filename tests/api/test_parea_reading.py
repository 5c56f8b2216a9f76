"""What Parea's SDKs read back: the recorded run, as its own reader needs it."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any

import httpx
import pytest

from tests.dialects.parea.readable import assert_readable, walk

from .conftest import MakeClient
from .parea_world import API, Recording, recorded, replay
from .test_replay import replay_respan

pytestmark = pytest.mark.anyio

ROOT = "a7ff3914-e9a8-4ccc-bb69-b1ff1a7277d7"


@pytest.fixture
async def run(client: httpx.AsyncClient) -> Recording:
    return await replay(client)


NOTHING = {
    **dict.fromkeys(
        ("latency", "input_tokens", "output_tokens", "total_tokens", "cost", "depth", "execution_order"), 0
    ),
    "cache_hit": False,
}
"""What is read where nothing, or an empty value, was sent; null for other fields."""


def sent_logs() -> dict[str, dict[str, Any]]:
    """The logs of the recorded experiment by id."""
    return {r["body"]["trace_id"]: r["body"] for r in recorded() if r["path"] == f"{API}/trace_log" and r["seq"] < 96}


async def stats_of(run: Recording) -> list[dict[str, Any]]:
    answer = await run.client.get(f"{API}/experiment/{run.experiment}/stats")
    entries: list[dict[str, Any]] = answer.json()["parent_trace_stats"]
    return entries


async def test_the_recorded_lists_hold_the_experiment_with_the_means_of_its_stats(run: Recording) -> None:
    (of_project,), (by_id,) = await run.answer(97), await run.answer(98)
    assert of_project == by_id
    request_body = recorded()[1]["body"]
    assert (by_id["uuid"], by_id["project_uuid"]) == (run.experiment, run.project)
    assert {n: by_id[n] for n in ("name", "run_name", "metadata")} == {
        n: request_body[n] for n in ("name", "run_name", "metadata")
    }
    assert (by_id["status"], by_id["is_public"], by_id["num_samples"]) == ("failed", False, 10)
    entries = await stats_of(run)
    scores: dict[str, list[float]] = {}
    for score in (score for entry in entries for score in entry["scores"]):
        scores.setdefault(score["name"], []).append(score["score"])
    expected = {name: fmean(values) for name, values in scores.items()} | {
        "Cost": fmean(e["cost"] for e in entries),
        "Total Tokens": fmean(e["total_tokens"] for e in entries),
        "Output Tokens": fmean(e["output_tokens"] for e in entries),
        "Input Tokens": fmean(e["input_tokens"] for e in entries),
        "Latency": fmean(e["latency"] for e in entries),
    }
    means = {s["var1"]: s["value"] for s in by_id["pinned_stats"] if s["operation"] == "mean"}
    assert list(means) == [*sorted(scores), "Cost", "Total Tokens", "Output Tokens", "Input Tokens", "Latency"]
    assert means == pytest.approx(expected, abs=1e-9)
    custom = [(s["var1"], s["value"], s["var2"]) for s in by_id["pinned_stats"] if s["operation"] == "custom"]
    assert custom == [("ds_level", 10.0, None), ("ds2", 0.5, None)]


async def test_the_recorded_filter_leaves_the_two_failed_roots_of_ten(run: Recording) -> None:
    trees = await run.answer(99)
    assert [tree["status"] for tree in trees] == ["error", "error"]
    assert all(tree["error"] for tree in trees)
    path = f"{API}/experiment/{run.experiment}/trace_logs"
    for empty in (b"", b"null", b"{}"):
        answer = await run.client.post(path, content=empty)
        assert [tree["trace_id"] for tree in answer.json()] == [entry["trace_id"] for entry in await stats_of(run)]


async def test_filters_find_the_roots_that_the_logs_themselves_say(run: Recording) -> None:
    """Each condition against the same one in plain Python, over what was sent."""
    roots = [log for log in sent_logs().values() if log["trace_id"] == log["root_trace_id"]]
    entries = {entry["trace_id"]: entry for entry in await stats_of(run)}
    roots = [log for log in roots if log["trace_id"] in entries]

    def judged(log: dict[str, Any]) -> list[float]:
        return [s["score"] for s in entries[log["trace_id"]]["scores"] if s["name"] == "exact"]

    cases: list[tuple[tuple[Any, ...], Any]] = [
        (("error", None, "is_null", None), lambda log: log["error"] is None),
        (("inputs", "question", "equals", "q1"), lambda log: log["inputs"]["question"] == "q1"),
        (("inputs", "question", "in", "q1, q2"), lambda log: log["inputs"]["question"] in ("q1", "q2")),
        (("inputs", "n", "greater_than", "2"), lambda log: log["inputs"]["n"] > 2),
        (("inputs", "absent", "not_equals", "x"), lambda log: True),
        (("metadata", "late", "exists", None), lambda log: "late" in (log["metadata"] or {})),
        (("score:exact", None, "less_than", "0.5"), lambda log: any(value < 0.5 for value in judged(log))),
        (("exact", None, "equals", "1.0"), lambda log: 1.0 in judged(log)),
        (("score:exact", None, "is_null", None), lambda log: not judged(log)),
        (("target", None, "not_equals", "nope"), lambda log: log["target"] != "nope"),
        (("trace_name", None, "like", "AI"), lambda log: "ai" in log["trace_name"].lower()),
        (("latency", None, "between", "0.035, 0.05"), lambda log: 0.035 <= log["latency"] <= 0.05),
        (("total_tokens", None, "greater_than", "0"), lambda log: log["total_tokens"] > 0),
        (("annotation:a:b", None, "exists", None), lambda log: False),
        (("never scored", None, "equals", "1"), lambda log: False),
    ]
    keys = ("filter_field", "filter_key", "filter_operator", "filter_value")
    wrong = {}
    for case, holds in cases:
        body = dict(zip(keys, case, strict=True))
        answer = await run.client.post(f"{API}/experiment/{run.experiment}/trace_logs", json=body)
        root_ids = {tree["trace_id"] for tree in answer.json()}
        if root_ids != {log["trace_id"] for log in roots if holds(log)}:
            wrong[case] = root_ids
    assert wrong == {}


async def test_every_recorded_log_stands_once_in_its_roots_tree_with_its_own_numbers(run: Recording) -> None:
    logs_as_sent = {log_id: run.as_sent(log) for log_id, log in sent_logs().items()}
    answer = await run.client.post(f"{API}/experiment/{run.experiment}/trace_logs", json={})
    every = [log for tree in answer.json() for log, _ in walk(tree)]
    in_experiment = {
        i for i, log in logs_as_sent.items() if log["root_trace_id"] in {t["trace_id"] for t in answer.json()}
    }
    assert Counter(log["trace_id"] for log in every) == Counter(in_experiment)
    same: tuple[str, ...] = (
        "parent_trace_id",
        "root_trace_id",
        "start_timestamp",
        "end_timestamp",
        "inputs",
        "output",
        "target",
        "error",
    )
    same += ("latency", "time_to_first_token", "input_tokens", "output_tokens", "total_tokens", "cost", "status")
    same += ("trace_name", "depth", "execution_order", "session_id", "end_user_identifier", "cache_hit", "metadata")
    for log in every:
        as_sent = logs_as_sent[log["trace_id"]]
        assert {name: log[name] for name in same} == {name: as_sent[name] or NOTHING.get(name) for name in same}
        assert [(s["name"], s["score"], s["reason"]) for s in log["scores"]] == [
            (s["name"], s["score"], s["reason"]) for s in as_sent["scores"]
        ]
        assert set(log["children"]) >= set(as_sent["children"])
        assert log["project_uuid"] == run.project
        assert log["experiment_uuid"] in (run.experiment, None)


async def test_trees_obey_every_rule_of_their_readers(run: Recording) -> None:
    answer = await run.client.post(f"{API}/experiment/{run.experiment}/trace_logs", json={})
    for tree in answer.json():
        assert_readable(tree)
        assert tree["parent_trace_id"] == tree["trace_id"] == tree["root_trace_id"]
        for log, depth in walk(tree):
            assert log["depth"] == depth
            order = [(c["execution_order"], c["start_timestamp"]) for c in log["children_logs"]]
            assert order == sorted(order)
            assert all(c["parent_trace_id"] == log["trace_id"] for c in log["children_logs"])


async def test_a_log_is_read_with_what_is_below_it_root_or_not(run: Recording) -> None:
    whole = await run.answer(100)
    assert whole["trace_id"] == ROOT
    assert len(walk(whole)) == 8
    for log, _ in walk(whole):
        answer = await run.client.get(f"{API}/trace_log/{log['trace_id']}")
        assert answer.json() == log
    missing = await run.client.get(f"{API}/trace_log/nowhere")
    assert (missing.status_code, missing.json()) == (404, {"detail": "Log not found"})


async def test_feedback_stands_beside_the_scores_and_the_last_word_counts(run: Recording) -> None:
    before = await stats_of(run)
    assert await run.answer(102) is None
    log = await run.answer(101)
    assert (log["feedback_score"], log["target"]) == (0.9, sent_logs()[ROOT]["target"])
    assert [(c["comment"], c["user_id"]) for c in log["comments"]] == [("cc", "fb")]
    await run.client.post(f"{API}/feedback", json={"score": 0.25, "trace_id": ROOT})
    log = await run.answer(101)
    assert (log["feedback_score"], log["comments"]) == (0.25, [])
    assert_readable(log)
    assert await stats_of(run) == before


async def test_feedback_may_come_first_and_its_target_fills_in_only_what_is_missing(client: httpx.AsyncClient) -> None:
    for log_id in ("with", "without"):
        feedback = {"score": 1, "inference_id": log_id, "target": "from feedback"}
        assert (await client.post(f"{API}/feedback", json=feedback)).json() is None
        assert (await client.get(f"{API}/trace_log/{log_id}")).status_code == 404
        log = {"trace_id": log_id, "start_timestamp": "2026-01-01", "target": "own" if log_id == "with" else None}
        await client.post(f"{API}/trace_log", json=log)
    logs = [(await client.get(f"{API}/trace_log/{log_id}")).json() for log_id in ("with", "without")]
    assert [log["target"] for log in logs] == ["own", "from feedback"]
    assert [log["feedback_score"] for log in logs] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"score": 0.5}, "trace_id"),
        ({"score": 0.5, "trace_id": "", "inference_id": None}, "trace_id"),
        ({"trace_id": "a"}, "score"),
        ({"score": 1.5, "trace_id": "a"}, "score"),
        ({"score": -0.1, "trace_id": "a"}, "score"),
        ({"score": "much", "trace_id": "a"}, "score"),
        ({"score": 0.5, "trace_id": "a\0"}, "trace_id"),
    ],
)
async def test_feedback_without_a_log_or_a_score_is_refused(client: httpx.AsyncClient, body: Any, where: str) -> None:
    answer = await client.post(f"{API}/feedback", json=body)
    assert answer.status_code == 422
    assert [problem["loc"] for problem in answer.json()["detail"]] == [["body", where]]


async def test_the_recorded_page_and_the_walk_to_the_end_hold_every_root_once(run: Recording) -> None:
    page = await run.answer(103)
    assert {k: page[k] for k in ("total", "page", "total_pages", "page_size")} == {
        "total": len(page["results"]),
        "page": 1,
        "total_pages": 1,
        "page_size": 20,
    }
    starts = [tree["start_timestamp"] for tree in page["results"]]
    assert starts == sorted(starts, reverse=True)
    assert {tree["trace_id"] for tree in page["results"]} >= {entry["trace_id"] for entry in await stats_of(run)}
    walked: list[Any] = []
    for number in range(1, 6):
        body = {"project_name": "capture-project", "page": number, "page_size": 4}
        answer = (await run.client.post(f"{API}/get_trace_logs", json=body)).json()
        assert (answer["total"], answer["total_pages"]) == (page["total"], -(-page["total"] // 4))
        walked += answer["results"]
    assert walked == page["results"]
    assert answer["results"] == []


async def test_pages_are_narrowed_by_status_time_and_condition(run: Recording) -> None:
    async def total(**fields: Any) -> int:
        answer = await run.client.post(f"{API}/get_trace_logs", json={"project_name": "capture-project", **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()["total"]

    judged = sum(any(s["name"] == "judge" and s["score"] > 0.7 for s in e["scores"]) for e in await stats_of(run))
    everything = await total()
    assert await total(status="error") == 2
    assert await total(status="success") == everything - 2
    assert await total(status="other") == 0
    assert await total(filter_field="score:judge", filter_operator="greater_than", filter_value="0.7") == judged
    assert await total(project_name="another") == 0
    log = {"trace_id": "recent", "project_name": "by name"}
    for days, log_id in ((0, "now"), (20, "weeks ago"), (400, "last year")):
        await run.client.post(f"{API}/trace_log", json={**log, "trace_id": log_id, "start_timestamp": ago(days)})
    totals = {word: await total(project_name="by name", time_range=word) for word in ("na", "1h", "7d", "1m", "1y")}
    assert totals == {"na": 3, "1h": 1, "7d": 1, "1m": 2, "1y": 2}


def ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days, minutes=5)).isoformat()


async def test_an_update_is_seen_in_the_tree(client: httpx.AsyncClient) -> None:
    run = await replay(client, until=104)
    before = await stats_of(run)
    assert await run.answer(111) is None
    log = await run.answer(100)
    assert (log["output"], log["metadata"]) == ("new", {"z": "2"})
    assert await stats_of(run) == before


async def test_a_trace_that_names_no_project_belongs_to_that_of_its_experiment(client: httpx.AsyncClient) -> None:
    ids = [(await client.post(f"{API}/project", json={"name": name})).json()["uuid"] for name in ("one", "two")]
    experiment = await client.post(f"{API}/experiment", json={"name": "e", "project_uuid": ids[0]})
    log = {"start_timestamp": "2026-01-01", "experiment_uuid": experiment.json()["uuid"]}
    for log_id, project in (("a", {}), ("b", {"project_uuid": ids[1]}), ("c", {"project_name": "two"}), ("d", {})):
        body = {**log, "trace_id": log_id, **project} | ({"experiment_uuid": None} if log_id == "d" else {})
        assert (await client.post(f"{API}/trace_log", json=body)).status_code == 200
    by_project = {}
    for name in ("one", "two", "three"):
        page = (await client.post(f"{API}/get_trace_logs", json={"project_name": name})).json()
        by_project[name] = {tree["trace_id"] for tree in page["results"]}
    assert by_project == {"one": {"a"}, "two": {"b", "c"}, "three": set()}


async def test_logs_outside_of_experiments_are_traces_of_their_project(run: Recording) -> None:
    before = (await run.answer(103))["total"]
    for seq in (106, 107, 109):
        assert await run.answer(seq) is None
    page = await run.answer(103)
    assert page["total"] == before + 2
    call, function = page["results"][:2]
    assert (call["trace_name"], call["experiment_uuid"], call["children_logs"]) == ("llm-openai", None, [])
    assert [child["trace_name"] for child in function["children_logs"]] == ["llm-openai"]
    assert len(function["children"]) == 2, "one of them never came"


async def test_what_the_service_does_not_do_is_said(run: Recording) -> None:
    for seq in (105, 110):
        response = await run.send(next(r for r in recorded() if r["seq"] == seq))
        assert response.status_code == 501
        assert isinstance(response.json()["detail"], str)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("experiment/{e}/trace_logs", {"filter_field": "latency", "filter_operator": "resembles"}, 422),
        ("experiment/{e}/trace_logs", {"filter_field": ["latency"], "filter_operator": "equals"}, 422),
        (
            "experiment/{e}/trace_logs",
            {"filter_field": "latency", "filter_operator": "equals", "filter_value": "x"},
            400,
        ),
        ("experiment/nobody/trace_logs", {}, 404),
        ("experiments", {"experiment_uuids": "e"}, 422),
        ("experiments", [], 422),
        ("experiments", {"experiment_uuids": ["e"] * 1001}, 422),
        ("experiments", {"metadata_filter": {str(n): "" for n in range(101)}}, 422),
        ("get_trace_logs", {}, 422),
        ("get_trace_logs", {"project_name": "p", "page": 0}, 422),
        ("get_trace_logs", {"project_name": "p", "page_size": 100_001}, 422),
        ("get_trace_logs", {"project_name": "p", "time_range": "2h"}, 422),
        ("get_trace_logs", {"project_name": "p", "page": 2**31 - 1, "page_size": 100_000}, 200),
    ],
)
async def test_wrong_questions_are_refused_in_the_shapes_of_the_dialect(
    client: httpx.AsyncClient, path: str, body: Any, status: int
) -> None:
    await client.post(
        f"{API}/trace_log", json={"trace_id": "a", "start_timestamp": "2026-01-01", "experiment_uuid": "e"}
    )
    answer = await client.post(f"{API}/{path.format(e='e')}", json=body)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert all(problem.keys() == {"loc", "msg", "type"} for problem in answer.json()["detail"])
    elif status != 200:
        assert isinstance(answer.json()["detail"], str)


READS = ("experiments", "experiment/e/trace_logs", "get_trace_logs")
WRITES = ("feedback", "collection", "testcases", "update_test_case/1/1")


async def test_a_key_does_only_what_its_scope_allows(make_client: MakeClient) -> None:
    reader, writer = await make_client(scope="read"), await make_client(scope="ingest")
    for client, paths in ((writer, READS), (reader, WRITES)):
        for path in paths:
            assert (await client.post(f"{API}/{path}", json={})).status_code == 403
    for path in ("trace_log/t", "collection/d"):
        assert (await writer.get(f"{API}/{path}")).status_code == 403
    for client, paths in ((reader, READS), (writer, WRITES)):
        for path in paths:
            assert (await client.post(f"{API}/{path}", json={})).status_code in (200, 404, 422)


async def test_tenants_read_only_their_own(make_client: MakeClient) -> None:
    mine, theirs = await make_client("mine"), await make_client("theirs")
    run = await replay(mine)
    assert (await theirs.post(f"{API}/experiments", json={})).json() == []
    assert (await theirs.post(f"{API}/experiments", json={"experiment_uuids": [run.experiment]})).json() == []
    assert (await theirs.post(f"{API}/experiment/{run.experiment}/trace_logs", json={})).status_code == 404
    assert (await theirs.get(f"{API}/trace_log/{ROOT}")).status_code == 404
    page = await theirs.post(f"{API}/get_trace_logs", json={"project_name": "capture-project"})
    assert page.json()["results"] == []
    await theirs.post(f"{API}/feedback", json={"score": 0, "trace_id": ROOT})
    assert (await run.answer(100))["feedback_score"] is None


async def test_spans_of_other_dialects_are_read_as_logs(client: httpx.AsyncClient) -> None:
    span = {"trace_unique_id": "t", "timestamp": "2026-01-01T00:00:01Z", "start_time": "2026-01-01T00:00:00Z"}
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": []}]
    spans: list[dict[str, Any]] = [
        {
            **span,
            "span_unique_id": "r",
            "span_name": "root",
            "input": "text",
            "output": {"a": 1},
            "customer_identifier": "c",
        },
        {
            **span,
            "span_unique_id": "c",
            "span_parent_id": "r",
            "model": "gpt-4o",
            "input": messages,
            "log_type": "chat",
        },
        {
            **span,
            "span_unique_id": "d",
            "span_parent_id": "c",
            "input": [1],
            "status": "error",
            "error_message": "boom",
        },
    ]
    for body in spans:
        body["metadata"] = {"experiment_id": "e"}
    random.Random(1).shuffle(spans)
    assert (await client.post("/api/v1/traces/ingest", json=spans)).status_code == 200
    (tree,) = (await client.post(f"{API}/experiment/e/trace_logs", json={})).json()
    assert_readable(tree)
    (entry,) = (await client.get(f"{API}/experiment/e/stats")).json()["parent_trace_stats"]
    assert tree["trace_id"] == tree["parent_trace_id"] == tree["root_trace_id"] == entry["trace_id"] == "t"
    ((child, _), (grandchild, _)) = walk(tree)[1:]
    assert (child["trace_id"], child["parent_trace_id"], child["root_trace_id"]) == ("c", "t", "t")
    assert (grandchild["trace_id"], grandchild["parent_trace_id"], grandchild["depth"]) == ("d", "c", 2)
    assert (tree["inputs"], tree["output"], tree["end_user_identifier"]) == ({"input": "text"}, '{"a":1}', "c")
    assert child["configuration"]["model"] == "gpt-4o"
    assert [m["role"] for m in child["configuration"]["messages"]] == ["user", "assistant"]
    assert (grandchild["inputs"], grandchild["error"]) == ({"input": [1]}, "boom")
    for log_id in ("t", "r"):
        assert (await client.get(f"{API}/trace_log/{log_id}")).json() == tree
        assert (await client.post(f"{API}/feedback", json={"score": 0.5, "trace_id": log_id})).status_code == 200
        tree["feedback_score"] = 0.5
    await client.post(f"{API}/feedback", json={"score": 0.75, "trace_id": "c"})
    child["feedback_score"] = 0.75
    assert (await client.get(f"{API}/trace_log/c")).json() == child
    (listed,) = (await client.post(f"{API}/experiments", json={"experiment_name_filter": "e"})).json()
    assert (listed["name"], listed["run_name"], listed["status"], listed["num_samples"]) == ("e", "", "running", 1)


async def test_recorded_traces_of_other_clients_are_read_as_trees(client: httpx.AsyncClient) -> None:
    await replay_respan(client, 4)
    for experiment in ("exp_1", "exp_123"):
        trees = (await client.post(f"{API}/experiment/{experiment}/trace_logs", json={})).json()
        entries = (await client.get(f"{API}/experiment/{experiment}/stats")).json()["parent_trace_stats"]
        assert [tree["trace_id"] for tree in trees] == [entry["trace_id"] for entry in entries]
        for tree, entry in zip(trees, entries, strict=True):
            assert_readable(tree)
            logs = [log for log, _ in walk(tree)]
            assert sum(log["total_tokens"] or 0 for log in logs) == entry["total_tokens"]
            assert sum(log["cost"] or 0 for log in logs) == pytest.approx(entry["cost"] or 0, abs=1e-12)
            assert {log["root_trace_id"] for log in logs} == {tree["trace_id"]}
            assert (await client.get(f"{API}/trace_log/{tree['trace_id']}")).json() == tree
