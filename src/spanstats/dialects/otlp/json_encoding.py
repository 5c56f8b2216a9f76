"""OTLP in JSON: ids are hex, 64-bit integers text or numbers, enums numbers. Unknown fields are ignored."""

from typing import Any

import msgspec

from ...errors import InvalidInput, invalid
from ..batch import MAX_SPANS, Batch, check_count, read_each
from ..json_body import decode_checked, decoder
from ..json_escapes import Escapes
from ..json_items import reason_of
from ..json_limits import MAX_DEPTH, check_marks
from ..json_mending import mended
from ..json_repair import check_levels
from ..storable import storable
from .json_request import Event, JsonSpan, Request, Resource, ResourceSpans, Status
from .json_values import attributes_of, nanoseconds
from .loose_json import decode_request
from .mapping import to_span
from .older_names import under_current_names
from .wire import WireEvent, WireSpan, hex_id, is_read, is_remote

_NO_SPANS: list[msgspec.Raw] = []
_STATUS_NAMES = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2, "1": 1, "2": 2}
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
        return attributes_of(_RESOURCE.decode(raw).attributes) if bytes(raw) else {}
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
        start_ns=nanoseconds(span.start_time_unix_nano, "startTimeUnixNano"),
        end_ns=nanoseconds(span.end_time_unix_nano, "endTimeUnixNano"),
        status_code=_status(status.code),
        status_message=status.message or "",
        attributes=attributes_of(span.attributes),
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
    raise invalid(str(error), code="json_type") if reason is None else invalid(reason, code="json_invalid")


def _event(event: Event) -> WireEvent:
    """An event whose time cannot be read has none."""
    try:
        time_ns = nanoseconds(event.time_unix_nano, "timeUnixNano")
    except InvalidInput:
        time_ns = 0
    return WireEvent(event.name or "", time_ns, attributes_of(event.attributes))


def _flags(value: int | str | float | None) -> int:
    """Flags that are no number say nothing."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and len(value) <= 10 else 0
    return int(value) if value is not None and 0 <= value < 2**32 else 0


def _parent(value: object) -> str | None:
    return None if value in (None, "", "0" * 16) else hex_id(value, "parentSpanId", 16)


def _status(code: int | str | float | None) -> int:
    """A code that is none of the known ones says nothing."""
    if isinstance(code, str):
        return _STATUS_NAMES.get(code, 0)
    return int(code) if code in (1, 2) else 0
