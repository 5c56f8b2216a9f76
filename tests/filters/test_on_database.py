"""Filters as clients write them, over real rows, with the traces and spans that they must find."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.dialects.parea.filters import read_filter
from spanstats.dialects.respan.filter_names import SPAN_FIELD_NAMES
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.span import Score, Span
from spanstats.filters.bind import bind
from spanstats.filters.root_fields import ROOTS
from spanstats.filters.span_fields import SPANS
from spanstats.filters.trace_fields import TRACES
from spanstats.store.session import create_engine

from .world import OTHER_TENANT, matching_spans, matching_traces, store

pytestmark = pytest.mark.anyio

DAY = 86_400_000_000
NEW_YEAR = 20_454 * DAY
"""2026-01-01 in microseconds."""


def span(trace_id: str, span_id: str, **values: Any) -> Span:
    start = values.pop("start_us", NEW_YEAR)
    defaults: dict[str, Any] = {"status": "success", "received_us": start, "start_us": start, "end_us": start}
    return Span(trace_id=trace_id, span_id=span_id, **defaults | values)


JUDGED = Score("judge", 0.1, source="evaluator")

WORLD = [
    span(
        "t1",
        "r1",
        name="Answer_100%",
        model="gpt-4o",
        provider="openai",
        cost_pd=10_000_000_000,
        latency_us=1_500_000,
        end_us=NEW_YEAR + 1_500_000,
        prompt_tokens=10,
        completion_tokens=30,
        total_tokens=40,
        status_code=200,
        input=json.dumps({"question": "q1", "n": 1}),
        output=json.dumps("Hello"),
        metadata={"env": "prod", "n": 5, "flag": True, "obj": {"a": 1}},
        labels={"customer_identifier": "alice", "environment": "prod"},
        attributes={"tags": ["red", "Blue"], "stream": True, "prompt_version_number": 3},
        scores=[Score("acc", 0.5), Score("acc", 0.9)],
    ),
    span("t2", "r2", name="answer\\b", start_us=NEW_YEAR + DAY, status="error", error="Boom", metadata={"env": "dev"}),
    span("t2", "c2", parent_id="r2", model="gpt-4o", cost_pd=1, ttft_us=250_000, kind="chat", name="llm"),
    span("t2", "d2", parent_id="r2", model="claude", status_code=500, scores=[Score("acc", 0.25)]),
    span(
        "t3",
        "r3",
        name="",
        metadata={"env": "", "n": "7", "tiny": 1e-7, "huge": 1e21, "none": -0.0, "half": 0.50},
        attributes={"stream": False},
        latency_us=0,
    ),
    span("t3", "c3", parent_id="r3", model="claude", latency_us=2_000_000, completion_tokens=100),
    span("t4", "r4", scores=[Score("label", None, "categorical", "good"), Score("pass", 1.0, "boolean")]),
    span("t5", "lone", parent_id="missing", name="ÄPFEL", status="error", scores=[Score("acc", 1 / 3)]),
    span("t5", "x", parent_id="lone", scores=[JUDGED, Score("judge", 0.2, source="api")]),
    span("t5", "y", parent_id="lone", scores=[JUDGED, Score("judge", 0.4)]),
]

FOREIGN = span(
    "t4",
    "r4",
    name="foreign",
    status_code=500,
    ttft_us=1,
    error="foreign",
    metadata={"env": "prod"},
    attributes={"prompt_name": "foreign"},
    scores=[Score("acc", 0.5)],
)
"""The same ids under another tenant."""

ALL = {"t1", "t2", "t3", "t4", "t5"}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url)
    await store(engine, WORLD)
    await store(engine, [FOREIGN], OTHER_TENANT)
    yield engine
    await engine.dispose()


def one(field: str, operator: str, value: object) -> dict[str, Any]:
    return {field: {"operator": operator, "value": value}}


TRACE_CASES: list[tuple[Any, set[str]]] = [
    ({}, ALL),
    ({"id": ["t1", "t4", "nowhere"]}, {"t1", "t4"}),
    (one("id", "in", []), set()),
    (one("id", "not_in", []), ALL),
    # Status and its synonyms.
    (one("status", "", ["Completed"]), {"t1", "t3", "t4"}),
    (one("status", "not", ["ok"]), {"t2", "t5"}),
    (one("status", "in", ["failed"]), {"t2", "t5"}),
    # Text: null passes negations and emptiness only; no wildcards but in ilike.
    (one("name", "contains", "answer"), {"t1", "t2"}),
    (one("name", "contains", "_100%"), {"t1"}),
    (one("name", "contains", "%"), {"t1"}),
    (one("name", "contains", ""), {"t1", "t2", "t3"}),
    (one("name", "not_contains", "ANSWER"), {"t3", "t4", "t5"}),
    (one("name", "startswith", "Answer"), {"t1"}),
    (one("name", "starts_with", "Answer%"), set()),
    (one("name", "not_startswith", "Answer"), {"t2", "t3", "t4", "t5"}),
    (one("name", "endsWith", "\\b"), {"t2"}),
    (one("name", "endswith", ""), {"t1", "t2", "t3"}),
    (one("name", "not_endswith", "%"), {"t2", "t3", "t4", "t5"}),
    (one("name", "iexact", "ANSWER_100%"), {"t1"}),
    (one("name", "ilike", "ANSWER_1__\\%"), set()),
    (one("name", "ilike", "ANSWER_1__%"), {"t1"}),
    (one("name", "ilike", "answer%\\"), set()),
    (one("name", "ilike", "answer\\_"), {"t2"}),
    (one("name", "", ["ANSWER_100%"]), set()),
    (one("name", "", [None]), {"t4", "t5"}),
    (one("name", "", [None, ""]), {"t3", "t4", "t5"}),
    (one("name", "not", [None]), {"t1", "t2", "t3"}),
    (one("name", "not_in", [None, ""]), {"t1", "t2"}),
    (one("name", "", ["a\x00", "\ud800"]), set()),
    (one("name", "not", ["a\x00"]), ALL),
    (one("name", "contains", "\x00"), set()),
    (one("name", "not_contains", "\x00"), ALL),
    (one("name", "empty", [""]), {"t3", "t4", "t5"}),
    (one("name", "not_empty", [""]), {"t1", "t2"}),
    (one("name", "isnull", [True]), {"t4", "t5"}),
    (one("name", "isnull", "false"), {"t1", "t2", "t3"}),
    (one("environment", "not", "dev"), ALL),
    ({"customer_identifier": "alice"}, {"t1"}),
    # Money: whole picodollars, compared exactly.
    ({"total_cost": {"gte": 0.01}}, {"t1"}),
    ({"cost": {"gt": 0.01}}, set()),
    ({"cost": {"lt": "0.0100000000001"}}, {"t1", "t2"}),
    ({"cost": {"gt": "0.0099999999999999"}}, {"t1"}),
    ({"cost": {"gte": "0.0100000000000001"}}, set()),
    ({"cost": {"lte": "0.0099999999999999"}}, {"t2"}),
    ({"cost": "0.01"}, {"t1"}),
    ({"cost": "0.0100000000000001"}, set()),
    (one("cost", "not", "0.0100000000000001"), ALL),
    (one("cost", "not", 0.01), {"t2", "t3", "t4", "t5"}),
    ({"cost": {"lt": 1e300}}, {"t1", "t2"}),
    ({"cost": {"gt": 1e300}}, set()),
    ({"cost": {"gt": -1e300}}, {"t1", "t2"}),
    ({"cost": {"gt": "1e-999999"}}, {"t1", "t2"}),
    ({"cost": {"lte": "1e-999999"}}, set()),
    (one("cost", "empty", [""]), {"t3", "t4", "t5"}),
    # Durations, times, counts.
    ({"latency": {"gte": "1.5"}}, {"t1"}),
    ({"duration": {"gt": 1.4999999}}, {"t1"}),
    ({"duration": 0}, {"t3", "t5"}),
    ({"timestamp": {"gte": "2026-01-01T00:00:00.000001Z"}}, {"t2"}),
    ({"start_time": {"lt": "2026-01-02T05:00:00+05:00"}}, {"t1", "t3", "t4", "t5"}),
    ({"start_time": {"lt": "9999-12-31"}}, ALL),
    ({"start_time": {"gt": "0001-01-01"}}, ALL),
    (one("start_time", "in", ["2026-01-01", "2026-01-03"]), {"t1", "t3", "t4", "t5"}),
    ({"span_count": {"gt": 1.5}}, {"t2", "t3", "t5"}),
    ({"total_tokens": "40"}, {"t1"}),
    ({"error_count": {"gte": 1}}, {"t2", "t5"}),
    # Any span; a negation: no span.
    ({"model": "gpt-4o"}, {"t1", "t2"}),
    ({"model": ["claude", "x"]}, {"t2", "t3"}),
    (one("model", "not", "claude"), {"t1", "t4", "t5"}),
    (one("model", "not_in", ["claude", "gpt-4o"]), {"t4", "t5"}),
    (one("model", "startswith", "gpt"), {"t1", "t2"}),
    (one("model", "isnull", True), {"t4", "t5"}),
    (one("model", "not_empty", ""), {"t1", "t2", "t3"}),
    (one("model", "", [None, "gpt-4o"]), {"t1", "t2", "t4", "t5"}),
    ({"span_name": "llm"}, {"t2"}),
    (one("span_name", "contains", "äpf"), {"t5"}),
    (one("span_name", "not_contains", "l"), {"t1", "t3", "t4"}),
    ({"log_type": "chat"}, {"t2"}),
    ({"span_parent_id": "missing"}, {"t5"}),
    (one("span_parent_id", "isnull", True), {"t1", "t4"}),
    ({"status_code": {"gte": 400}}, {"t2"}),
    (one("status_code", "startswith", "2"), {"t1"}),
    ({"time_to_first_token": {"lte": 0.25}}, {"t2"}),
    ({"tokens_per_second": 50}, {"t3"}),
    ({"tokens_per_second": {"lt": 20.0005}}, {"t1"}),
    ({"provider_id": "openai"}, {"t1"}),
    ({"prompt_version_number": {"gt": 2}}, {"t1"}),
    ({"prompt_version_number": "3"}, {"t1"}),
    # Metadata: as text; a negation needs the key; order is of JSON numbers only.
    ({"metadata.env": "prod"}, {"t1"}),
    (one("metadata__env", "not", "prod"), {"t2", "t3"}),
    (one("metadata__env", "not_contains", "PRO"), {"t2", "t3"}),
    (one("metadata__env", "empty", ""), {"t3", "t4", "t5"}),
    (one("metadata__env", "isnull", True), {"t4", "t5"}),
    (one("metadata__env", "not_in", [None, "prod"]), {"t2", "t3"}),
    ({"metadata__n": {"gt": 4.5}}, {"t1"}),
    ({"metadata__n": {"lt": 1e300}}, {"t1"}),
    ({"metadata__n": 5}, {"t1"}),
    ({"metadata__n": ["7"]}, {"t3"}),
    ({"metadata__flag": True}, {"t1"}),
    ({"metadata__tiny": 1e-7}, {"t3"}),
    ({"metadata__huge": 1e21}, {"t3"}),
    ({"metadata__none": -0.0}, {"t3"}),
    ({"metadata__half": 0.5}, {"t3"}),
    ({"metadata__obj": '{"a": 1}'}, {"t1"}),
    # Scores: some score holds; negated: there is one, and none holds.
    ({"scores__acc": 0.5}, {"t1"}),
    (one("scores__acc", "not", 0.5), {"t2", "t5"}),
    ({"scores__acc": {"gt": 0.6}}, {"t1"}),
    ({"scores__acc": {"lt": 0.4}}, {"t2", "t5"}),
    ({"scores__acc": 1 / 3}, {"t5"}),
    ({"scores__acc": {"gt": 1e300}}, set()),
    ({"scores__acc": {"lt": 1e300}}, {"t1", "t2", "t5"}),
    (one("scores__acc", "empty", ""), {"t3", "t4"}),
    (one("scores__label", "isnull", False), {"t4"}),
    (one("scores__label", "not", 1), {"t4"}),
    ({"scores__label": {"gt": 0}}, set()),
    ({"scores__pass": 1}, {"t4"}),
    ({"scores__Accuracy": {"gt": 0.6}}, {"t1", "t4"}),
    # Nothing of another tenant.
    ({"span_name": "foreign"}, set()),
    ({"prompt_name": "foreign"}, set()),
    # Levels.
    ({"a": {"connector": "OR", "filter_params": {"id": "t4", "model": "claude"}}, "status": "success"}, {"t3", "t4"}),
    ([{"field": "id", "value": "t4"}, {"field": "id", "value": "t5", "connector": "OR"}], {"t4", "t5"}),
    ({"cost": [{"operator": "gte", "value": 0.001}, {"operator": "lt", "value": [1]}]}, {"t1"}),
]
ALIASES = {"Accuracy": frozenset({"acc", "pass"})}


async def test_filters_find_the_traces_that_they_describe(world: AsyncEngine) -> None:
    by_case = {}
    for number, (filters, _) in enumerate(TRACE_CASES):
        by_case[number] = await matching_traces(world, bind(read_filters({"filters": filters}), TRACES, ALIASES))
    wrong = {str(case): by_case[n] for n, case in enumerate(TRACE_CASES) if by_case[n] != case[1]}
    assert wrong == {}


SPAN_CASES: list[tuple[Any, set[str]]] = [
    ({}, {s.span_id for s in WORLD}),
    ({"unique_id": "c2"}, {"c2"}),
    ({"trace_id": "t2", "model": "gpt-4o"}, {"c2"}),
    ({"status": "failed"}, {"r2", "lone"}),
    ({"is_root_span": False}, {"c2", "d2", "c3", "lone", "x", "y"}),
    ({"is_root_span": "true", "error_message": "Boom"}, {"r2"}),
    (one("model", "not", "claude"), {"r1", "r2", "c2", "r3", "r4", "lone", "x", "y"}),
    ({"stream": True}, {"r1"}),
    (one("stream", "not", True), {s.span_id for s in WORLD} - {"r1"}),
    (one("stream", "isnull", False), {"r1", "r3"}),
    ({"environment": "prod"}, {"r1"}),
    ({"metadata.env": "dev"}, {"r2"}),
    (one("metadata.env", "not", "dev"), {"r1", "r3"}),
    ({"total_cost": {"lt": 0.01}}, {"c2"}),
    ({"latency": {"gte": 2}}, {"c3"}),
    ({"tokens_per_second": {"gte": 20}}, {"r1", "c3"}),
    ({"prompt_cache_hit_tokens": {"gt": 0}}, set()),
    (one("scores__acc", "not", 0.5), {"d2", "lone"}),
    ({"scores__acc": {"gte": 0.25, "lt": 0.3}}, {"d2"}),
    ({"scores__acc": 1 / 3}, {"lone"}),
    (one("scores__acc", "isnull", False), {"r1", "d2", "lone"}),
    # A score that was posted hides an evaluator's.
    ({"scores__judge": 0.1}, {"y"}),
    (one("scores__judge", "not", 0.1), {"x"}),
    ({"scores__judge": [0.2, 0.4]}, {"x", "y"}),
    ({"behaviors": "x"}, set()),
    ({"scores__acc": 0.5, "span_name": {"operator": "empty"}}, set()),
]


async def test_filters_find_the_spans_that_they_describe(world: AsyncEngine) -> None:
    by_case = {}
    for number, (filters, _) in enumerate(SPAN_CASES):
        tree = read_filters({"filters": filters}, SPAN_FIELD_NAMES)
        by_case[number] = await matching_spans(world, bind(tree, SPANS))
    wrong = {str(case): by_case[n] for n, case in enumerate(SPAN_CASES) if by_case[n] != case[1]}
    assert wrong == {}


WITH_ROOT = ALL - {"t5"}
ROOT_CASES: list[tuple[tuple[str | None, str | None, str | None, str | None], set[str]]] = [
    ((None, None, "equals", "x"), WITH_ROOT),
    (("error", None, "exists", None), {"t2"}),
    (("error", None, "is_null", None), {"t1", "t3", "t4"}),
    (("error", None, "not_equals", "Boom"), {"t1", "t3", "t4"}),
    (("trace_name", None, "like", "ANSWER"), {"t1", "t2"}),
    (("trace_name", None, "exists", None), {"t1", "t2", "t3"}),
    (("trace_id", None, "in", "r1, r4"), {"t1", "t4"}),
    (("trace_id", None, "in", '["r1"]'), {"t1"}),
    (("latency", None, "between", "0, 1.5"), {"t1", "t3"}),
    (("latency", None, "between", "[1e-9, 1e30]"), {"t1"}),
    (("cost", None, "greater_than", "0"), {"t1"}),
    (("cost", None, "not_equals", "0.01"), {"t2", "t3", "t4"}),
    (("time_to_first_token", None, "exists", None), set()),
    (("total_tokens", None, "less_than_or_equal", "40.5"), {"t1"}),
    (("start_timestamp", None, "greater_than", "2026-01-01 00:00:00"), {"t2"}),
    (("tags", None, "equals", "red"), {"t1"}),
    (("tags", None, "like", "bLU"), {"t1"}),
    (("tags", None, "in", "green,Blue"), {"t1"}),
    (("tags", None, "not_equals", "red"), {"t2", "t3", "t4"}),
    (("tags", None, "is_null", None), {"t2", "t3", "t4"}),
    (("inputs", "question", "equals", "q1"), {"t1"}),
    (("inputs", "n", "equals", "1"), {"t1"}),
    (("inputs", "n", "greater_than", "0.5"), {"t1"}),
    (("inputs", "question", "greater_than", "0"), set()),
    (("inputs", None, "exists", None), {"t1"}),
    (("output", None, "equals", "Hello"), {"t1"}),
    (("metadata", "env", "not_equals", "prod"), {"t2", "t3", "t4"}),
    (("metadata", "env", "is_null", ""), {"t4"}),
    (("metadata", None, "is_null", ""), {"t4"}),
    (("end_user_identifier", None, "equals", "alice"), {"t1"}),
    (("score:acc", None, "greater_than", "0.6"), {"t1"}),
    (("acc", None, "equals", "0.25"), {"t2"}),
    (("acc", None, "between", "0.6,0.8"), set()),
    (("acc", None, "not_equals", "0.9"), {"t2"}),
    (("acc", None, "is_null", None), {"t3", "t4"}),
    (("nothing like it", None, "exists", None), set()),
    (("annotation:a:b", None, "is_null", None), WITH_ROOT),
    (("annotation:a:b", None, "equals", "x"), set()),
    (("time_to_first_token", None, "equals", "0.000001"), set()),
    (("error", None, "equals", "foreign"), set()),
    (("experiment_uuid", None, "is_null", None), WITH_ROOT),
]


async def test_filters_on_root_logs_find_the_traces_that_they_describe(world: AsyncEngine) -> None:
    keys = ("filter_field", "filter_key", "filter_operator", "filter_value")
    wrong = {}
    for case, expected in ROOT_CASES:
        ids = await matching_traces(world, bind(read_filter(dict(zip(keys, case, strict=True))), ROOTS))
        if ids & WITH_ROOT != expected:
            wrong[case] = ids
    assert wrong == {}
