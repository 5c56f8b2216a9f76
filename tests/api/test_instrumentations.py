"""What published instrumentations posted, unmodified, gives the figures of the model server's own ledger.

`expected.json` is that ledger: what the server served to each run. Every run is replayed whole, and again shuffled and
doubled, and both endpoints must say what was bought, once.
"""

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.dialects.recorded import CAPTURES

pytestmark = pytest.mark.anyio

HOME = CAPTURES / "instrumentations"
LEDGER: dict[str, dict[str, Any]] = json.loads((HOME / "expected.json").read_text())
FLAT = {"exp_agents"}

# By (instrumentation, run) the cost where cached tokens cost what other input does, as the client never sends them.
NEVER_SENT = {
    ("vercel5_json", "v5resp"): "0.000084",
    ("vercel5_json", "v5cached"): "0.000312",
    ("respan_agents", "agtool"): "0.000027",
    ("respan_agents", "agchat"): "0.000027",
}
# The client also sends the calls as a second trace of its own, which nothing ties to the first.
SENT_AS_TWO_TRACES = {("respan_agents", "agboth")}


def requests(instrumentation: str) -> list[Path]:
    return sorted((HOME / instrumentation).iterdir())


async def replay(client: httpx.AsyncClient, instrumentation: str, paths: Iterable[Path]) -> None:
    path = "/api/v1/traces/ingest" if instrumentation in FLAT else "/api/v1/traces"
    for request in paths:
        kind = "application/x-protobuf" if request.suffix == ".pb" else "application/json"
        answer = await client.post(path, content=request.read_bytes(), headers={"Content-Type": kind})
        assert answer.status_code == 200, (request.name, answer.text)


def shuffled_and_doubled(paths: list[Path], seed: int) -> list[Path]:
    twice = paths * 2
    random.Random(seed).shuffle(twice)
    return twice


@pytest.mark.parametrize("order", ["whole", "shuffled and doubled"])
@pytest.mark.parametrize("instrumentation", LEDGER)
async def test_every_run_gives_the_ledgers_figures_at_both_endpoints(
    client: httpx.AsyncClient, instrumentation: str, order: str
) -> None:
    paths = requests(instrumentation)
    await replay(client, instrumentation, paths if order == "whole" else shuffled_and_doubled(paths, seed=len(paths)))
    wrong = {}
    for experiment, bought in LEDGER[instrumentation].items():
        right = expected(instrumentation, experiment, bought)
        by_endpoint = {"summary": await summary(client, experiment), "stats": await stats(client, experiment)}
        for endpoint, figures in by_endpoint.items():
            if figures != pytest.approx(right, rel=1e-9, abs=1e-12):
                wrong[experiment, endpoint] = {"found": figures, "right": right}
    assert wrong == {}


def expected(instrumentation: str, experiment: str, bought: dict[str, Any]) -> dict[str, float]:
    run = instrumentation, experiment.rpartition("-")[0]
    times = 2 if run in SENT_AS_TWO_TRACES else 1
    cost = float(NEVER_SENT.get(run, bought["cost"]))
    return {"input": bought["input_tokens"] * times, "output": bought["output_tokens"] * times, "cost": cost * times}


async def summary(client: httpx.AsyncClient, experiment: str) -> dict[str, float]:
    content = (await client.get(f"/api/v2/experiments/{experiment}/logs/summary/")).json()
    names = {"input": "total_prompt_tokens", "output": "total_completion_tokens", "cost": "total_cost"}
    return {name: content[key] for name, key in names.items()}


async def stats(client: httpx.AsyncClient, experiment: str) -> dict[str, float]:
    entries = (await client.get(f"/api/parea/v1/experiment/{experiment}/stats")).json()["parent_trace_stats"]
    names = {"input": "input_tokens", "output": "output_tokens", "cost": "cost"}
    return {name: sum(entry[key] or 0 for entry in entries) for name, key in names.items()}
