"""Whatever is sent, the answer is never a fault of the service, and always readable."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanstats.dialects.parea import bodies
from tests.examples import examples

pytestmark = pytest.mark.anyio

ODD = [
    *("", "\0", "\ud800", "e", "NaN", "1e999", "true", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "x" * 300),
    *(0, -1, 2**31, 2**63, 10**400, 0.5, 1e308, 5e-324, True, False, None),
]
ATOMS = st.sampled_from(ODD) | st.text(max_size=5) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
NAMES = sorted(
    {*bodies.TRACE_LOG["properties"], "field_name_to_value_map", "id", "child_runs", "outputs", "run_type"}
    | {"name", "run_name", "project_uuid", "status", "dataset_level_stats", "score", "reason", "is_public"}
    | {
        "filters",
        "operator",
        "field",
        "value",
        "connector",
        "filter_params",
        "cost",
        "latency",
        "metadata__k",
        "scores__q",
    }
    | {"resourceSpans", "scopeSpans", "spans", "traceId", "spanId", "attributes", "key", "stringValue", "intValue"}
    | {"data", "trace_unique_id", "span_unique_id", "timestamp", "usage", "prompt_tokens"}
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
LOGS = st.fixed_dictionaries(
    {"trace_id": st.sampled_from(["a", "b"]), "start_timestamp": st.just("2026-01-01")},
    optional={name: VALUES for name in bodies.TRACE_LOG["properties"] if name not in ("trace_id", "start_timestamp")},
)
ONE_FLAT = st.fixed_dictionaries(
    {"trace_unique_id": st.just("a"), "span_unique_id": st.sampled_from(["s", "t"])},
    optional=dict.fromkeys(("metadata", "cost", "usage", "timestamp", "start_time", "latency", "model"), VALUES),
)
FLAT = st.lists(ONE_FLAT, max_size=2)
SCORE = st.fixed_dictionaries(
    {"evaluator_slug": st.sampled_from(["q", "r"]) | ATOMS},
    optional=dict.fromkeys(
        ("numerical_value", "boolean_value", "string_value", "categorical_value", "json_value", "scorer"), VALUES
    )
    | {"explanation": VALUES, "score_value_type": st.sampled_from(["percentage", "comment", "x"]), "is_passed": VALUES},
)
CHANGE = st.fixed_dictionaries(
    {},
    optional={
        "input": VALUES,
        "output": VALUES,
        "name": VALUES,
        "status": ATOMS,
        "metadata": VALUES,
        "metrics": st.dictionaries(st.sampled_from(["cost", "latency", "prompt_tokens", "total_tokens"]), ATOMS),
    },
)
DEFINITION = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("experiment_id", "name", "status", "workflow", "tags", "batch_size", "description"), VALUES
    ),
)
CONDITION = st.dictionaries(
    st.sampled_from(["status", "cost", "model", "metadata__k", "scores__q", "start_time", "trace_id", "input"]),
    st.fixed_dictionaries(
        {"operator": st.sampled_from(["", "not", "gt", "contains", "in", "empty", "isnull", "endswith", "ilike"])},
        optional={"value": VALUES},
    ),
    max_size=2,
)
REQUESTS = st.one_of(
    st.tuples(st.just("POST /api/parea/v1/trace_log"), LOGS | VALUES),
    st.tuples(st.just("PUT /api/parea/v1/trace_log"), VALUES),
    st.tuples(
        st.just("PUT /api/parea/v1/trace_log"),
        st.fixed_dictionaries(
            {"trace_id": st.just("a"), "field_name_to_value_map": st.dictionaries(st.sampled_from(NAMES), VALUES)}
        ),
    ),
    st.tuples(
        st.sampled_from(
            [
                "POST /api/parea/v1/trace_log/langchain",
                "POST /api/parea/v1/project",
                "POST /api/parea/v1/experiment",
                "POST /api/parea/v1/experiment/e/finished",
                "POST /api/v1/traces",
                "POST /api/v2/experiments/e/logs/summary/",
                "POST /api/v2/experiments/e/logs/list/",
                "PATCH /api/v2/experiments/e/logs/t/",
                "POST /api/v2/experiments/",
                "POST /api/v2/experiments/list/",
                "PATCH /api/v2/experiments/e/",
                "PUT /api/v2/experiments/e/",
                "POST /api/request-logs/",
                "POST /api/request-logs/bulk/",
                "POST /api/request-logs/list/",
                "POST /api/request-logs/summary/",
                "POST /api/scores/",
                "POST /api/scores/list/",
                "POST /api/logs/t/scores/",
            ]
        ),
        VALUES,
    ),
    st.tuples(st.just("POST /api/v1/traces/ingest"), FLAT | VALUES),
    st.tuples(st.just("POST /api/request-logs/"), ONE_FLAT),
    st.tuples(st.just("POST /api/request-logs/bulk/"), st.fixed_dictionaries({"logs": st.lists(ONE_FLAT, max_size=3)})),
    st.tuples(st.just("POST /api/logs/t/scores/"), SCORE),
    st.tuples(st.just("PATCH /api/v2/experiments/e/logs/t/"), CHANGE),
    st.tuples(st.sampled_from(["POST /api/v2/experiments/", "PATCH /api/v2/experiments/e/"]), DEFINITION),
    st.tuples(
        st.sampled_from(
            [
                "POST /api/v2/experiments/e/logs/summary/",
                "POST /api/v2/experiments/e/logs/list/",
                "POST /api/v2/experiments/list/",
                "POST /api/request-logs/list/",
                "POST /api/request-logs/summary/",
                "POST /api/scores/list/",
            ]
        ),
        st.fixed_dictionaries({"filters": CONDITION | VALUES}),
    ),
)


READS = (
    "/api/parea/v1/experiment/e/stats",
    "/api/v2/experiments/e/logs/summary/",
    "/api/v2/experiments/e/logs/list/",
    "/api/v2/experiments/",
    "/api/request-logs/list/",
    "/api/request-logs/summary/",
    "/api/logs/t/scores/",
)


@given(st.lists(REQUESTS, min_size=1, max_size=3))
@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
async def test_no_request_is_a_fault(client: httpx.AsyncClient, requests: list[tuple[str, Any]]) -> None:
    span = {"trace_unique_id": "t", "span_unique_id": "t", "metadata": {"experiment_id": "e"}}
    reads = [(f"GET {path}", None) for path in READS]
    for route, body in [("POST /api/v1/traces/ingest", [span]), *requests, *reads]:
        method, path = route.split()
        content = b"" if body is None else json.dumps(body).encode()
        answer = await client.request(method, path, content=content)
        assert answer.status_code in (200, 201, 400, 404, 422), (route, body, answer.text)
        json.loads(answer.content.decode())


@given(st.sampled_from(["/api/parea/v1/trace_log", "/api/v1/traces", "/api/v1/traces/ingest"]), st.binary(max_size=60))
@settings(max_examples=examples(15), deadline=None, suppress_health_check=list(HealthCheck))
async def test_no_bytes_are_a_fault(client: httpx.AsyncClient, path: str, content: bytes) -> None:
    for kind in ("application/json", "application/x-protobuf"):
        answer = await client.post(path, content=content, headers={"content-type": kind})
        assert answer.status_code in (200, 400, 422), (path, content, answer.content)
