"""A read that starts after the answer to a write sees that write, however many writes shared its commit."""

import asyncio

import httpx
import pytest

pytestmark = pytest.mark.anyio
RUNS, ROWS = 5, 40


def logs(run: int) -> list[dict[str, object]]:
    """A run's spans in the order in which the SDK posts them: children and evaluations around their root."""
    bodies = []
    for row in range(ROWS):
        root = f"run{run}-row{row}"
        common = {"experiment_uuid": f"run{run}", "root_trace_id": root, "start_timestamp": "2026-01-01T00:00:00Z"}
        bodies.append({**common, "trace_id": f"{root}-llm", "parent_trace_id": root, "input_tokens": 3, "cost": 0.5})
        bodies.append({**common, "trace_id": root, "parent_trace_id": root, "scores": [{"name": "exact", "score": 1}]})
        bodies.append({**common, "trace_id": f"{root}-judge", "parent_trace_id": root, "output_tokens": 2})
    return bodies


async def test_stats_right_after_the_last_answer_of_a_run_are_complete(client: httpx.AsyncClient) -> None:
    for run in range(RUNS):
        answers = await asyncio.gather(*(client.post("/api/parea/v1/trace_log", json=log) for log in logs(run)))
        assert {answer.status_code for answer in answers} == {200}
        entries = (await client.get(f"/api/parea/v1/experiment/run{run}/stats")).json()["parent_trace_stats"]
        assert len(entries) == ROWS
        assert {(e["input_tokens"], e["output_tokens"], e["cost"], len(e["scores"])) for e in entries} == {
            (3, 2, 0.5, 1)
        }
        summary = (await client.get(f"/api/v2/experiments/run{run}/logs/summary/")).json()
        assert (summary["total_count"], summary["total_cost"]) == (ROWS, 0.5 * ROWS)
