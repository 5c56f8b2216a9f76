"""Every recorded Respan request, decoded and folded, against what a separate program says that it adds up to."""

import json
from typing import Any

import pytest

from spanstats.dialects import otlp
from spanstats.dialects.respan import flat
from spanstats.domain.span import Span
from spanstats.domain.trace import Trace

from .recorded import ARRIVAL_US, CAPTURES, as_protobuf, load, respan, traces_of

EXPECTED: dict[str, Any] = load("respan/expected_traces.json")
FLAT = {"/api/request-logs/", "/request-logs/create"}
OTLP_JSON = [
    path.name
    for path in sorted((CAPTURES / "respan").glob("*.json"))
    if load(f"respan/{path.name}").get("path") == "/api/v2/traces"
]


def spans_of(name: str) -> list[Span]:
    record, body = load(f"respan/{name}"), respan(name)
    if record["path"] in FLAT:
        return [flat.read_flat(json.loads(body))]
    if record["path"] == "/api/request-logs/bulk/":
        return [flat.read_flat(item) for item in json.loads(body)["logs"]]
    if record["path"].endswith("/ingest"):
        batch = flat.read_batch(body)
    else:
        headers = {name.lower(): value for name, value in record["headers"].items()}
        batch = otlp.read(body, headers["content-type"])
    assert batch.rejected == []
    return batch.spans


@pytest.mark.parametrize("trace_id", EXPECTED)
def test_a_recorded_trace_adds_up_to_what_is_expected(trace_id: str) -> None:
    expected = EXPECTED[trace_id]
    spans = [span for name in expected["files"] for span in spans_of(name)]
    if trace_id.startswith("(none sent"):
        [trace_id] = {span.trace_id for span in spans}
    members = [span for span in spans if span.trace_id == trace_id]
    experiment_ids = {span.experiment_id for span in members} - {None}
    trace = traces_of(members)[trace_id]
    assert experiment_ids == ({expected["experiment_id"]} - {None})
    assert (trace.n_spans, trace.n_errors, trace.status) == (
        expected["spans"],
        expected["error_spans"],
        expected["status"],
    )
    assert (trace.prompt_tokens, trace.completion_tokens, trace.total_tokens) == (
        expected["prompt_tokens"],
        expected["completion_tokens"],
        expected["total_tokens"],
    )
    assert trace.name == expected["root_name"]
    assert trace.cost_pd == (None if expected["cost_sent"] is None else round(expected["cost_sent"] * 1e12))
    assert_times(trace, members, expected)


def assert_times(trace: Trace, members: list[Span], expected: dict[str, Any]) -> None:
    """To the microsecond; a time that was not sent is that of arrival."""
    assert trace.has_root
    if expected["root_latency_s"] is None:
        assert trace.latency_us is None
    else:
        assert trace.latency_us == pytest.approx(expected["root_latency_s"] * 1e6, abs=1)
    if expected["earliest_start"] is None:
        assert trace.end_us == ARRIVAL_US
    else:
        assert min(s.start_us or 0 for s in members) == pytest.approx(expected["earliest_start"] * 1e6, abs=1)
        assert max(s.end_us or 0 for s in members) == pytest.approx(expected["latest_end"] * 1e6, abs=1)


def test_every_expected_trace_comes_from_a_recorded_file() -> None:
    assert {name for e in EXPECTED.values() for name in e["files"]} <= {p.name for p in (CAPTURES / "respan").iterdir()}
    assert len(OTLP_JSON) == 6


@pytest.mark.parametrize("name", OTLP_JSON)
def test_both_encodings_of_a_recorded_request_are_the_same_spans(name: str) -> None:
    body = respan(name)
    from_json, from_protobuf = otlp.read_json(body), otlp.read_protobuf(as_protobuf(json.loads(body)))
    assert from_json.spans == from_protobuf.spans
    assert from_json.rejected == from_protobuf.rejected == []


def test_the_recorded_workflow_keeps_what_its_spans_say() -> None:
    spans = {span.name: span for span in spans_of("respan-ai-4.2.4-workflow-01.json")}
    root, call = spans["rag_flow"], spans["llm.gpt-4o-mini"]
    assert (root.kind, root.workflow_name, root.is_root, root.status) == ("workflow", "rag_flow", True, None)
    assert root.metadata is not None
    assert root.metadata["plan"] == "pro"
    assert (root.metadata["n"], root.metadata["ok"]) == (3, True)
    assert (call.kind, call.provider, call.is_llm_call) == ("chat", "openai", True)
    assert call.model == "gpt-4o-mini-2024-07-18"
    assert (call.prompt_tokens, call.completion_tokens, call.cache_read_tokens) == (120, 30, 64)
    assert call.attributes["request_model"] == "gpt-4o-mini"
    assert call.attributes["prompt"] == {"prompt_id": "p1", "variables": {"x": "y"}}
    assert json.loads(call.input or "") == [{"role": "user", "content": "hello"}]


def test_a_recorded_failure_keeps_its_reason() -> None:
    for span in spans_of("respan-ai-4.2.4-error-01.json"):
        assert (span.status, span.error, span.attributes["error_class"]) == ("error", "boom happened", "ValueError")
        assert "Traceback" in span.attributes["error_stacktrace"]
    [call] = spans_of("respan-ai-4.2.4-openai-instrumented-02.json")
    assert (call.status_code, call.error) == (404, "Error code: 404 - model not found")
