# /// script
# dependencies = ["respan-api==0.1.47"]
# ///
"""Respan's REST client, the whole life of an experiment: created, filled, listed, scored, changed, deleted."""

import uuid
from datetime import UTC, datetime, timedelta

from checks import Checks
from expected import KEY, URL
from respan import BadRequestError, NotFoundError, RespanClient
from respan.experiments import CreateExperimentRequestWorkflowItem
from respan.types import Filters, FilterValue, SpanCreateRequest

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
TRACES = 25


def main() -> None:
    checks, run = Checks(), uuid.uuid4().hex[:8]
    client = RespanClient(base_url=URL, authorization=f"Bearer {KEY}", respan_api_key=KEY)
    experiment_id = f"life-{run}"
    create(checks, client, experiment_id)
    fill(checks, client, experiment_id, run)
    page(checks, client, experiment_id)
    spans(checks, client, run)
    scores(checks, client, experiment_id, run)
    change(checks, client, experiment_id, run)
    delete(checks, client, experiment_id)
    checks.finish()


def create(checks: Checks, client: RespanClient, experiment_id: str) -> None:
    workflow = [CreateExperimentRequestWorkflowItem(type="prompt", config={"prompt_id": "p"})]
    made = client.experiments.create_experiment(
        dataset_id="d", workflow=workflow, evaluator_slugs=["quality"], experiment_id=experiment_id, name=experiment_id
    )
    checks.equal(
        "create: id, name, status", (made.id, made.name, made.status), (experiment_id, experiment_id, "pending")
    )
    checks.equal("retrieve: the same", client.experiments.retrieve_experiment(experiment_id), made_again(made))
    with checks.raises("create again: BadRequestError", BadRequestError):
        client.experiments.create_experiment(dataset_id="d", workflow=workflow, experiment_id=experiment_id)
    changed = client.experiments.update_experiment(experiment_id, name=f"{experiment_id} changed")
    checks.equal("update: name", changed.name, f"{experiment_id} changed")
    named = {"name": {"operator": "", "value": [changed.name]}}
    listed = list(client.experiments.list_experiments(filters=named))
    checks.equal("list: just this one, and the pager ends", [e.id for e in listed], [experiment_id])
    found = client.experiments.filter_experiments_summary(filters=named)
    checks.equal("count", found.total_count, 1)


def made_again(made: object) -> object:
    """Created and retrieved experiments are different types of the same fields."""

    class Same:
        def __eq__(self, other: object) -> bool:
            return made.dict() == other.dict()  # type: ignore[attr-defined]

        __hash__ = None  # type: ignore[assignment]

    return Same()


def fill(checks: Checks, client: RespanClient, experiment_id: str, run: str) -> None:
    logs = [
        SpanCreateRequest(
            model="gpt-4o",
            trace_unique_id=f"{run}-{n:02}",
            span_unique_id=f"{run}-{n:02}",
            span_name=f"case {n}",
            input=f"question {n}",
            output="an answer that is rather long",
            prompt_tokens=100,
            completion_tokens=10,
            latency=n / 10,
            timestamp=START + timedelta(minutes=n),
            metadata={"experiment_id": experiment_id},
        )
        for n in range(TRACES)
    ]
    for _ in range(2):
        answer = client.spans.bulk_create_spans(logs=logs)
        checks.equal("bulk: all are stored", (answer.success_count, answer.error_count), (TRACES, 0))
    one = client.spans.create_span(model="gpt-4o", prompt_tokens=1_000_000, completion_tokens=0)
    checks.equal("create a span: priced", one.cost, 2.5)
    checks.that("create a span: it has an id", bool(one.unique_id))
    found = client.experiments.filter_experiment_spans_summary(experiment_id)
    checks.equal("summary: the traces, once each", found.number_of_requests, TRACES)
    checks.equal("summary: tokens", found.total_tokens, 110 * TRACES)
    checks.near("summary: cost", found.total_cost, TRACES * 0.00035)
    checks.near("summary: mean latency", found.avg_latency, 1.2)


def page(checks: Checks, client: RespanClient, experiment_id: str) -> None:
    for size in (7, 25, 100):
        listed = list(client.experiments.list_experiment_spans(experiment_id, page_size=size, sort_by="-duration"))
        checks.equal(f"pages of {size}: every trace once", len({log.id for log in listed}), len(listed))
        checks.equal(f"pages of {size}: all", len(listed), TRACES)
        checks.equal(f"pages of {size}: slowest first", [log.duration for log in listed][:2], [2.4, 2.3])
    cut = next(iter(client.experiments.list_experiment_spans(experiment_id, preview_length=9)))
    checks.equal("preview: cut", cut.output, "an answer")
    whole = client.experiments.retrieve_experiment_span(experiment_id, cut.id)
    checks.equal("retrieve: whole", whole.output, "an answer that is rather long")
    checks.equal("retrieve: its tree", [node.id for node in whole.span_tree or []], [cut.id])
    with checks.raises("retrieve: an unknown log is a NotFoundError", NotFoundError):
        client.experiments.retrieve_experiment_span(experiment_id, "nothing")


def spans(checks: Checks, client: RespanClient, run: str) -> None:
    filters = Filters(trace_unique_id=FilterValue(operator="", value=[f"{run}-03", f"{run}-04"]))
    listed = list(client.spans.list_spans(filters=filters))
    checks.equal("spans: of two traces", sorted(s["unique_id"] for s in listed), [f"{run}-03", f"{run}-04"])
    totals = client.spans.get_spans_summary(filters=filters)
    checks.equal("spans: summary", (totals.number_of_requests, totals.total_tokens), (2, 220))
    found = client.spans.retrieve_span(f"{run}-03")
    checks.equal("span: content", (found.input, found.model, found.prompt_tokens), ("question 3", "gpt-4o", 100))


def scores(checks: Checks, client: RespanClient, experiment_id: str, run: str) -> None:
    early = client.scores.create_score(log_id=f"{run}-later", evaluator_slug="early", numerical_value=1)
    checks.that("score before its span: it has an id", bool(early.id))
    for n in range(10):
        client.scores.create_span_score(f"{run}-{n:02}", evaluator_slug="quality", numerical_value=n / 10)
    again = client.scores.create_span_score(f"{run}-00", evaluator_slug="quality", numerical_value=1)
    listed = client.scores.list_span_scores(f"{run}-00")
    checks.equal("score again: updated", [s.id for s in listed.results], [again.id])
    entry = client.experiments.filter_experiment_spans_summary(experiment_id).scores["quality"]
    checks.near("summary: mean score", entry.avg_score, 0.55)
    histogram = client.experiments.filter_experiment_score_histogram(experiment_id, evaluator_id="quality", bins=3)
    checks.equal("histogram: bins", [b.count for b in histogram.bins], [3, 3, 4])
    checks.equal("histogram: total", histogram.stats.total, 10)
    changed = client.scores.update_score(again.id, boolean_value=True)
    checks.equal("score changed", (changed.boolean_value, changed.numerical_value), (True, None))
    client.scores.delete_span_score(f"{run}-00", again.id)
    with checks.raises("score deleted: NotFoundError", NotFoundError):
        client.scores.retrieve_score(again.id)
    client.spans.create_span(model="gpt-4o", trace_unique_id=f"{run}-later", metadata={"experiment_id": experiment_id})
    found = client.experiments.filter_experiment_spans_summary(experiment_id).scores
    checks.equal("scores: the early one counts now", (found["early"].avg_score, found["quality"].avg_score), (1, 0.5))


def change(checks: Checks, client: RespanClient, experiment_id: str, run: str) -> None:
    answer = client.experiments.update_experiment_span(
        experiment_id, f"{run}-01", input="q", output={"text": "new"}, metrics={"cost": 5}, metadata={"seen": True}
    )
    checks.equal("change a log: answer", (answer.trace_unique_id, answer.status), (f"{run}-01", "success"))
    log = client.experiments.retrieve_experiment_span(experiment_id, f"{run}-01")
    checks.equal("change a log: seen", (log.output, log.total_cost), ({"text": "new"}, 5))
    expensive = {"total_cost": {"operator": "gte", "value": [5]}}
    found = client.experiments.filter_experiment_spans_summary(experiment_id, filters=expensive)
    checks.equal("change a log: filtered", found.number_of_requests, 1)


def delete(checks: Checks, client: RespanClient, experiment_id: str) -> None:
    client.experiments.delete_experiment(experiment_id)
    with checks.raises("delete: gone at once", NotFoundError):
        client.experiments.filter_experiment_spans_summary(experiment_id)
    with checks.raises("delete again: NotFoundError", NotFoundError):
        client.experiments.delete_experiment(experiment_id)


if __name__ == "__main__":
    main()
