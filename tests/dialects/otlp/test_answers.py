import json
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanstats.dialects.otlp import encode_status, encode_success


def status_class() -> Any:
    """google.rpc.Status as its published definition has it, without the details."""
    file = FileDescriptorProto(name="status.proto", package="google.rpc", syntax="proto3")
    message = DescriptorProto(name="Status")
    field = FieldDescriptorProto
    message.field.add(name="code", number=1, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    message.field.add(name="message", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    file.message_type.append(message)
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("google.rpc.Status"))


def test_success_says_nothing_and_partial_success_says_what_was_rejected() -> None:
    assert encode_success(0, "", protobuf=True) == b""
    assert json.loads(encode_success(0, "", protobuf=False)) == {"partialSuccess": {}}
    answer = json.loads(encode_success(2, "span 1: x", protobuf=False))
    assert answer == {"partialSuccess": {"rejectedSpans": 2, "errorMessage": "span 1: x"}}
    message = ExportTraceServiceResponse.FromString(encode_success(2, "span 1: x", protobuf=True))
    assert (message.partial_success.rejected_spans, message.partial_success.error_message) == (2, "span 1: x")


@pytest.mark.parametrize("text", ["", "short", "x" * 127, "x" * 128, "é" * 300, "x" * 20_000])
def test_an_error_in_protobuf_is_a_status_that_protobuf_reads(text: str) -> None:
    body, media_type = encode_status(400, text, "application/x-protobuf; charset=utf-8")
    status = status_class().FromString(body)
    assert (status.code, status.message, media_type) == (3, text, "application/x-protobuf")


@pytest.mark.parametrize(("http", "code"), [(400, 3), (401, 16), (404, 5), (413, 3), (418, 3), (503, 14), (500, 13)])
def test_every_status_has_its_code_and_json_names_the_error_for_respans_clients(http: int, code: int) -> None:
    body, media_type = encode_status(http, "no", "application/json")
    assert json.loads(body) == {"code": code, "message": "no", "error": "no"}
    assert media_type == "application/json"
