"""From a wire span to a span: the one mapping that both encodings share."""

from collections.abc import Callable
from typing import Any

from ...domain.span import Span
from ...domain.values import MAX_TIME_US, microseconds, picodollars, tokens
from ...errors import InvalidInput, invalid
from ..document import from_text, from_value, parsed
from ..json_body import decode
from ..labels import metadata_of, shorten, text_of
from ..respan.evaluator import add_evaluator_scores
from ..respan.metadata import add_from_metadata
from ..respan.outcome import http_status
from .attributes import KINDS
from .sorting import Sorted
from .wire import WireSpan

_STATUS = {1: "success", 2: "error"}
_PROMPT_FIELDS = ("prompt_id", "prompt_name", "prompt_version_number")


def _text(value: Any, _name: str) -> str | None:
    return text_of(value)


def _kind(value: Any, _name: str) -> str | None:
    kind = (text_of(value) or "").lower()
    return KINDS.get(kind, kind) or None


def _document(value: Any, _name: str) -> str | None:
    return from_text(value) if isinstance(value, str) else from_value(value)


def _status_code(value: Any, _name: str) -> int | None:
    return http_status(value)


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "name": _text,
    "kind": _kind,
    "workflow_name": _text,
    "model": _text,
    "provider": _text,
    "error": _text,
    "status_code": _status_code,
    "prompt_tokens": tokens,
    "completion_tokens": tokens,
    "total_tokens": tokens,
    "cache_read_tokens": tokens,
    "cache_write_tokens": tokens,
    "cost_pd": picodollars,
    "ttft_us": microseconds,
    "input": _document,
    "output": _document,
    "target": _document,
}


def to_span(wire: WireSpan) -> Span:
    """The span, with ids as hex and times cut to microseconds. Raises `InvalidInput` for numbers out of range."""
    by = Sorted(wire.attributes)
    span = Span(
        trace_id=wire.trace_id,
        span_id=wire.span_id,
        usage_once=True,
        parent_id=wire.parent_id,
        status=_STATUS.get(wire.status_code),
        start_us=_time(wire.start_ns, "startTimeUnixNano"),
        end_us=_time(wire.end_ns, "endTimeUnixNano"),
        borrow=int(bool(wire.start_ns and wire.end_ns) and wire.end_ns % 1000 < wire.start_ns % 1000),
        metadata=_metadata(by),
        labels={label: text for label, (value, _) in by.label.items() if (text := text_of(value))},
        attributes={name: value for name, (value, _) in by.attribute.items()},
        **{field: _READERS[field](value, name) for field, (value, name) in by.span.items()},
    )
    span.name = span.name or wire.name or None
    if wire.environment and "environment" not in span.labels:
        span.labels["environment"] = str(wire.environment)
    _add_plain_content(span, by)
    _add_messages(span, by)
    _add_error(span, wire)
    _add_attributes(span, by, wire)
    add_from_metadata(span, by.experiment.get("experiment_id", (None,))[0])
    add_evaluator_scores(span)
    return shorten(span)


def _time(ns: int, field: str) -> int | None:
    """Nanoseconds cut to microseconds; zero is a time that was not sent."""
    if ns == 0:
        return None
    if ns // 1000 > MAX_TIME_US:
        raise invalid("must lie between 1970 and 2200", field, kind="out_of_range")
    return ns // 1000


def _add_error(span: Span, wire: WireSpan) -> None:
    """`error.message`, else the message of status error, else the first exception event's."""
    exception = wire.exceptions[0] if wire.exceptions else {}
    if span.error is None and wire.status_code == 2 and wire.status_message:
        span.error = wire.status_message
    if not exception:
        return
    name, message = text_of(exception.get("exception.type")), text_of(exception.get("exception.message"))
    span.error = span.error or message or name
    if name:
        span.attributes["error_class"] = name
    if stacktrace := text_of(exception.get("exception.stacktrace")):
        span.attributes["error_stacktrace"] = stacktrace


def _add_plain_content(span: Span, by: Sorted) -> None:
    """OpenInference says by a media type that its text is no JSON, even where it looks like it."""
    for field in ("input", "output"):
        media_type = span.attributes.get(f"{field}_mime_type")
        value, name = by.span.get(field, (None, ""))
        if media_type and "json" not in str(media_type) and name == f"{field}.value" and isinstance(value, str):
            setattr(span, field, from_value(value))


def _add_messages(span: Span, by: Sorted) -> None:
    """Numbered messages are the content where no other came, else an attribute where they say something else."""
    for field, messages in by.messages.items():
        listed = messages.listed()
        content = listed[0] if field == "output" and len(listed) == 1 else listed
        if getattr(span, field) is None:
            setattr(span, field, from_value(content))
        elif parsed(getattr(span, field)) != content:
            span.attributes[f"{field}_messages"] = listed


def _metadata(by: Sorted) -> dict[str, Any] | None:
    if "metadata" in by.object:
        value = by.object["metadata"][0]
        objects = _object(value)
        by.metadata = {**({"metadata": value} if objects is None else objects), **by.metadata}
    return metadata_of(by.metadata, "metadata") if by.metadata else None


def _object(value: Any) -> dict[str, Any] | None:
    """An object, or the object that JSON text stands for, else `None`."""
    if isinstance(value, str):
        try:
            value = decode(value.encode("utf-8", "surrogatepass"))
        except InvalidInput:
            return None
    return value if isinstance(value, dict) else None


def _add_attributes(span: Span, by: Sorted, wire: WireSpan) -> None:
    attributes = span.attributes
    for name in ("prompt", "properties"):
        if name in by.object:
            value = by.object[name][0]
            attributes[name] = value if (found := _object(value)) is None else found
    if isinstance(prompt := attributes.get("prompt"), dict):
        for name in _PROMPT_FIELDS:
            if prompt.get(name) is not None:
                attributes.setdefault(name, prompt[name])
    if wire.service_name:
        attributes["service_name"] = wire.service_name
    attributes |= by.rest
