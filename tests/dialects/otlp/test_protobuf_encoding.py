import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanstats.dialects.otlp import read_protobuf
from spanstats.errors import InvalidInput, TooLarge

from ..recorded import as_protobuf
from .test_mapping import request, wire


def sent(*ids: tuple[bytes, bytes, bytes]) -> bytes:
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for trace_id, span_id, parent_id in ids:
        spans.add(trace_id=trace_id, span_id=span_id, parent_span_id=parent_id)
    return message.SerializeToString()


def test_ids_are_bytes_and_read_as_hex() -> None:
    good = (b"\xab" * 16, b"\xcd" * 8, b"")
    batch = read_protobuf(sent(good, (b"\xab" * 16, b"\x01" * 8, b"\xcd" * 8), (b"\xab" * 16, b"\x02" * 8, bytes(8))))
    assert [(s.trace_id, s.span_id, s.parent_id) for s in batch.spans] == [
        ("ab" * 16, "cd" * 8, None),
        ("ab" * 16, "01" * 8, "cd" * 8),
        ("ab" * 16, "02" * 8, None),
    ]


@pytest.mark.parametrize(
    ("ids", "field"),
    [
        ((b"", b"\x01" * 8, b""), "traceId"),
        ((bytes(16), b"\x01" * 8, b""), "traceId"),
        ((b"\x01" * 16, b"", b""), "spanId"),
        ((b"\x01" * 16, b"\x01" * 7, b""), "spanId"),
        ((b"\x01" * 16, b"\x01" * 8, b"\x01"), "parentSpanId"),
    ],
)
def test_a_span_with_a_bad_id_is_rejected_alone(ids: tuple[bytes, bytes, bytes], field: str) -> None:
    batch = read_protobuf(sent((b"\x01" * 16, b"\x02" * 8, b""), ids))
    assert len(batch.spans) == 1
    assert [(index, problem.location) for index, problem in batch.rejected] == [(1, (field,))]


def test_an_empty_body_is_a_request_without_spans() -> None:
    assert read_protobuf(b"").spans == []


def test_bytes_become_base64() -> None:
    body = as_protobuf(request(wire() | {"attributes": [{"key": "k", "value": {"bytesValue": "aGk="}}]}))
    assert read_protobuf(body).spans[0].metadata == {"k": "aGk="}


def test_more_spans_than_the_limit_are_too_many() -> None:
    with pytest.raises(TooLarge):
        read_protobuf(as_protobuf(request(wire(), wire())), max_spans=1)


@given(st.binary(max_size=200), st.integers(0, 100), st.integers(0, 255))
def test_any_bytes_are_read_or_refused(noise: bytes, place: int, changed: int) -> None:
    good = bytearray(as_protobuf(request(wire({"k": ["v", 1.5]}))))
    good[place % len(good)] = changed
    for body in (noise, bytes(good), bytes(good[:place])):
        try:
            read_protobuf(body)
        except InvalidInput:
            continue
