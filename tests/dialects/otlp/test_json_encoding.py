import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from spanstats.dialects.otlp import read_json
from spanstats.errors import InvalidInput, TooLarge

from ..test_json_body import JSON
from .test_mapping import SPAN_ID, TRACE, request, wire


def read(*spans: Any) -> Any:
    return read_json(json.dumps(request(*spans)).encode())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"traceId": None}, "traceId"),
        ({"traceId": ""}, "traceId"),
        ({"traceId": "ab" * 15}, "traceId"),
        ({"traceId": "0" * 32}, "traceId"),
        ({"traceId": "g" * 32}, "traceId"),
        ({"traceId": "q6urq6urq6urq6urq6urqw=="}, "traceId"),
        ({"traceId": "0x" + "a" * 30}, "traceId"),
        ({"traceId": "1_" * 16}, "traceId"),
        ({"spanId": "0" * 16}, "spanId"),
        ({"spanId": 7}, "spanId"),
        ({"parentSpanId": "abc"}, "parentSpanId"),
        ({"parentSpanId": "\x00" * 16}, "parentSpanId"),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano"),
        ({"startTimeUnixNano": -1}, "startTimeUnixNano"),
        ({"endTimeUnixNano": str(2**64)}, "endTimeUnixNano"),
        ({"attributes": [{"key": "n", "value": {"intValue": str(2**63)}}]}, "intValue"),
        ({"attributes": [{"key": "n", "value": {"intValue": "1.5"}}]}, "intValue"),
    ],
)
def test_a_bad_span_is_rejected_by_field_and_costs_no_other(change: dict[str, Any], field: str) -> None:
    batch = read(wire(), wire() | change, wire(spanId="12" * 8))
    assert [span.span_id for span in batch.spans] == [SPAN_ID, "12" * 8]
    [(index, problem)] = batch.rejected
    assert (index, problem.location[0]) == (1, field)
    assert batch.reasons.startswith(f"span 1: {field}: ")


@pytest.mark.parametrize("span", [None, 5, "x", [], {"name": 5}, {"attributes": {}}, {"events": [1]}, {"status": 2}])
def test_a_span_that_is_none_is_rejected(span: Any) -> None:
    batch = read(wire(), span if not isinstance(span, dict) else wire() | span)
    assert (len(batch.spans), [index for index, _ in batch.rejected]) == (1, [1])


@pytest.mark.parametrize(
    ("code", "status"),
    [(2, "error"), (2.0, "error"), ("2", "error"), ("STATUS_CODE_ERROR", "error"), (1.0, "success"), ("1", "success")]
    + [(code, None) for code in (0, "0", 2.5, -1, 3, 2**70, "3", "", "soon", None)],
)
def test_a_status_is_read_in_any_form_and_costs_no_span(code: object, status: str | None) -> None:
    [span] = read(wire(status={"code": code})).spans
    assert span.status == status


def test_ids_are_kept_as_lower_case_hex_and_an_empty_parent_is_none() -> None:
    [span] = read(wire(traceId=TRACE.upper(), spanId=SPAN_ID.upper(), parentSpanId="")).spans
    assert (span.trace_id, span.span_id, span.parent_id, span.is_root) == (TRACE, SPAN_ID, None, True)
    [span] = read(wire(parentSpanId="EF" * 8)).spans
    assert (span.parent_id, span.is_root) == ("ef" * 8, False)


@pytest.mark.parametrize("value", ["1767225600000000001", 1_767_225_600_000_000_001, 1.767225600e18])
def test_times_may_be_text_or_numbers(value: Any) -> None:
    [span] = read(wire(startTimeUnixNano=value)).spans
    assert span.start_us == 1_767_225_600_000_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"intValue": "-9223372036854775808"}, -(2**63)),
        ({"intValue": 5}, 5),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": "NaN"}, "NaN"),
        ({"bytesValue": "aGk="}, "aGk="),
        ({"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "x"}]}}, [1, "x"]),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": False}}]}}, {"k": False}),
        ({"stringValue": ""}, None),
        ({}, None),
        (None, None),
    ],
)
def test_every_type_of_value_is_read(value: Any, expected: Any) -> None:
    [span] = read(wire() | {"attributes": [{"key": "k", "value": value}]}).spans
    assert (span.metadata or {}).get("k") == expected


@pytest.mark.parametrize("body", ["", "[]", "5", '{"resourceSpans": 5}', '{"resourceSpans": [{"scopeSpans": 1}]}'])
def test_a_body_that_is_no_request_is_refused(body: str) -> None:
    with pytest.raises(InvalidInput):
        read_json(body.encode())


@pytest.mark.parametrize("body", ["{}", '{"resourceSpans": null}', '{"resourceSpans": [{"scopeSpans": [{}]}]}'])
def test_a_request_without_spans_is_good_and_empty(body: str) -> None:
    batch = read_json(body.encode())
    assert (batch.spans, batch.rejected) == ([], [])


def test_an_unreadable_resource_costs_no_span() -> None:
    body = request(wire())
    body["resourceSpans"][0]["resource"] = {"attributes": 5}
    assert len(read_json(json.dumps(body).encode()).spans) == 1


def test_more_spans_than_the_limit_are_too_many() -> None:
    body = json.dumps(request(wire(), wire())).encode()
    assert len(read_json(body, max_spans=2).spans) == 2
    with pytest.raises(TooLarge):
        read_json(body, max_spans=1)


@given(JSON, JSON)
def test_any_json_is_read_rejected_or_refused(value: Any, other: Any) -> None:
    bodies = [
        value,
        {"resourceSpans": value},
        request(value, wire()),
        request(wire() | {"attributes": [{"key": "k", "value": value}, {"key": "input.value", "value": other}]}),
        request(wire() | {"attributes": [{"key": "respan.metadata", "value": {"stringValue": json.dumps(value)}}]}),
        request(wire(events=value, status=other)),
    ]
    for body in bodies:
        try:
            msgspec.json.encode(read_json(json.dumps(body).encode()).spans)
        except InvalidInput:
            continue
