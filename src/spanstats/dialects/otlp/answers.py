"""OTLP's answers: partial success for a good request, google.rpc.Status for a failed one, in the request's encoding."""

from itertools import islice

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ...domain.span import Span
from ..batch import Batch

JSON = "application/json"
PROTOBUF = "application/x-protobuf"

# HTTP status -> google.rpc.Code.
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 413: 3, 415: 3, 422: 3, 429: 8, 501: 12, 503: 14, 504: 4}
_UNKNOWN_CLIENT, _INTERNAL = 3, 13

_MAX_CUT = 5
_NO_SPANS = "nothing was stored: the request has no spans (they are read from resourceSpans[].scopeSpans[].spans)"


def is_protobuf(content_type: str) -> bool:
    """Whether a body of this content type is protobuf; anything else is read as JSON."""
    return content_type.partition(";")[0].strip().lower() in (PROTOBUF, "application/protobuf")


def message_of(batch: Batch) -> str:
    """What a client should know of a request that is answered with success; empty text where all is well."""
    if not batch.spans and not batch.rejected:
        return _NO_SPANS
    cut = (f"span {s.span_id}: {name} was cut to 256 KiB" for s in batch.spans for name in _cut(s))
    return "; ".join(filter(None, (batch.reasons, *islice(cut, _MAX_CUT))))


def _cut(span: Span) -> list[str]:
    names = span.attributes.get("cut")
    return names if isinstance(names, list) else []


def encode_success(rejected: int, message: str, protobuf: bool) -> bytes:
    """`ExportTraceServiceResponse`, with a partial success where there is a message.

    Of no rejected spans, the message is a warning: https://opentelemetry.io/docs/specs/otlp/#partial-success-1
    """
    if protobuf:
        response = ExportTraceServiceResponse()
        if message:
            response.partial_success.rejected_spans = rejected
            response.partial_success.error_message = message
        return bytes(response.SerializeToString())
    partial = {"rejectedSpans": rejected, "errorMessage": message} if message else {}
    return msgspec.json.encode({"partialSuccess": partial})


def encode_status(http_status: int, message: str, content_type: str) -> tuple[bytes, str]:
    """(body, media type) of an error: `Status{code, message}`. In JSON `error` says the same to Respan's clients."""
    code = _CODES.get(http_status, _UNKNOWN_CLIENT if http_status < 500 else _INTERNAL)
    if not is_protobuf(content_type):
        return msgspec.json.encode({"code": code, "message": message, "error": message}), JSON
    text = message.encode("utf-8", "replace")
    # Fields 1 (varint) and 2 (length-delimited); no package at hand has the message.
    return b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text, PROTOBUF


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
