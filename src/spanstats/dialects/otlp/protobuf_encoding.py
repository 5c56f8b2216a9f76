"""OTLP in protobuf: ids are raw bytes. Bytes in attributes become base64, as in OTLP's JSON."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ...domain.span import Span
from ...errors import invalid
from ..batch import MAX_SPANS, Batch, check_count, read_each
from ..storable import storable
from .mapping import to_span
from .wire import WireEvent, WireSpan, finite, hex_id, is_read, is_remote


def read_protobuf(body: bytes, *, max_spans: int = MAX_SPANS) -> Batch:
    """The spans of an export request. Raises `InvalidInput` where the body as a whole cannot be read."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise invalid("must be an ExportTraceServiceRequest in protobuf", kind="protobuf_invalid") from None
    items = [
        (_attributes(resource.resource.attributes), span)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    check_count(len(items), max_spans)
    return read_each(items, _read)


def _read(item: tuple[dict[str, Any], Any]) -> Span:
    return storable(to_span(_wire(item[1], item[0])))


def _wire(span: Any, resource: dict[str, Any]) -> WireSpan:
    return WireSpan(
        trace_id=hex_id(span.trace_id.hex(), "traceId", 32),
        span_id=hex_id(span.span_id.hex(), "spanId", 16),
        parent_id=hex_id(span.parent_span_id.hex(), "parentSpanId", 16) if any(span.parent_span_id) else None,
        name=span.name,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status_code=span.status.code,
        status_message=span.status.message,
        attributes=_attributes(span.attributes),
        events=[WireEvent(e.name, e.time_unix_nano, _attributes(e.attributes)) for e in span.events if is_read(e.name)],
        resource=resource,
        remote_parent=is_remote(span.flags),
    )


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "bool_value":
            return value.bool_value
        case "double_value":
            return finite(value.double_value)
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case "bytes_value":
            return b64encode(value.bytes_value).decode()
        case _:
            return None
