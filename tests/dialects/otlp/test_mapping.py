"""The attribute map, seen through both encodings: each case is one span, which both must read alike."""

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.dialects import otlp
from spanstats.dialects.batch import Batch
from spanstats.dialects.names.usage import TOKENS
from spanstats.dialects.otlp.attributes import ATTRIBUTES, LABELS
from spanstats.domain.span import Span

from ..recorded import as_protobuf

TRACE, SPAN_ID = "ab" * 16, "cd" * 8
START_NS = 1_767_225_600_000_000_000


def any_value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [any_value(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": pairs(value)}}
        case None:
            return {}
        case _:
            return {"stringValue": value}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]


def request(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "resourceSpans": [{"resource": {"attributes": pairs(resource or {})}, "scopeSpans": [{"spans": list(spans)}]}]
    }


def wire(attributes: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    times = {"startTimeUnixNano": str(START_NS), "endTimeUnixNano": str(START_NS + 1_500_000)}
    return {"traceId": TRACE, "spanId": SPAN_ID, "attributes": pairs(attributes or {}), **times, **fields}


def read_both(body: dict[str, Any]) -> Batch:
    """What both encodings read, which must be the same."""
    from_json = otlp.read_json(json.dumps(body).encode())
    assert otlp.read_protobuf(as_protobuf(body)) == from_json
    return from_json


def read(attributes: dict[str, Any] | None = None, **fields: Any) -> Span:
    batch = read_both(request(wire(attributes, **fields)))
    assert batch.rejected == []
    return batch.spans[0]


def rejection(attributes: dict[str, Any] | None = None, **fields: Any) -> str:
    [(index, problem)] = read_both(request(wire(attributes, **fields))).rejected
    assert index == 0
    return str(problem.location[0])


ALIASES = [(field, row.name) for field, rows in TOKENS.items() for row in rows]
PAIRS = [(field, a.name, b.name) for field, rows in TOKENS.items() for a, b in itertools.pairwise(rows)]


def test_every_name_of_a_count_is_that_count() -> None:
    for field, name in ALIASES:
        assert getattr(read({name: 7}), field) == 7, (field, name)
        assert getattr(read({name: "7"}), field) == 7, (field, name)


def test_of_two_names_of_a_count_the_first_wins_and_they_are_never_added() -> None:
    for field, first, second in PAIRS:
        assert getattr(read({first: 7, second: 5}), field) == 7, (field, first, second)
        assert getattr(read({second: 5, first: 7}), field) == 7, (field, first, second)
        assert getattr(read({second: 7, first: 7}), field) == 7, (field, first, second)


@pytest.mark.parametrize("name", ["gen_ai.usage.cost", "llm.cost.total", "cost"])
def test_cost_is_taken_as_sent(name: str) -> None:
    assert read({name: 0.25}).cost_pd == 250_000_000_000
    assert read({name: 0}).cost_pd == 0
    assert read({name: "0.25"}).cost_pd == 250_000_000_000
    assert read().cost_pd is None


def test_every_name_of_a_label_is_that_label() -> None:
    for label, name in [(label, name) for label, names in LABELS.items() for name in names]:
        assert read({name: "x"}).labels == {label: "x"}, (label, name)


def test_every_name_of_an_attribute_is_that_attribute() -> None:
    for field, name in [(field, name) for field, names in ATTRIBUTES.items() for name in names if field != "prompt_id"]:
        assert read({name: "x"}).attributes == {field: "x"}, (field, name)


def test_the_old_prefix_is_read_as_the_new_one() -> None:
    span = read(
        {
            "keywordsai.metadata.experiment_id": "e",
            "keywordsai.customer_params.customer_identifier": "c",
            "keywordsai.entity.log_type": "agent",
        }
    )
    assert (span.experiment_id, span.labels, span.kind) == ("e", {"customer_identifier": "c"}, "agent")
    assert span.metadata == {"experiment_id": "e"}


@pytest.mark.parametrize(
    ("attributes", "kind", "is_call"),
    [
        ({"respan.entity.log_type": "chat", "traceloop.span.kind": "task"}, "chat", True),
        ({"traceloop.span.kind": "workflow", "llm.request.type": "chat"}, "workflow", False),
        ({"llm.request.type": "completion"}, "completion", True),
        ({"gen_ai.operation.name": "chat"}, "chat", True),
        ({"gen_ai.operation.name": "text_completion"}, "completion", True),
        ({"gen_ai.operation.name": "embeddings"}, "embedding", True),
        ({"gen_ai.operation.name": "execute_tool"}, "tool", False),
        ({"openinference.span.kind": "LLM"}, "llm", True),
        ({"openinference.span.kind": "CHAIN"}, "chain", False),
        ({}, None, False),
    ],
)
def test_the_kind_is_the_first_that_any_convention_names(attributes: Any, kind: str | None, is_call: bool) -> None:
    span = read(attributes)
    assert (span.kind, span.is_llm_call) == (kind, is_call)


def test_current_opentelemetry_names_are_read() -> None:
    span = read(
        {
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.usage.input_tokens": 11,
            "gen_ai.usage.output_tokens": 3,
            "gen_ai.conversation.id": "c1",
            "gen_ai.input.messages": '[{"role":"user"}]',
        }
    )
    assert (span.provider, span.model, span.prompt_tokens, span.completion_tokens) == (
        "openai",
        "gpt-4o-2024-08-06",
        11,
        3,
    )
    assert (span.labels, span.input) == ({"thread_identifier": "c1"}, '[{"role":"user"}]')
    assert span.attributes == {"request_model": "gpt-4o", "sent_as_text": ["input"]}


def test_openinference_names_are_read() -> None:
    span = read(
        {
            "llm.model_name": "gpt-4o",
            "llm.token_count.prompt": 11,
            "llm.token_count.completion": 3,
            "llm.token_count.total": 14,
            "input.value": "3",
            "input.mime_type": "text/plain",
            "output.value": '{"a": 1}',
            "output.mime_type": "application/json",
            "metadata": '{"experiment_id": "e", "n": 1, "gone": null}',
            "session.id": "s",
            "user.id": "u",
        }
    )
    assert (span.model, span.prompt_tokens, span.completion_tokens, span.total_tokens) == ("gpt-4o", 11, 3, 14)
    assert (span.input, span.output) == ('"3"', '{"a": 1}')
    assert (span.metadata, span.experiment_id) == ({"experiment_id": "e", "n": 1}, "e")
    assert span.labels == {"session_identifier": "s", "customer_identifier": "u"}


@pytest.mark.parametrize(
    ("attributes", "experiment"),
    [
        ({"respan.metadata.experiment_id": "m", "experiment_id": "a"}, "m"),
        ({"respan.metadata": '{"experiment_id": "m"}', "experiment_id": "a"}, "m"),
        ({"respan.metadata": {"experiment_id": "m"}}, "m"),
        ({"experiment_id": "a", "respan.evaluation_params.evaluation_identifier": "v"}, "a"),
        ({"respan.evaluation_params.evaluation_identifier": "v"}, "v"),
        ({"respan.metadata.experiment_id": 42}, "42"),
        ({"respan.metadata.experiment_id": ""}, None),
        ({}, None),
    ],
)
def test_the_experiment_is_the_metadatas_then_the_attribute_then_the_evaluation(
    attributes: Any, experiment: str | None
) -> None:
    assert read(attributes).experiment_id == experiment


def test_metadata_keeps_types_and_takes_names_without_a_namespace() -> None:
    span = read(
        {
            "respan.metadata": '{"a": 1, "b": null, "n": 0}',
            "respan.metadata.n": 3,
            "respan.metadata.ok": True,
            "traceloop.association.properties.plan": "pro",
            "http.method": "GET",
            "ratio": 0.5,
            "list": ["x", 1],
            "map": {"k": {"deep": False}},
            "gen_ai.unheard.of": 1,
            "llm.unheard": "x",
            "nothing": None,
        },
    )
    assert span.metadata == {
        "a": 1,
        "n": 3,
        "ok": True,
        "plan": "pro",
        "ratio": 0.5,
        "list": ["x", 1],
        "map": {"k": {"deep": False}},
    }
    assert span.attributes == {"http.method": "GET", "gen_ai.unheard.of": 1, "llm.unheard": "x"}


def test_rows_of_a_dataset_are_tied_by_metadata() -> None:
    span = read({"respan.metadata": {"comparison_key": "k", "expected_output": {"a": 1}, "dataset_id": 5}})
    assert (span.labels, span.target) == ({"comparison_key": "k", "dataset_id": "5"}, '{"a":1}')


def test_attributes_of_the_sender_are_no_metadata() -> None:
    sender = {"service.name": "app", "deployment.environment.name": "prod", "host.name": "h"}
    [span] = read_both(request(wire(), resource=sender)).spans
    assert (span.metadata, span.attributes, span.labels) == (None, {"service_name": "app"}, {"environment": "prod"})
    [span] = read_both(request(wire({"respan.environment": "test"}), resource=sender)).spans
    assert span.labels == {"environment": "test"}
    for value, environment in ((True, {"environment": "true"}), (2, {"environment": "2"}), (["a"], {}), ({"a": 1}, {})):
        [span] = read_both(request(wire(), resource={"deployment.environment": value})).spans
        assert span.labels == environment


def test_numbered_messages_are_the_content_where_no_other_came() -> None:
    messages = {
        "gen_ai.prompt.1.content": "b",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "a",
        "gen_ai.completion.0.content": "c",
    }
    span = read(messages)
    assert json.loads(span.input or "") == [{"role": "user", "content": "a"}, {"content": "b"}]
    assert json.loads(span.output or "") == {"content": "c"}
    other = read({**messages, "traceloop.entity.input": '{"x": 1}', "traceloop.entity.output": '{"content": "c"}'})
    assert (other.input, other.output) == ('{"x": 1}', '{"content": "c"}')
    assert list(other.attributes) == ["sent_as_text", "input_messages"]


@pytest.mark.parametrize(
    ("status", "attributes", "expected"),
    [
        ({"code": 2, "message": "boom"}, {}, ("error", "boom", None)),
        ({"code": 1}, {}, ("success", None, None)),
        ({"code": 0}, {}, (None, None, None)),
        ({}, {"status_code": 404, "error.message": "gone"}, (None, "gone", 404)),
        ({"code": 2, "message": "boom"}, {"error.message": "clear"}, ("error", "clear", None)),
        ({}, {"status_code": "500"}, (None, None, 500)),
        ({}, {"status_code": "many"}, (None, None, None)),
    ],
)
def test_status_is_as_sent_and_unset_where_it_was_not(status: Any, attributes: Any, expected: Any) -> None:
    span = read(attributes, status=status)
    assert (span.status, span.error, span.status_code) == expected


def test_an_exception_event_is_the_error_where_no_message_came() -> None:
    exception = {"exception.type": "ValueError", "exception.message": "bad", "exception.stacktrace": "Trace..."}
    span = read(events=[{"name": "other"}, {"name": "exception", "attributes": pairs(exception)}])
    assert (span.status, span.error) == (None, "bad")
    assert span.attributes == {"error_class": "ValueError", "error_stacktrace": "Trace..."}


@given(st.integers(1, 10**19), st.integers(1, 10**19))
def test_times_are_cut_and_the_latency_is_that_of_the_nanoseconds(start_ns: int, end_ns: int) -> None:
    batch = otlp.read_json(json.dumps(request(wire(startTimeUnixNano=str(start_ns), endTimeUnixNano=end_ns))).encode())
    latest = 7_258_118_400_000_000_999
    if max(start_ns, end_ns) > latest:
        assert batch.rejected[0][1].code == "out_of_range"
        return
    [span] = batch.spans
    assert (span.start_us, span.end_us) == (start_ns // 1000, end_ns // 1000)
    assert (span.end_us or 0) - (span.start_us or 0) - span.borrow == (end_ns - start_ns) // 1000


@pytest.mark.parametrize("absent", [{"startTimeUnixNano": "0"}, {"endTimeUnixNano": "0"}])
def test_a_time_of_zero_was_not_sent(absent: dict[str, str]) -> None:
    span = read(None, **absent)
    assert [span.start_us, span.end_us].count(None) == 1
    assert span.borrow == 0


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"gen_ai.usage.input_tokens": -1}, "gen_ai.usage.input_tokens"),
        ({"gen_ai.usage.input_tokens": 2**31}, "gen_ai.usage.input_tokens"),
        ({"prompt_tokens": 1.5}, "prompt_tokens"),
        ({"prompt_tokens": True}, "prompt_tokens"),
        ({"cost": 100_001}, "cost"),
        ({"cost": "free"}, "cost"),
        ({"gen_ai.usage.cost": float("inf")}, "gen_ai.usage.cost"),
        ({"time_to_first_token": -0.1}, "time_to_first_token"),
        ({"respan.metadata.experiment_id": "x" * 257}, "metadata.experiment_id"),
        ({"experiment_id": "a\x00b"}, "experiment_id"),
        ({"respan.metadata.big": "x" * (256 * 1024)}, "metadata"),
    ],
)
def test_a_span_with_an_unusable_number_or_id_is_rejected_by_name(attributes: Any, field: str) -> None:
    body = request(wire(attributes))
    if float("inf") in attributes.values():
        body = request(wire() | {"attributes": [{"key": field, "value": {"doubleValue": "Infinity"}}]})
    [(_, problem)] = read_both(body).rejected
    assert problem.location == (field,)


def test_text_that_cannot_be_stored_is_replaced() -> None:
    span = read(
        {
            "traceloop.entity.name": "a\x00b",
            "k\x00": ["\x00"],
            "respan.environment": "\x00",
            "traceloop.entity.input": "a\x00b",
            "gen_ai.unheard": {"\x00": "\x00"},
        },
        name="n",
    )
    assert span.name == "a\ufffdb"
    assert "\\u0000" not in msgspec.json.encode(span).decode() + (span.input or "")


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a\x00"},
        {"status": {"code": 2, "message": "\x00"}},
        {"attributes": {"gen_ai.unheard": "\x00"}},
        {"attributes": {"k\x00": 1}},
        {"attributes": {"k": ["\x00"]}},
        {"attributes": {"respan.properties": '{"k": "\\u0000"}'}},
        {
            "attributes": {"gen_ai.unheard": "plain"},
            "events": [{"name": "exception", "attributes": pairs({"exception.message": "\x00"})}],
        },
    ],
)
def test_text_that_cannot_be_stored_is_replaced_wherever_one_span_has_it(fields: Any) -> None:
    bad, good = read_both(request(wire(**fields), wire(spanId="1" * 16))).spans
    assert "\\u0000" not in msgspec.json.encode(bad).decode()
    assert "\ufffd" in msgspec.json.encode(bad).decode()
    assert "\ufffd" not in msgspec.json.encode(good).decode()


def test_the_name_of_a_sender_that_cannot_be_stored_is_replaced() -> None:
    [span] = read_both(request(wire(), resource={"service.name": "\x00", "process.command_args": ["a"]})).spans
    assert span.attributes["service_name"] == "\ufffd"


@pytest.mark.parametrize(
    "escape", ["\\\\u0000", "\\u005cu0000", "\\u005Cud800", "\\\\ud800", "\\u0000", "\\\\\\u00750000"]
)
def test_text_inside_json_text_is_replaced_too_however_it_is_escaped(escape: str) -> None:
    body = json.dumps(request(wire({"respan.metadata": '{"k": "@"}', "respan.properties": '{"k": "@"}'})))
    [span] = otlp.read_json(body.replace("@", escape).encode()).spans
    assert "\\u0000" not in msgspec.json.encode(span).decode()
    assert "\ufffd" in str(span.metadata) + str(span.attributes)


def test_an_evaluators_span_carries_scores_of_its_own_source() -> None:
    span = read(
        {
            "respan.entity.log_type": "score",
            "traceloop.entity.name": "evaluator.quality",
            "traceloop.entity.output": '{"quality": {"primary_score": 0.9, "evaluator_id": "ev1"}}',
        }
    )
    assert [(s.key, s.value, s.slug, s.source) for s in span.scores or []] == [("ev1", 0.9, "quality", "evaluator")]


@pytest.mark.parametrize(
    ("flags", "is_root"), [(0x301, True), (0x300, True), (0x101, False), (0x201, False), (1, False), (None, False)]
)
def test_a_span_whose_parent_is_in_another_process_is_a_root(flags: int | None, is_root: bool) -> None:
    fields: dict[str, Any] = {} if flags is None else {"flags": flags}
    span = read(parentSpanId="ef" * 8, **fields)
    assert (span.is_root, span.parent_id) == (is_root, "ef" * 8)


def test_flags_are_read_as_text_and_say_nothing_where_they_are_no_number() -> None:
    for flags, is_root in (("769", True), ("many", False), (-1, False), (1e30, False)):
        [span] = otlp.read_json(json.dumps(request(wire(parentSpanId="ef" * 8, flags=flags))).encode()).spans
        assert span.is_root is is_root
