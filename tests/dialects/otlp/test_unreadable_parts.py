"""What cannot be read costs its own text or span: in either encoding all other spans are stored, and it is named."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanstats.dialects.batch import Batch
from spanstats.dialects.otlp import protobuf_encoding, read_json, read_protobuf
from spanstats.errors import InvalidInput, TooLarge

from ..recorded import CAPTURES, as_protobuf
from .test_mapping import request, wire

IDS = [f"{number:016x}" for number in range(1, 4)]


def spans(**odd: Any) -> list[dict[str, Any]]:
    """Three spans, of which the second has something odd."""
    return [wire(spanId=IDS[0]), wire(spanId=IDS[1]) | odd, wire(spanId=IDS[2])]


def ids(batch: Batch) -> list[str]:
    return [span.span_id for span in batch.spans]


GOOD = {"scopeSpans": [{"spans": [wire(spanId=IDS[0])]}]}
LAST = {"scopeSpans": [{"spans": [wire(spanId=IDS[2])]}]}


@pytest.mark.parametrize("bad", [None, 5, "text", [], {"scopeSpans": {}}, {"scopeSpans": 5}])
def test_a_resource_that_is_no_object_costs_no_other(bad: Any) -> None:
    batch = read_json(json.dumps({"resourceSpans": [GOOD, bad, LAST]}).encode())
    assert ids(batch) == [IDS[0], IDS[2]]
    [(index, problem)] = batch.rejected
    assert (index, problem.message.startswith("a part of the request: ")) == (1, True)


@pytest.mark.parametrize("bad", [None, 5, "text", [], {"spans": {}}])
def test_a_scope_that_is_no_object_costs_no_other(bad: Any) -> None:
    batch = read_json(json.dumps({"resourceSpans": [{"scopeSpans": [bad, {"spans": spans()}]}, LAST]}).encode())
    assert ids(batch) == [*IDS, IDS[2]]
    assert [index for index, _ in batch.rejected] == [0]


def test_a_span_keeps_its_resource_beside_one_that_is_no_object() -> None:
    export = request(wire(), resource={"service.name": "shop"})
    batch = read_json(json.dumps({"resourceSpans": [None, *export["resourceSpans"]]}).encode())
    assert [span.attributes["service_name"] for span in batch.spans] == ["shop"]


@pytest.mark.parametrize("body", ["null", "[]", '{"resourceSpans": {}}', '{"resourceSpans": 5}'])
def test_a_body_that_is_no_request_is_refused(body: str) -> None:
    with pytest.raises(InvalidInput):
        read_json(body.encode())


@pytest.mark.parametrize(("key", "is_stored"), [("doubleValue", True), ("unheard", True), ("intValue", False)])
def test_a_number_that_is_too_large_costs_at_most_its_span(key: str, is_stored: bool) -> None:
    body = json.dumps(request(*spans(attributes=attribute({key: 0.5}, "a.state")))).replace("0.5", "9" * 5_000)
    batch = read_json(body.encode())
    assert ids(batch) == (IDS if is_stored else [IDS[0], IDS[2]])
    if key == "doubleValue":
        assert batch.spans[1].attributes["a.state"] == "9" * 5_000


def attribute(value: dict[str, Any], key: str = "state") -> list[dict[str, Any]]:
    return [{"key": key, "value": value}]


def objects(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"stringValue": "end"}
    for _ in range(levels):
        value = {"kvlistValue": {"values": [{"key": "k", "value": value}]}}
    return value


def lists(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"stringValue": "end"}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    return value


def protobuf(*parts: bytes) -> bytes:
    """A request of these spans, each as the bytes that it has."""
    return field(1, field(2, b"".join(field(2, part) for part in parts)))


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80]) + varint(value >> 7) if value > 0x7F else bytes([value])


def as_bytes(span: dict[str, Any]) -> bytes:
    [part] = ExportTraceServiceRequest.FromString(as_protobuf(request(span))).resource_spans[0].scope_spans[0].spans
    content: bytes = part.SerializeToString()
    return content


def deep_protobuf(nested: dict[str, Any]) -> bytes:
    """The span's bytes with this attribute, which the generated classes refuse to read, and so to make from JSON."""
    return as_bytes(wire(spanId=IDS[1])) + field(9, field(1, b"state") + field(2, any_value(nested)))


def any_value(value: dict[str, Any]) -> bytes:
    if "stringValue" in value:
        return field(1, value["stringValue"].encode())
    if "arrayValue" in value:
        return field(5, b"".join(field(1, any_value(item)) for item in value["arrayValue"]["values"]))
    return field(
        6,
        b"".join(
            field(1, field(1, pair["key"].encode()) + field(2, any_value(pair["value"])))
            for pair in value["kvlistValue"]["values"]
        ),
    )


NEIGHBOURS = as_bytes(wire(spanId=IDS[0])), as_bytes(wire(spanId=IDS[2]))


@pytest.mark.parametrize("nested", [objects, lists])
@pytest.mark.parametrize("levels", [1, 15, 31, 33, 64])
def test_a_value_of_64_levels_is_kept_in_both_encodings(nested: Callable[[int], Any], levels: int) -> None:
    first, last = NEIGHBOURS
    from_json = read_json(json.dumps(request(*spans(attributes=attribute(nested(levels))))).encode())
    from_protobuf = read_protobuf(protobuf(first, deep_protobuf(nested(levels)), last))
    for batch in (from_json, from_protobuf):
        assert (ids(batch), batch.rejected) == (IDS, [])
        [value] = [*(batch.spans[1].metadata or {}).values(), *batch.spans[1].attributes.values()]
        for _ in range(levels):
            [value] = value.values() if isinstance(value, dict) else value
        assert value == "end"


@pytest.mark.parametrize("nested", [objects, lists])
@pytest.mark.parametrize("levels", [65, 66, 88, 100, 2000])
def test_a_deeper_value_costs_its_span_by_name_and_no_other(nested: Callable[[int], Any], levels: int) -> None:
    first, last = NEIGHBOURS
    text = json.dumps(request(*spans(name="HERE"))).replace('"HERE"', '"n", "attributes": HERE')
    value = '{"stringValue": "end"}'
    before, after = (
        ('{"kvlistValue": {"values": [{"key": "k", "value": ', "}]}}")
        if nested is objects
        else ('{"arrayValue": {"values": [', "]}}")
    )
    deep = f'[{{"key": "state", "value": {before * levels}{value}{after * levels}}}]'
    batches = [read_json(text.replace("HERE", deep).encode())]
    if levels <= 100:
        batches.append(read_protobuf(protobuf(first, deep_protobuf(nested(levels)), last)))
    for batch in batches:
        assert ids(batch) == [IDS[0], IDS[2]]
        [(index, problem)] = batch.rejected
        assert (index, "level" in problem.message) == (1, True)


BAD_TEXTS = [b"caf\xe2\x82", b"\xff", b"a\xc3(b", b"\xed\xa0\x80", b"\xe9t\xe9"]


@pytest.mark.parametrize("bad", BAD_TEXTS)
@pytest.mark.parametrize("where", ["name", "stringValue", "key", "message", "scope"])
def test_text_that_is_not_utf_8_costs_no_more_than_itself(bad: bytes, where: str) -> None:
    mark = "~" * len(bad)
    odds: dict[str, dict[str, Any]] = {
        "name": {"name": mark},
        "stringValue": {"attributes": attribute({"stringValue": mark}, "tool.output")},
        "key": {"attributes": attribute({"stringValue": "v"}, mark)},
        "message": {"status": {"code": 2, "message": mark}},
        "scope": {},
    }
    export = request(*spans(**odds[where]))
    export["resourceSpans"][0]["scopeSpans"][0]["scope"] = {"name": mark if where == "scope" else "s"}
    for body, read in ((as_protobuf(export), read_protobuf), (json.dumps(export).encode(), read_json)):
        assert mark.encode() in body
        batch = read(body.replace(mark.encode(), bad))
        assert (ids(batch), batch.rejected) == (IDS, [])
        if where == "name":
            assert "\ufffd" in (batch.spans[1].name or "")
            assert "\0" not in (batch.spans[1].name or "")


def test_an_id_that_is_not_utf_8_is_refused_and_not_made_another() -> None:
    odd = {"attributes": attribute({"stringValue": "exp~"}, "respan.metadata.experiment_id")}
    export = request(*spans(**odd))
    for body, read in ((as_protobuf(export), read_protobuf), (json.dumps(export).encode(), read_json)):
        batch = read(body.replace(b"exp~", b"exp\xff"))
        assert ids(batch) == [IDS[0], IDS[2]]
        assert [index for index, _ in batch.rejected] == [1]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_read_as_protobuf_names_them(constant: str) -> None:
    odd = {"attributes": attribute({"doubleValue": "HERE"}, "tool.ratio")}
    body = json.dumps(request(*spans(**odd))).replace('"HERE"', constant).encode()
    from_protobuf = read_protobuf(
        as_protobuf(request(*spans(attributes=attribute({"doubleValue": constant}, "tool.ratio"))))
    )
    assert read_json(body) == from_protobuf
    assert ids(from_protobuf) == IDS


@pytest.mark.parametrize(
    "part", ["{,}", '{"name": tru}', '{"name": "a" "b"}', '{"name": 1.}', "{'name': 1}", '{"n": 01}']
)
def test_a_span_that_is_no_json_costs_no_other(part: str) -> None:
    body = json.dumps(request(*spans())).encode()
    second = json.dumps(spans()[1]).encode()
    assert second in body
    batch = read_json(body.replace(second, part.encode()))
    assert ids(batch) == [IDS[0], IDS[2]]
    [(index, problem)] = batch.rejected
    assert (index, problem.code) == (1, "json_invalid")


@pytest.mark.parametrize("cut", [1, 2, 10, 30])
def test_a_span_that_is_cut_costs_no_other(cut: int) -> None:
    first, last = NEIGHBOURS
    batch = read_protobuf(protobuf(first, as_bytes(wire(spanId=IDS[1]))[:-cut], last))
    assert ids(batch) == [IDS[0], IDS[2]]
    assert [index for index, _ in batch.rejected] == [1]
    assert batch.reasons.startswith("span 1: ")


def test_of_a_body_that_is_cut_the_whole_spans_are_stored_and_the_cut_one_is_named() -> None:
    batch = read_protobuf(as_protobuf(request(*spans()))[:-5])
    assert ids(batch) == IDS[:2]
    assert [index for index, _ in batch.rejected] == [2]


@given(st.data())
def test_whatever_becomes_of_the_bytes_of_one_span_the_others_are_stored(data: st.DataObject) -> None:
    first, last = NEIGHBOURS
    odd = bytearray(
        as_bytes(wire({"k": ["v", 1.5], "o": {"p": "q"}}, spanId=IDS[1], status={"code": 2, "message": "m"}))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        odd[data.draw(st.integers(0, len(odd) - 1))] = data.draw(st.integers(0, 255))
    part = bytes(odd[: data.draw(st.integers(0, len(odd)))])
    batch = read_protobuf(protobuf(first, part, last))
    stored_ids = ids(batch)
    assert (stored_ids[0], stored_ids[-1]) == (IDS[0], IDS[2])
    assert len(stored_ids) + len(batch.rejected) == 3


@given(st.data())
def test_whatever_stands_in_a_text_or_number_of_one_span_in_json_the_others_are_stored(data: st.DataObject) -> None:
    noise = data.draw(st.binary(max_size=20).filter(lambda raw: not set(raw) & set(b'[]{}"\\')))
    odd = {"name": "MARK", "kind": "TOKEN"}
    body = json.dumps(request(*spans(**odd))).encode()
    for mark in (b"MARK", b'"TOKEN"'):
        batch = read_json(body.replace(mark, noise))
        stored_ids = ids(batch)
        assert (stored_ids[0], stored_ids[-1]) == (IDS[0], IDS[2])
        assert len(stored_ids) + len(batch.rejected) == 3


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    for body in (noise, protobuf(noise), field(1, noise), field(1, field(2, noise))):
        try:
            read_protobuf(body)
        except InvalidInput:
            continue


def snake(value: Any) -> Any:
    """Under protobuf's own names of fields."""
    if isinstance(value, list):
        return [snake(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): snake(item) for name, item in value.items()}


def test_older_names_of_fields_are_read() -> None:
    export = request(*spans(attributes=attribute({"stringValue": "a_b"}, "my_key")))
    expected = read_json(json.dumps(export).encode())
    assert ids(expected) == IDS
    assert read_json(json.dumps(snake(export)).encode()) == expected
    for name in ("instrumentationLibrarySpans", "instrumentation_library_spans"):
        old = json.dumps(export).replace("scopeSpans", name).encode()
        assert read_json(old) == expected
    scope = as_protobuf(export)
    request_ = ExportTraceServiceRequest.FromString(scope)
    inner = request_.resource_spans[0].scope_spans[0].SerializeToString()
    assert read_protobuf(field(1, varint(1000 << 3 | 2) + varint(len(inner)) + inner)) == expected


def test_the_limit_of_spans_holds_for_what_is_read_part_by_part() -> None:
    first, last = NEIGHBOURS
    with pytest.raises(TooLarge):
        read_protobuf(protobuf(first, b"\xff", last), max_spans=2)


@pytest.mark.parametrize("instrumentation", ["openinf_openai", "pydantic_ai", "traceloop"])
def test_a_long_export_is_read_as_a_short_one(instrumentation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [file.read_bytes() for file in sorted((CAPTURES / "instrumentations" / instrumentation).glob("*-200.pb"))]
    whole = [read_protobuf(body) for body in bodies]
    monkeypatch.setattr(protobuf_encoding, "LONG", 100)
    assert [read_protobuf(body) for body in bodies] == whole


def test_a_message_of_millions_of_fields_costs_its_own_span() -> None:
    good, other = (as_bytes(span) for span in spans()[:2])
    empty_attributes = b"\x4a\x00" * 200_000
    batch = read_protobuf(protobuf(good, as_bytes(wire(spanId=IDS[2])) + empty_attributes, other))
    assert ids(batch) == IDS[:2]
    assert [(index, str(problem)) for index, problem in batch.rejected] == [(1, "has too many fields")]


def test_of_millions_of_empty_messages_around_spans_few_are_read() -> None:
    scope = field(2, field(2, as_bytes(wire(spanId=IDS[0]))))
    batch = read_protobuf(field(1, scope) + b"\x0a\x00" * 1_000_000)
    assert (ids(batch), len(batch.rejected)) == (IDS[:1], 1)
    with pytest.raises(InvalidInput):
        read_protobuf(field(1, scope + b"\x12\x00" * 1_000_000))
