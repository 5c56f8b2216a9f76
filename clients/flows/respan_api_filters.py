# /// script
# dependencies = ["respan-api==0.1.47"]
# ///
"""Respan's REST client asks an experiment of twelve traces about seventy filters; summary and list must agree."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from checks import Checks
from expected import KEY, URL
from respan import RespanClient
from respan.traces import CreateTraceLegacyRequestZeroItem
from respan.types import SpanCreateRequest

START = datetime(2026, 4, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PLANS = {0: "pro", 1: "free"}


def main() -> None:
    checks, run = Checks(), uuid.uuid4().hex[:8]
    client = RespanClient(base_url=URL, authorization=f"Bearer {KEY}", respan_api_key=KEY)
    experiment_id = f"filters-{run}"
    send(client, experiment_id, run)
    for name, (filters, count) in table(run).items():
        found = client.experiments.filter_experiment_spans_summary(experiment_id, filters=filters)
        checks.equal(f"{name}: count", found.number_of_requests, count)
        logs = client.experiments.list_experiment_spans(experiment_id, filters=filters, page_size=5)
        listed = list(logs)
        checks.equal(f"{name}: list", (logs.response.count, len(listed)), (count, count))
    checks.finish()


def send(client: RespanClient, experiment_id: str, run: str) -> None:
    """Trace n of 1 to 12 costs n cents and takes n/2 s; the first nine have a call below their root."""
    client.traces.create_trace_legacy(request=[root(experiment_id, run, n) for n in range(1, 13)])
    calls = [call(run, n) for n in range(1, 10)]
    created = client.spans.bulk_create_spans(logs=calls)
    assert (created.success_count, created.error_count) == (9, 0), created
    for n in range(1, 6):
        client.scores.create_span_score(f"{run}-{n:02}", evaluator_slug="quality", numerical_value=n / 10)
    for n, passed in ((6, True), (7, False)):
        client.scores.create_span_score(f"{run}-{n:02}", evaluator_slug="passed", boolean_value=passed)


def root(experiment_id: str, run: str, n: int) -> CreateTraceLegacyRequestZeroItem:
    metadata: dict[str, Any] = {"experiment_id": experiment_id, "comparison_key": f"k{n % 2}"}
    if n % 3 in PLANS:
        metadata["plan"] = PLANS[n % 3]
    if n <= 6:
        metadata["n"] = n
    return CreateTraceLegacyRequestZeroItem(
        trace_unique_id=f"{run}-{n:02}",
        span_unique_id="root",
        span_name=f"case {n}",
        cost=n / 100,
        latency=n / 2,
        start_time=START + n * MINUTE,
        status="error" if n % 4 == 0 else "success",
        customer_identifier="ann" if n <= 4 else "Bob" if n <= 8 else None,
        environment="prod" if n % 2 else "test",
        metadata=metadata,
    )


def call(run: str, n: int) -> SpanCreateRequest:
    return SpanCreateRequest(
        trace_unique_id=f"{run}-{n:02}",
        span_unique_id="call",
        span_parent_id="root",
        span_name="llm call",
        log_type="chat",
        model="gpt-4o" if n <= 6 else "claude-3",
        prompt_tokens=10 * n,
        completion_tokens=n,
        cost=0,
        timestamp=START + n * MINUTE + timedelta(seconds=1),
    )


def one(field: str, operator: str, *values: Any) -> dict[str, Any]:
    return {field: {"operator": operator, "value": list(values)}}


def table(run: str) -> dict[str, tuple[Any, int]]:
    """What each filter must find, counted by hand."""
    return status_and_numbers() | texts() | metadata_and_spans() | scores_and_times(run) | shapes()


def status_and_numbers() -> dict[str, tuple[Any, int]]:
    return {
        "status success": (one("status", "", "success"), 9),
        "status completed, a synonym": (one("status", "=", "completed"), 9),
        "status failed, a synonym": (one("status", "is", "failed"), 3),
        "status not success": (one("status", "not", "success"), 3),
        "status in both": (one("status", "in", "success", "error"), 12),
        "status in none": (one("status", "not_in", "error"), 9),
        "cost at least 0.06": (one("total_cost", "gte", 0.06), 7),
        "cost below 0.03": (one("cost", "<", 0.03), 2),
        "cost exactly 0.05": (one("total_cost", "", 0.05), 1),
        "cost as text": (one("total_cost", "eq", "0.05"), 1),
        "cost not 0.05": (one("total_cost", "!=", 0.05), 11),
        "cost one of two": (one("total_cost", "", 0.01, 0.02), 2),
        "duration above 3": (one("duration", "gt", 3), 6),
        "latency at most 1": (one("latency", "lte", "1"), 2),
        "total tokens above 50": (one("total_tokens", ">", 50), 5),
        "prompt tokens 30": (one("prompt_tokens", "", 30), 1),
        "completion tokens at most 2": (one("output_tokens", "<=", 2), 5),
        "no tokens": (one("total_tokens", "", 0), 3),
        "one span": (one("span_count", "", 1), 3),
        "more spans": (one("span_count", "gt", 1), 9),
        "some error": (one("error_count", "gte", 1), 3),
        "one call": (one("llm_call_count", "", 1), 9),
    }


def texts() -> dict[str, tuple[Any, int]]:
    return {
        "name is": (one("name", "", "case 3"), 1),
        "name contains, any case": (one("name", "contains", "CASE 1"), 4),
        "name starts with": (one("name", "startsWith", "case 1"), 4),
        "name starts with, minding case": (one("name", "startswith", "CASE"), 0),
        "name ends with": (one("name", "endswith", "2"), 2),
        "name without": (one("name", "not_contains", "1"), 8),
        "name, any case": (one("name", "iexact", "CASE 3"), 1),
        "name like": (one("name", "ilike", "CASE _"), 9),
        "a percent sign is itself": (one("name", "contains", "%"), 0),
        "customer": (one("customer_identifier", "", "ann"), 4),
        "another customer or none": (one("customer_identifier", "not", "ann"), 8),
        "no customer": (one("customer_identifier", "isnull", True), 4),
        "some customer": (one("customer_identifier", "isnull", False), 8),
        "empty customer": (one("customer_identifier", "empty", ""), 4),
        "not empty customer": (one("customer_identifier", "not_empty", ""), 8),
        "customer contains, any case": (one("customer_identifier", "icontains", "BO"), 4),
        "neither customer": (one("customer_identifier", "nin", "ann", "Bob"), 4),
        "environment": (one("environment", "", "prod"), 6),
        "root span": (one("root_span_unique_id", "", "root"), 12),
    }


def metadata_and_spans() -> dict[str, tuple[Any, int]]:
    return {
        "metadata": (one("metadata__plan", "", "pro"), 4),
        "metadata, bare, with a point": ({"metadata.plan": "pro"}, 4),
        "metadata not, needs the key": (one("metadata__plan", "not", "pro"), 4),
        "metadata empty": (one("metadata__plan", "empty", ""), 4),
        "metadata one of two": (one("metadata__plan", "in", "pro", "free"), 8),
        "metadata above a number": (one("metadata__n", "gt", 3), 3),
        "metadata number as text": (one("metadata__n", "", "3"), 1),
        "metadata contains, any case": (one("metadata__plan", "contains", "RE"), 4),
        "comparison key": (one("comparison_key", "in", "k0"), 6),
        "a span's model": (one("model", "", "gpt-4o"), 6),
        "no span of the model": (one("model", "not", "gpt-4o"), 6),
        "a span's model contains": (one("model", "contains", "CLAUDE"), 3),
        "no span with a model": (one("model", "isnull", True), 3),
        "a span's name": (one("span_name", "", "llm call"), 9),
        "no span of the name": (one("span_name", "not", "llm call"), 3),
        "a span's type": (one("log_type", "", "chat"), 9),
        "a span's parent": (one("span_parent_id", "", "root"), 9),
    }


def scores_and_times(run: str) -> dict[str, tuple[Any, int]]:
    sixth = (START + 6 * MINUTE).isoformat()
    return {
        "score at least": (one("scores__quality", "gte", 0.3), 3),
        "score below": (one("scores__quality", "lt", 0.2), 1),
        "score exactly": (one("scores__quality", "", 0.2), 1),
        "another score": (one("scores__quality", "not", 0.2), 4),
        "score of nobody": (one("scores__nobody", "gte", 0), 0),
        "from the sixth": (one("start_time", "gte", sixth), 7),
        "before the sixth": (one("timestamp", "lt", sixth), 5),
        "two traces": (one("trace_id", "", f"{run}-01", f"{run}-12", "none"), 2),
    }


def shapes() -> dict[str, tuple[Any, int]]:
    either = {"connector": "OR", "filter_params": one("customer_identifier", "", "ann") | one("cost", "gt", 0.1)}
    return {
        "nothing": ({}, 12),
        "a range as a list": ({"cost": [one("c", "gte", 0.03)["c"], one("c", "lt", 0.06)["c"]]}, 3),
        "a range as a map": ({"total_cost": {"gte": 0.03, "lt": 0.06}}, 3),
        "two fields": (one("status", "", "success") | one("environment", "", "prod"), 6),
        "a list": (
            [
                {"field": "status", "operator": "=", "value": "success"},
                {"field": "total_cost", "operator": ">=", "value": 0.06},
            ],
            5,
        ),
        "a bundle": (
            {
                "any": {
                    "connector": "OR",
                    "filter_params": one("status", "", "error") | one("metadata__plan", "", "pro"),
                }
            },
            6,
        ),
        "a bundle beside a field": (one("environment", "", "prod") | {"either": either}, 3),
    }


if __name__ == "__main__":
    main()
