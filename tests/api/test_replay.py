"""Recorded traffic of real clients, replayed in any order and twice, adds up to what was computed from it apart."""

import json
import random
from typing import Any

import httpx
import pytest

from tests.dialects.recorded import CAPTURES, load, respan

pytestmark = pytest.mark.anyio

API = "/api/parea/v1"


def shuffled(requests: list[Any], seed: int) -> list[Any]:
    """All of them twice, in an order of their own."""
    twice = requests * 2
    random.Random(seed).shuffle(twice)
    return twice


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_parea_sdks_run_has_the_stats_that_its_logs_add_up_to(client: httpx.AsyncClient, seed: int) -> None:
    recorded = load("parea/python_sdk_run.json")
    ((recorded_id, expected),) = load("parea/expected_stats.json")["experiments"].items()
    project = (await client.post(f"{API}/project", json=recorded[0]["body"])).json()
    experiment = {**recorded[1]["body"], "project_uuid": project["uuid"]}
    created = (await client.post(f"{API}/experiment", json=experiment)).json()
    logs = [r for r in recorded if r["path"] == f"{API}/trace_log" and r["method"] in ("POST", "PUT")]
    for request in shuffled(logs, seed):
        body = json.dumps(request["body"]).replace(recorded_id, created["uuid"])
        answer = await client.request(request["method"], request["path"], content=body)
        assert answer.status_code == 200, answer.text
    end = next(r for r in recorded if r["path"].endswith("/finished"))
    answer = await client.post(f"{API}/experiment/{created['uuid']}/finished", json=end["body"])
    stats = answer.json()["parent_trace_stats"]
    assert stats == (await client.get(f"{API}/experiment/{created['uuid']}/stats")).json()["parent_trace_stats"]
    assert [_comparable(e) for e in stats] == [_comparable(e) for e in expected["stats"]["parent_trace_stats"]]


def _comparable(entry: dict[str, Any]) -> dict[str, Any]:
    """Scores in a fixed order; costs to a picodollar."""
    scores = sorted(json.dumps(score, sort_keys=True) for score in entry["scores"])
    return {**entry, "cost": round(entry["cost"], 12), "scores": scores}


INTAKE = ("/traces", "/traces/ingest")


async def replay_respan(client: httpx.AsyncClient, seed: int) -> None:
    """Every recorded intake of OTLP or flat batches, byte for byte where the bytes are kept."""
    for name in shuffled(sorted(path.name for path in (CAPTURES / "respan").glob("*.json")), seed):
        record = load(f"respan/{name}")
        if not record.get("path", "").endswith(INTAKE):
            continue
        kind = {k: v for k, v in record["headers"].items() if k.lower() == "content-type"}
        answer = await client.post(record["path"], content=respan(name), headers=kind)
        assert answer.status_code == 200, (name, answer.text)


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_respan_clients_traces_have_the_summary_that_they_add_up_to(
    client: httpx.AsyncClient, seed: int
) -> None:
    await replay_respan(client, seed)
    expected = load("respan/expected_traces.json")
    replayed = {"create-trace-otlp", "create-trace-legacy", "protobuf-01", "protobuf-gzip-01", "workflow-01"}
    for experiment in ("exp_1", "exp_123"):
        traces = [
            t
            for t in expected.values()
            if t["experiment_id"] == experiment and any(part in t["files"][0] for part in replayed)
        ]
        summary = (await client.get(f"/api/v2/experiments/{experiment}/logs/summary/")).json()
        assert summary["total_count"] == summary["number_of_requests"] == len(traces) > 0
        for kind in ("total_tokens", "prompt_tokens", "completion_tokens"):
            assert summary[f"total_{kind.removeprefix('total_')}"] == sum(t[kind] for t in traces)
        mean = sum(t["root_latency_s"] for t in traces) / len(traces)
        assert summary["avg_latency"] == pytest.approx(mean, abs=1e-6)
        assert summary["error_count"] == sum(t["status"] == "error" for t in traces)


async def test_the_recorded_summaries_are_answered(client: httpx.AsyncClient) -> None:
    await replay_respan(client, 3)
    counts = {}
    for name in ("0.1.47-summary-nobody-01", "0.1.47-summary-filters-01", "0.1.16-summary-get-01"):
        record = load(f"respan/respan-api-{name}.json")
        content = None if record["body"] is None else json.dumps(record["body"])
        answer = await client.request(record["method"], record["path"], params=record["query"], content=content)
        assert answer.status_code == 200, answer.text
        counts[name] = answer.json()["total_count"]
    # The window begins at the start of one trace, without a cost, and after that of the one with a cost.
    assert list(counts.values()) == [4, 0, 1]
