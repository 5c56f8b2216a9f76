# /// script
# dependencies = ["respan-api==0.1.16"]
# ///
"""Respan's REST client of the generation before, which reads plain objects and gives its key with every call."""

import uuid
from datetime import UTC, datetime, timedelta

from checks import Checks
from expected import KEY, URL
from respan import RespanClient
from respan.core.api_error import ApiError
from respan.spans import CreateSpanRequestUsage

KEYED = {"authorization": f"Bearer {KEY}"}
START = datetime(2026, 6, 1, 12, tzinfo=UTC)
WINDOW = {"start_time": "2026-06-01T00:00:00Z", "end_time": "2026-06-02"}


def main() -> None:
    checks, client = Checks(), RespanClient(base_url=URL)
    experiment_id = f"older-{uuid.uuid4()}"
    ids = fill(checks, client, experiment_id)
    summarize(checks, client, experiment_id)
    read(checks, client, experiment_id, ids)
    score(checks, client, experiment_id, ids)
    create(checks, client)
    checks.finish()


def fill(checks: Checks, client: RespanClient, experiment_id: str) -> list[str]:
    """Four spans, each a trace of its own; the ids of the spans."""
    made = [
        client.spans.create_span(
            **KEYED,
            model="gpt-4o",
            log_type="chat",
            usage=CreateSpanRequestUsage(prompt_tokens=100, completion_tokens=50),
            cost=n / 4,
            latency=n,
            timestamp=START + timedelta(minutes=n),
            metadata={"experiment_id": experiment_id, "n": n},
        )
        for n in range(1, 5)
    ]
    checks.equal("create: costs", [span.cost for span in made], [0.25, 0.5, 0.75, 1])
    ids = [str(span.unique_id) for span in made]
    checks.equal("create: ids of their own", len(set(ids)), 4)
    return ids


def summarize(checks: Checks, client: RespanClient, experiment_id: str) -> None:
    found = client.experiments.get_experiment_spans_summary(experiment_id, **WINDOW, **KEYED)
    expected = {
        "total_count": 4,
        "total_cost": 2.5,
        "total_tokens": 600,
        "total_prompt_tokens": 400,
        "total_completion_tokens": 200,
        "avg_latency": 2.5,
    }
    checks.equal("summary: the first generation's keys", {name: found[name] for name in expected}, expected)
    early = client.experiments.get_experiment_spans_summary(
        experiment_id, start_time="2026-06-01T12:00:00Z", end_time="2026-06-01T12:02:30+00:00", **KEYED
    )
    checks.equal("summary: a window", early["total_count"], 2)
    with checks.raises("summary: another key is refused", ApiError) as caught:
        client.experiments.get_experiment_spans_summary(experiment_id, **WINDOW, authorization="Bearer other")
    checks.equal("  with 401", [getattr(error, "status_code", None) for error in caught], [401])


def read(checks: Checks, client: RespanClient, experiment_id: str, ids: list[str]) -> None:
    logs = client.experiments.list_experiment_spans(experiment_id, **KEYED)
    checks.equal("list: all", (logs["count"], len(logs["results"])), (4, 4))
    log = client.experiments.retrieve_experiment_span(experiment_id, logs["results"][0]["id"], **KEYED)
    checks.equal("retrieve: one span below", len(log["span_tree"]), 1)
    changed = client.experiments.update_experiment_span(experiment_id, log["id"], request={"name": "new"}, **KEYED)
    checks.equal("change a log: status", changed["status"], "success")
    span = client.spans.retrieve_span(ids[0], **KEYED)
    checks.equal("span: tokens", (span.prompt_tokens, span.completion_tokens), (100, 50))
    client.spans.update_span(ids[0], note="well", positive_feedback=True, metadata={"seen": True}, **KEYED)
    checks.equal("span: metadata joined", client.spans.retrieve_span(ids[0], **KEYED).metadata["n"], 1)
    window = {"start_time": START, "end_time": START + timedelta(hours=1)}
    # What others logged in the same hour is left out by its metadata.
    listed = list(client.spans.list_spans(operator="AND", **window, **KEYED))
    own = [s for s in listed if s["metadata"].get("experiment_id") == experiment_id]
    checks.equal("spans: listed", sorted(s["id"] for s in own), sorted(ids))
    totals = client.spans.get_spans_summary(**window, **KEYED)
    checks.equal("spans: counted", totals.total_requests, len(listed))


def score(checks: Checks, client: RespanClient, experiment_id: str, ids: list[str]) -> None:
    for n, span_id in enumerate(ids):
        client.scores.create_span_score(span_id, evaluator_slug="quality", numerical_value=n / 4, **KEYED)
    found = client.experiments.get_experiment_spans_summary(experiment_id, **WINDOW, **KEYED)["scores"]["quality"]
    checks.equal(
        "scores: mean and extremes", (found["avg_score"], found["min_score"], found["max_score"]), (0.375, 0, 0.75)
    )


def create(checks: Checks, client: RespanClient) -> None:
    made = client.experiments.create_experiment(name="older", dataset_id="d", evaluator_slugs=["quality"], **KEYED)
    checks.equal("create an experiment: status", made.status, "pending")
    found = client.experiments.retrieve_experiment(made.id, **KEYED)
    checks.equal(
        "retrieve it",
        (found.id, found.name) if hasattr(found, "id") else (found["id"], found["name"]),
        (made.id, "older"),
    )
    client.experiments.delete_experiment(made.id, **KEYED)
    with checks.raises("deleted", ApiError) as caught:
        client.experiments.get_experiment_spans_summary(made.id, **WINDOW, **KEYED)
    checks.equal("  it is 404", [getattr(error, "status_code", None) for error in caught], [404])


if __name__ == "__main__":
    main()
