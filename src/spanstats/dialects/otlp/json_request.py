"""The fields of OTLP's JSON export request that are read."""

from typing import Any

import msgspec


class Value(msgspec.Struct, rename="camel"):
    """One of the members, the value of an attribute."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | float | None = None
    double_value: float | str | None = None
    array_value: "Values | None" = None
    kvlist_value: "KeyValues | None" = None
    bytes_value: str | None = None


class Values(msgspec.Struct):
    values: list[Value | None] | None = None


class KeyValue(msgspec.Struct):
    key: str = ""
    value: Value | None = None


class KeyValues(msgspec.Struct):
    values: list[KeyValue] | None = None


class Status(msgspec.Struct):
    code: int | str | float | None = None
    message: str | None = None


class Event(msgspec.Struct, rename="camel"):
    name: str | None = None
    time_unix_nano: int | str | float | None = None
    attributes: list[KeyValue] | None = None


class JsonSpan(msgspec.Struct, rename="camel"):
    """The fields of a span that are read."""

    trace_id: Any = None
    span_id: Any = None
    parent_span_id: Any = None
    flags: int | str | float | None = None
    name: str | None = None
    start_time_unix_nano: int | str | float | None = None
    end_time_unix_nano: int | str | float | None = None
    attributes: list[KeyValue] | None = None
    events: list[Event] | None = None
    status: Status | None = None


class ScopeSpans(msgspec.Struct):
    spans: list[msgspec.Raw] | None = None


class ResourceSpans(msgspec.Struct, rename="camel"):
    resource: msgspec.Raw = msgspec.Raw()
    scope_spans: list[ScopeSpans] | None = None


class Request(msgspec.Struct, rename="camel"):
    """`ExportTraceServiceRequest`; spans are decoded one by one."""

    resource_spans: list[ResourceSpans] | None = None


class Resource(msgspec.Struct):
    attributes: list[KeyValue] | None = None
