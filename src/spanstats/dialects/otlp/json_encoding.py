"""OTLP in JSON: ids are hex, 64-bit integers text or numbers, enums numbers. Unknown fields are ignored."""

from typing import Any

import msgspec

from ...domain.values import number
from ...errors import InvalidInput, invalid
from ..batch import MAX_SPANS, Batch, check_count, read_each
from ..json_body import MAX_DEPTH, Escapes, check_marks, decode_checked, decoder
from ..json_items import reason_of
from ..json_mending import mended
from ..json_repair import check_levels
from ..numbers import is_unknown
from ..storable import storable
from .json_request import Event, JsonSpan, KeyValue, Request, Resource, ResourceSpans, Status, Value
from .loose_json import decode_request
from .mapping import to_span
from .older_names import under_current_names
from .wire import WireEvent, WireSpan, finite, hex_id, is_read, is_remote

_NO_SPANS: list[msgspec.Raw] = []
_STATUS_NAMES = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_INT64 = 2**63
_SURELY_64_BITS = 18
"""A number of this many digits always fits."""
_MAX_NS = 2**64
_RESOURCE = decoder(Resource)

# The brackets around a span: {resourceSpans: [{scopeSpans: [{spans: [
_PATH = b"{[{[{["
# {kvlistValue: {values: [{value: is one level of a value; around it {events: [{attributes: [{value: {
_BRACKETS_OF_LEVEL, _BRACKETS_OF_SPAN = 4, 8
_SPAN = decoder(JsonSpan)


def read_json(body: bytes, *, max_spans: int = MAX_SPANS, max_depth: int = MAX_DEPTH) -> Batch:
    """The spans of an export request; a value may nest `max_depth` levels.

    Raises `InvalidInput` where the body is no such request.
    """
    span_depth = _BRACKETS_OF_LEVEL * max_depth + _BRACKETS_OF_SPAN
    decoded = decode_request(body, _PATH, span_depth)
    if not _has_current_names(decoded.value) and (renamed := under_current_names(body, _PATH, span_depth)):
        decoded = decode_request(renamed, _PATH, span_depth)
    request = decoded.value
    # An escape may also turn up in JSON that is itself text, with its characters escaped in any way.
    unstorable = decoded.escapes is not Escapes.NONE
    check_count(sum(map(_count, request.resource_spans or ())), max_spans)
    items = [(resource, raw) for resource in request.resource_spans or () for raw in _spans(resource)]
    resources = {id(r): _resource(r.resource) for r in request.resource_spans or ()}

    def read(item: tuple[ResourceSpans, msgspec.Raw]) -> Any:
        wire = _wire(item[1], resources[id(item[0])])
        if decoded.mended:
            check_levels(wire.attributes, max_depth)
        span = to_span(wire)
        return storable(span) if unstorable else span

    return read_each(items, read)


def _has_current_names(request: Request) -> bool:
    """Whether spans may lie wherever there is a resource."""
    return bool(request.resource_spans) and all(r.scope_spans for r in request.resource_spans or ())


def _count(resource: ResourceSpans) -> int:
    return sum(len(scope.spans) for scope in resource.scope_spans or () if scope.spans)


def _spans(resource: ResourceSpans) -> list[msgspec.Raw]:
    return [raw for scope in resource.scope_spans or () for raw in scope.spans or _NO_SPANS]


def _resource(raw: msgspec.Raw) -> dict[str, Any]:
    """Attributes of the sender; nothing depends on them, so unreadable ones are none."""
    try:
        check_marks(raw)
        return _attributes(_RESOURCE.decode(raw).attributes) if bytes(raw) else {}
    except (msgspec.DecodeError, InvalidInput, ValueError):
        return {}


def _wire(raw: msgspec.Raw, resource: dict[str, Any]) -> WireSpan:
    check_marks(raw)
    try:
        span = _SPAN.decode(raw)
    except (msgspec.DecodeError, ValueError) as error:
        span = _mended(raw, error)
    status = span.status or Status()
    return WireSpan(
        trace_id=hex_id(span.trace_id, "traceId", 32),
        span_id=hex_id(span.span_id, "spanId", 16),
        parent_id=_parent(span.parent_span_id),
        name=span.name or "",
        start_ns=_nanoseconds(span.start_time_unix_nano, "startTimeUnixNano"),
        end_ns=_nanoseconds(span.end_time_unix_nano, "endTimeUnixNano"),
        status_code=_status(status.code),
        status_message=status.message or "",
        attributes=_attributes(span.attributes),
        events=[_event(e) for e in span.events or () if is_read(e.name)],
        resource=resource,
        remote_parent=is_remote(_flags(span.flags)),
    )


def _mended(raw: msgspec.Raw, error: Exception) -> JsonSpan:
    """The span where it can be read once it is mended. Raises `InvalidInput`."""
    body = bytes(raw)
    repaired = mended(body, error)
    if repaired != body:
        try:
            return _SPAN.decode(repaired)
        except (msgspec.DecodeError, ValueError) as other:
            error = other
    reason = reason_of(decode_checked(repaired))
    raise invalid(str(error), kind="json_type") if reason is None else invalid(reason, kind="json_invalid")


def _event(event: Event) -> WireEvent:
    """An event whose time cannot be read has none."""
    try:
        time_ns = _nanoseconds(event.time_unix_nano, "timeUnixNano")
    except InvalidInput:
        time_ns = 0
    return WireEvent(event.name or "", time_ns, _attributes(event.attributes))


def _flags(value: int | str | float | None) -> int:
    """Flags that are no number say nothing."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and len(value) <= 10 else 0
    return int(value) if value is not None and 0 <= value < 2**32 else 0


def _parent(value: object) -> str | None:
    return None if value in (None, "", "0" * 16) else hex_id(value, "parentSpanId", 16)


def _status(code: int | str | None) -> int:
    if isinstance(code, str):
        return _STATUS_NAMES.get(code, 0)
    return code or 0


def _nanoseconds(value: int | str | float | None, field: str) -> int:
    if value.__class__ is int and 0 <= value < _MAX_NS:
        return value
    if isinstance(value, str) and len(value) <= 20 and value.isascii() and value.isdecimal():
        return int(value)
    if not value:
        return 0
    whole = int(number(value, field))
    if not 0 <= whole < _MAX_NS:
        raise invalid("is out of range", field, kind="out_of_range")
    return whole


def _attributes(pairs: list[KeyValue] | None) -> dict[str, Any]:
    if not pairs:
        return {}
    # Most values are texts: the first check decides.
    return {
        pair.key: _value(value) if value is None or value.string_value is None else value.string_value
        for pair in pairs
        for value in (pair.value,)
    }


def _value(value: Value | None) -> Any:
    """The JSON value of an attribute's value; bytes stay base64."""
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        return _int64(value.int_value)
    if value.bool_value is not None:
        return value.bool_value
    if value.double_value is not None:
        return value.double_value if isinstance(value.double_value, str) else finite(value.double_value)
    if value.array_value is not None:
        return [_value(item) for item in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return _attributes(value.kvlist_value.values)
    return value.bytes_value


def _int64(value: int | str | float) -> int | None:
    """A whole number in any of its forms; `None` for what says that none is known."""
    if isinstance(value, str) and len(value) <= _SURELY_64_BITS and value.isascii() and value.isdecimal():
        return int(value)
    if is_unknown(value):
        return None
    if value.__class__ is not int:
        exact = number(value, "intValue")
        value = int(exact) if exact == exact.to_integral_value() else _INT64
    if not -_INT64 <= value < _INT64:
        raise invalid("must be a 64-bit integer", "intValue", kind="int_type")
    return value
