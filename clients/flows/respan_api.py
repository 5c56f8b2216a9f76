# /// script
# dependencies = ["respan-api==0.1.47"]
# ///
"""Respan's REST client: traces as OTLP and in the older form, the summary with windows and filters, typed errors."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from checks import Checks
from expected import KEY, URL, Expected, compare
from respan import BadRequestError, NotFoundError, RespanClient, UnauthorizedError
from respan.traces import (
    CreateTraceLegacyRequestData,
    CreateTraceLegacyRequestDataDataItem,
    CreateTraceLegacyRequestZeroItem,
    CreateTraceRequestResourceSpansItem,
    CreateTraceRequestResourceSpansItemScopeSpansItem,
    CreateTraceRequestResourceSpansItemScopeSpansItemSpansItem,
    CreateTraceRequestResourceSpansItemScopeSpansItemSpansItemAttributesItem,
    CreateTraceRequestResourceSpansItemScopeSpansItemSpansItemStatus,
)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MODEL = "gpt-4o"


def main() -> None:
    checks = Checks()
    client = connect(KEY)
    experiment_id, expected = f"respan-api-{uuid.uuid4()}", Expected()
    send_otlp(checks, client, experiment_id, expected)
    send_flat(checks, client, experiment_id, expected)
    compare(checks, experiment_id, expected)
    compare_summary(checks, client, experiment_id, expected)
    compare_windows(checks, client, experiment_id)
    compare_filters(checks, client, experiment_id)
    compare_errors(checks, client, experiment_id)
    checks.finish()


def connect(key: str) -> RespanClient:
    return RespanClient(base_url=URL, authorization=f"Bearer {key}", respan_api_key=key)


def send_otlp(checks: Checks, client: RespanClient, experiment_id: str, expected: Expected) -> None:
    """Two traces of two spans, a minute apart, 1 and 2 s long; the second fails. The same request twice."""
    for number in (1, 2):
        trace_id, start = uuid.uuid4().hex, START + (number - 1) * MINUTE
        root = span(trace_id, "1" * 16, "root", start, number, {"respan.metadata.experiment_id": experiment_id})
        call = span(
            trace_id,
            "2" * 16,
            "call",
            start,
            0.5,
            {
                "gen_ai.request.model": MODEL,
                "gen_ai.usage.prompt_tokens": 100 * number,
                "gen_ai.usage.input_tokens": 100 * number,
                "gen_ai.usage.completion_tokens": 10 * number,
                "respan.metadata.lap": number,
            },
            parent="1" * 16,
        )
        failed = CreateTraceRequestResourceSpansItemScopeSpansItemSpansItemStatus(code=2, message="as planned")
        if number == 2:
            root = root.copy(update={"status": failed})
        spans = CreateTraceRequestResourceSpansItem(
            scope_spans=[CreateTraceRequestResourceSpansItemScopeSpansItem(spans=[call, root])]
        )
        for _ in range(2):
            answer = client.traces.create_trace(resource_spans=[spans])
        partial = answer.partial_success
        checks.equal(f"otlp: trace {number} is accepted whole", (partial and partial.rejected_spans) or 0, 0)
        expected.call(MODEL, 100 * number, 10 * number)
    expected.traces += 2
    expected.failed += 1


def span(
    trace_id: str,
    span_id: str,
    name: str,
    start: datetime,
    seconds: float,
    attributes: dict[str, Any],
    parent: str | None = None,
) -> CreateTraceRequestResourceSpansItemScopeSpansItemSpansItem:
    begins = int(start.timestamp()) * 1_000_000_000
    return CreateTraceRequestResourceSpansItemScopeSpansItemSpansItem(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent,
        name=name,
        start_time_unix_nano=str(begins),
        end_time_unix_nano=str(begins + int(seconds * 1_000_000_000)),
        attributes=[
            CreateTraceRequestResourceSpansItemScopeSpansItemSpansItemAttributesItem(
                key=key, value={"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
            )
            for key, value in attributes.items()
        ],
    )


def send_flat(checks: Checks, client: RespanClient, experiment_id: str, expected: Expected) -> None:
    """Two traces in the older form, as a list and under `data`: one with a cost, one that is priced."""
    common: dict[str, Any] = {
        "span_name": "flat",
        "log_type": "chat",
        "model": MODEL,
        "metadata": {"experiment_id": experiment_id, "lap": "flat"},
        "customer_identifier": "flat-customer",
    }
    sent = CreateTraceLegacyRequestZeroItem(
        trace_unique_id=f"flat-{uuid.uuid4()}",
        span_unique_id="a",
        usage={"prompt_tokens": 7, "completion_tokens": 3},
        cost=0.1,
        latency=0.2,
        status="success",
        timestamp=START + 2 * MINUTE,
        **common,
    )
    checks.that("flat: a list is answered with a message", bool(send_legacy(client, [sent])))
    expected.input_tokens, expected.output_tokens = expected.input_tokens + 7, expected.output_tokens + 3
    expected.cost += Decimal("0.1")
    priced = CreateTraceLegacyRequestDataDataItem(
        trace_unique_id=f"flat-{uuid.uuid4()}",
        span_unique_id="a",
        prompt_tokens=1000,
        completion_tokens=500,
        latency=4,
        status="error",
        start_time=START + 3 * MINUTE,
        timestamp=START + 3 * MINUTE + timedelta(seconds=4),
        **common,
    )
    checks.that(
        "flat: `data` is answered with a message",
        bool(send_legacy(client, CreateTraceLegacyRequestData(data=[priced]))),
    )
    expected.call(MODEL, 1000, 500)
    expected.traces += 2
    expected.failed += 1


def send_legacy(client: RespanClient, spans: Any) -> str:
    return client.traces.create_trace_legacy(request=spans).message


def compare_summary(checks: Checks, client: RespanClient, experiment_id: str, expected: Expected) -> None:
    found = client.experiments.filter_experiment_spans_summary(experiment_id)
    checks.equal("client: number_of_requests", found.number_of_requests, expected.traces)
    checks.near("client: total_cost", found.total_cost, expected.cost)
    checks.equal("client: total_tokens", found.total_tokens, expected.input_tokens + expected.output_tokens)
    checks.near("client: avg_latency", found.avg_latency, Decimal("1.8"), 1e-9)
    # Completion tokens for a second of the trace, one figure for each trace.
    checks.near("client: avg_tps", found.avg_tps, Decimal("40"), 1e-3)
    checks.equal("client: avg_ttft", found.avg_ttft, 0)
    checks.equal("client: scores", found.scores, {})


def compare_windows(checks: Checks, client: RespanClient, experiment_id: str) -> None:
    """The start is inside, the end is not; traces begin at 0, 1, 2 minutes less 0.2 s, and 3 minutes."""
    windows = {
        "from the first start": (START, None, 4),
        "from just after the first start": (START + timedelta(microseconds=1), None, 3),
        "to the last start": (None, START + 3 * MINUTE, 3),
        "to just after the last start": (None, START + 3 * MINUTE + timedelta(microseconds=1), 4),
        "of the second trace": (START + MINUTE, START + MINUTE + timedelta(seconds=1), 1),
        "before all": (None, START, 0),
        "in another zone": (datetime.fromisoformat("2026-03-01T17:01:00+05:00"), None, 3),
    }
    for name, (start, end, count) in windows.items():
        given = {key: time for key, time in (("start_time", start), ("end_time", end)) if time is not None}
        found = client.experiments.filter_experiment_spans_summary(experiment_id, **given)
        checks.equal(f"window {name}: count", found.number_of_requests, count)
        if not count:
            checks.equal(f"window {name}: totals", (found.total_cost, found.total_tokens, found.avg_latency), (0, 0, 0))


def compare_filters(checks: Checks, client: RespanClient, experiment_id: str) -> None:
    filters: dict[str, tuple[Any, int]] = {
        "status success": ({"status": {"operator": "", "value": ["success"]}}, 2),
        "status failed, a synonym": ({"status": {"value": "failed"}}, 2),
        "cost of at least 0.1": ({"total_cost": {"operator": "gte", "value": [0.1]}}, 1),
        "a range of cost": ({"cost": [{"operator": "gte", "value": [0.0005]}, {"operator": "lt", "value": [0.02]}]}, 2),
        "latency above 1": ({"duration": {"operator": "gt", "value": [1]}}, 2),
        "a list of conditions": (
            [
                {"field": "status", "operator": "=", "value": "success"},
                {"field": "name", "operator": "!=", "value": "flat"},
            ],
            1,
        ),
        "metadata": ({"metadata__lap": {"operator": "in", "value": ["2", "flat"]}}, 3),
        "a bundle": (
            {
                "either": {
                    "connector": "OR",
                    "filter_params": {
                        "customer_identifier": {"operator": "startswith", "value": ["flat-"]},
                        "metadata__lap": {"operator": "", "value": ["1"]},
                    },
                }
            },
            3,
        ),
        "a span's name": ({"span_name": {"operator": "contains", "value": ["CALL"]}}, 2),
        "no span of that name": ({"span_name": {"operator": "not", "value": ["call"]}}, 2),
        "nothing": ({"model": {"operator": "", "value": ["no-such-model"]}}, 0),
        "an empty filter": ({}, 4),
    }
    for name, (given, count) in filters.items():
        found = client.experiments.filter_experiment_spans_summary(experiment_id, filters=given)
        checks.equal(f"filter by {name}: count", found.number_of_requests, count)


def compare_errors(checks: Checks, client: RespanClient, experiment_id: str) -> None:
    summarize = client.experiments.filter_experiment_spans_summary
    with checks.raises("an unknown field is a BadRequestError", BadRequestError) as caught:
        summarize(experiment_id, filters={"colour": {"operator": "", "value": ["red"]}})
    checks.that("  which names the field", "colour" in str(caught[0].body) if caught else False)
    with checks.raises("an unknown operator is a BadRequestError", BadRequestError) as caught:
        summarize(experiment_id, filters={"status": {"operator": "resembles", "value": ["red"]}})
    checks.that("  which names the operator", "resembles" in str(caught[0].body) if caught else False)
    with checks.raises("a value that is no number is a BadRequestError", BadRequestError):
        summarize(experiment_id, filters={"total_cost": {"operator": "gt", "value": ["much"]}})
    with checks.raises("a wrong key is an UnauthorizedError", UnauthorizedError):
        connect("wrong").experiments.filter_experiment_spans_summary(experiment_id)
    with checks.raises("an unknown experiment is a NotFoundError", NotFoundError):
        summarize(f"unknown-{uuid.uuid4()}")


if __name__ == "__main__":
    main()
