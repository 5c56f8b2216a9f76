"""OTLP in protobuf: ids are raw bytes. Bytes in attributes become base64, as in OTLP's JSON."""

from base64 import b64encode
from collections.abc import Iterable
from itertools import islice
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from ...domain.span import Span
from ...errors import InvalidInput, invalid
from ..batch import MAX_SPANS, Batch, check_count, read_each
from ..json_body import encode
from ..json_escapes import has_unicode_escapes
from ..json_limits import LONG, MAX_DEPTH
from ..storable import storable
from .loose_protobuf import read_message
from .mapping import to_span
from .split_protobuf import SpanBytes, split
from .wire import WireEvent, WireSpan, finite, hex_id, is_read, is_remote


def read_protobuf(body: bytes, *, max_spans: int = MAX_SPANS, max_depth: int = MAX_DEPTH) -> Batch:
    """The spans of an export request; a value may nest `max_depth` levels.

    Raises `InvalidInput` where the body is no such request.
    """
    if len(body) > LONG:
        return _read_one_by_one(body, max_spans, max_depth)
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return _read_one_by_one(body, max_spans, max_depth)
    if not all(resource.scope_spans for resource in request.resource_spans):
        return _read_one_by_one(body, max_spans, max_depth)
    resources = [(_attributes(resource.resource.attributes), resource) for resource in request.resource_spans]
    items = [
        (attributes, span)
        for attributes, resource in resources
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    check_count(len(items), max_spans)
    has_plain_text = _has_plain_text(body, [attributes for attributes, _ in resources])

    def read(item: tuple[dict[str, Any], Any]) -> Span:
        wire = _wire(item[1], item[0])
        span = to_span(wire)
        return span if has_plain_text and _has_no_nul(wire) else storable(span)

    return read_each(items, read)


def _has_plain_text(body: bytes, resources: list[dict[str, Any]]) -> bool:
    """Whether only a NUL in a span can be what PostgreSQL does not hold, as all text was decoded from UTF-8.

    Else it may be an escape in a text that is JSON, or a NUL in what is sent of the sender.
    """
    return not has_unicode_escapes(body) and "\\u0000" not in encode(resources)


def _has_no_nul(wire: WireSpan) -> bool:
    """`False` where that is not clear."""
    if wire.events or "\0" in wire.name or "\0" in wire.status_message:
        return False
    for value in wire.attributes.values():
        if value.__class__ is str:
            if "\0" in value:
                return False
        elif value.__class__ not in _NUMBERS:
            return False
    return "\0" not in "".join(wire.attributes)


_NUMBERS = frozenset((bool, int, float))


def _read(item: tuple[dict[str, Any], Any]) -> Span:
    return storable(to_span(_wire(item[1], item[0])))


def _read_one_by_one(body: bytes, max_spans: int, max_depth: int) -> Batch:
    """The spans of a request, one by one: a long one, one that cannot be decoded as a whole, or one of older versions,
    whose spans lie elsewhere."""
    pairs = list(islice(split(body), max_spans + 1))
    if pairs and not any(span for _, span in pairs):
        raise invalid("must be an ExportTraceServiceRequest in protobuf", code="protobuf_invalid")
    check_count(len(pairs), max_spans)
    resources = {resource: _resource(resource, max_depth) for resource, _ in pairs}

    def read(pair: SpanBytes) -> Span:
        resource, span = pair
        if span is None:
            raise invalid("and what follows it cannot be read", code="protobuf_invalid")
        return _read((resources[resource], _message(span, trace_pb2.Span, max_depth)))

    return read_each(pairs, read)


def _resource(data: bytes, max_depth: int) -> dict[str, Any]:
    """Attributes of the sender, none where they cannot be read."""
    try:
        return _attributes(_message(data, resource_pb2.Resource, max_depth).attributes)
    except InvalidInput:
        return {}


def _message(data: bytes, type_: Any, max_depth: int) -> Any:
    """A message of a generated class, read by that class where this is quick and can be done. Raises `InvalidInput`."""
    if len(data) <= LONG:
        try:
            return type_.FromString(data)
        except DecodeError:
            pass
    return read_message(data, type_.DESCRIPTOR, max_depth)


def _wire(span: Any, resource: dict[str, Any]) -> WireSpan:
    parent_id = span.parent_span_id
    return WireSpan(
        trace_id=_id(span.trace_id, "traceId", 16),
        span_id=_id(span.span_id, "spanId", 8),
        parent_id=_id(parent_id, "parentSpanId", 8) if parent_id.strip(b"\0") else None,
        name=span.name,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status_code=span.status.code,
        status_message=span.status.message,
        attributes=_attributes(span.attributes),
        events=_events(span.events) if span.events else [],
        resource=resource,
        remote_parent=is_remote(span.flags),
    )


def _events(events: Iterable[Any]) -> list[WireEvent]:
    return [WireEvent(e.name, e.time_unix_nano, _attributes(e.attributes)) for e in events if is_read(e.name)]


def _id(id_: bytes, field: str, length: int) -> str:
    """As hex. The rule that both encodings share checks it."""
    if len(id_) == length and id_.strip(b"\0"):
        return id_.hex()
    return hex_id(id_.hex(), field, 2 * length)


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    # Most values are texts: the first check decides.
    return {pair.key: value.string_value or _value(value) for pair in pairs for value in (pair.value,)}


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
