"""Runs of the vendors' clients pair by themselves: by what each of them sends as the input of its roots."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.dialects.recorded import load

from .test_replay import API
from .test_stats_compare import PATH

pytestmark = pytest.mark.anyio
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def as_run(requests: list[Any], recorded_id: str, run: str) -> Iterator[Any]:
    """The recorded logs as those of another run: with ids of its own."""
    for request in requests:
        text = json.dumps(request["body"]).replace(recorded_id, run)
        yield {**request, "body": UUID.sub(lambda match: own_id(match[0], run), text)}


def own_id(recorded: str, run: str) -> str:

    return recorded if recorded == run else str(uuid.uuid5(uuid.UUID(run), recorded))


async def parea_run(client: httpx.AsyncClient, name: str) -> str:
    """The recorded run of the Parea SDK, told again as one of this name; its id."""
    recorded = load("parea/python_sdk_run.json")
    (recorded_id,) = load("parea/expected_stats.json")["experiments"]
    project = (await client.post(f"{API}/project", json=recorded[0]["body"])).json()
    experiment = {**recorded[1]["body"], "project_uuid": project["uuid"], "run_name": name}
    run: str = (await client.post(f"{API}/experiment", json=experiment)).json()["uuid"]
    logs = [r for r in recorded if r["path"] == f"{API}/trace_log" and r["method"] in ("POST", "PUT")]
    for request in as_run(logs, recorded_id, run):
        answer = await client.request(request["method"], request["path"], content=request["body"])
        assert answer.status_code == 200, answer.text
    end = next(r for r in recorded if r["path"].endswith("/finished"))
    assert (await client.post(f"{API}/experiment/{run}/finished", json=end["body"])).status_code == 200
    return run


async def compared(client: httpx.AsyncClient, base: str, candidate: str) -> dict[str, Any]:
    answer = await client.post(PATH, json={"base": base, "candidates": [candidate]})
    assert answer.status_code == 200, answer.text
    comparison: dict[str, Any] = answer.json()
    return comparison


async def test_two_runs_of_the_parea_sdk_pair_by_their_inputs(client: httpx.AsyncClient) -> None:
    one, other = await parea_run(client, "one"), await parea_run(client, "other")
    ((_, expected),) = load("parea/expected_stats.json")["experiments"].items()
    stats = expected["stats"]["parent_trace_stats"]
    comparison = await compared(client, one, other)
    (candidate,) = comparison["candidates"]
    listed = (await client.post(f"/api/v2/experiments/{one}/logs/list/", json={"page_size": 100})).json()["results"]
    keys = [log["comparison_key"] for log in listed if log["comparison_key"]]
    # Each case was run twice: the trials of an item have one key.
    assert len(keys) > len(set(keys)) >= 4
    pairing = candidate["pairing"]
    assert (pairing["by"], pairing["both"], pairing["only_base"], pairing["only_candidate"]) == (
        "input",
        len(set(keys)),
        0,
        0,
    )
    assert (pairing["most_repeats"], pairing["targets_differ"], pairing["unequal_repeats"]) == ([2, 2], 0, 0)
    assert comparison["base"]["traces"] == candidate["traces"] == len(stats)
    for name, measure in candidate["measures"].items():
        assert measure["base"] == measure["candidate"], name
        if measure["paired"] is not None and measure["paired"]["items"] > 1:
            assert (measure["paired"]["difference"], measure["paired"]["p_value"]) == (0, 1), name
    assert measure["base"]["mean"] is not None
    assert "unfinished" not in {warning["code"] for warning in comparison["warnings"]}


def workflow(run: str, number: int, arguments: str, latency_s: int) -> dict[str, Any]:
    """A root as respan-tracing and Traceloop's SDK send a workflow."""
    attributes = {
        "traceloop.span.kind": "workflow",
        "traceloop.entity.input": arguments,
        "traceloop.entity.output": '"done"',
        "respan.metadata.experiment_id": run,
    }
    return {
        "traceId": f"{run.encode().hex()}{number:016x}",
        "spanId": f"{number + 1:016x}",
        "name": "answer.workflow",
        "startTimeUnixNano": str(1_780_000_000_000_000_000),
        "endTimeUnixNano": str(1_780_000_000_000_000_000 + latency_s * 10**9),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
    }


async def test_two_runs_of_workflows_pair_by_their_arguments(client: httpx.AsyncClient) -> None:
    arguments = [json.dumps({"args": [f"question {n}"], "kwargs": {"tone": "short"}}) for n in range(40)]
    # Spaces and the order of keys say nothing; without arguments there is no item.
    again = [json.dumps({"kwargs": {"tone": "short"}, "args": [f"question {n}"]}, indent=1) for n in range(40)]
    nothing = json.dumps({"args": [], "kwargs": {}})
    for run, inputs, latency_s in (("aaaaaaaa", arguments, 1), ("bbbbbbbb", again, 2)):
        spans = [workflow(run, n, text, latency_s) for n, text in enumerate([*inputs, nothing])]
        body = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "x"}, "spans": spans}]}]}
        assert (await client.post("/api/v2/traces", json=body)).status_code == 200
    comparison = await compared(client, "aaaaaaaa", "bbbbbbbb")
    (candidate,) = comparison["candidates"]
    assert (candidate["pairing"]["by"], candidate["pairing"]["both"]) == ("input", 40)
    assert (comparison["base"]["traces"], comparison["base"]["without_key"]) == (41, 1)
    latency = candidate["measures"]["latency"]["paired"]
    assert (latency["difference"], latency["worsened"], latency["verdict"]) == (1, 40, "worse")
