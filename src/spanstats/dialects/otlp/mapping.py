"""From a wire span to a span: the one mapping that both encodings share."""

from collections.abc import Callable
from typing import Any

from ...domain.span import Span
from ...domain.times import MAX_TIME_US
from ...errors import InvalidInput, invalid
from ..document import SENT_AS_TEXT, from_text, from_value, parsed
from ..json_body import as_object_or_none
from ..names.blocks import FieldValues, read_blocks
from ..names.evaluations import is_evaluation, of_attributes, of_event
from ..names.kinds import kind_of
from ..names.reading import NUMBERS, merged, read_first_token, read_usage
from ..names.response_ids import ANSWERS, response_id_in
from ..names.usage import FIRST_TOKEN_EVENTS
from ..normalize import check_scores, cut_large, metadata_of, shorten, text_of
from ..respan.evaluator import add_evaluator_scores
from ..respan.metadata import add_from_metadata
from ..respan.outcome import http_status
from .attributes import EXPERIMENT, REQUEST_MODELS
from .sorting import Sorted
from .wire import WireSpan

_ERROR = 2
_STATUS = {1: "success", _ERROR: "error"}
_PROMPT_FIELDS = ("prompt_id", "prompt_name", "prompt_version_number")


def _text(value: Any, name: str) -> str | None:
    """MLflow sends every attribute as JSON text, so a text of its own is in quotes."""
    if name.startswith("mlflow.") and isinstance(value, str) and value.startswith('"'):
        value = value.strip('"')
    return text_of(value)


def _document(value: Any, _name: str) -> str | None:
    return from_text(value) if isinstance(value, str) else from_value(value)


def _status_code(value: Any, _name: str) -> int | None:
    return http_status(value)


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "name": _text,
    "workflow_name": _text,
    "response_id": _text,
    "model": _text,
    "provider": _text,
    "error": _text,
    "status_code": _status_code,
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
        parent_is_remote=True if wire.remote_parent and wire.parent_id is not None else None,
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
    span.kind = kind_of(by.kind["kind"][0] if by.kind else None, wire.name)
    if span.response_id is None and span.is_llm_call and by.span.get("output", (None, ""))[1] in ANSWERS:
        span.response_id = response_id_in(span.output)
    _add_numbers(span, by)
    _add_first_token(span, by, wire)
    if wire.resource:
        _add_of_resource(span, wire)
    if "input" in by.span or "output" in by.span:
        _add_plain_content(span, by)
        _note_texts(span, by)
    _add_messages(span, by)
    if wire.events or wire.status_code == _ERROR:
        _add_error(span, wire)
    _add_attributes(span, by)
    _add_evaluations(span, wire, by)
    add_from_metadata(span, _experiment(by, wire))
    add_evaluator_scores(span)
    return shorten(span)


def _add_numbers(span: Span, by: Sorted) -> None:
    """Tokens, costs and what a price follows from: by their own names, else out of a block."""
    values: FieldValues = {f: (value, NUMBERS[name]) for f, (value, name) in by.number.items() if f != "ttft_us"}
    if by.block:
        values = merged([values, *read_blocks(by.block)])
    if not values:
        return
    usage = read_usage(values, span.model, span.provider)
    for field, number in usage.fields.items():
        setattr(span, field, number)
    span.attributes |= usage.details
    if "service_tier" in values:
        span.attributes.setdefault("service_tier", values["service_tier"][0])


def _add_first_token(span: Span, by: Sorted, wire: WireSpan) -> None:
    """As sent, else the first event that reports it."""
    if "ttft_us" in by.number:
        value, name = by.number["ttft_us"]
        span.ttft_us = read_first_token(value, NUMBERS[name], span.start_us)
    if span.ttft_us is None and wire.events and wire.start_ns:
        times = [e.time_ns for e in wire.events if e.name in FIRST_TOKEN_EVENTS and e.time_ns > wire.start_ns]
        span.ttft_us = (min(times) - wire.start_ns) // 1000 or None if times else None


def _add_of_resource(span: Span, wire: WireSpan) -> None:
    environment = next((e for name in _ENVIRONMENT if (e := wire.resource.get(name))), None)
    if environment and "environment" not in span.labels:
        span.labels["environment"] = str(environment)
    if service := wire.resource.get("service.name"):
        span.attributes["service_name"] = service


_ENVIRONMENT = ("deployment.environment.name", "deployment.environment")


def _experiment(by: Sorted, wire: WireSpan) -> Any:
    """The attribute of the span, else that of its sender."""
    if "experiment_id" in by.experiment:
        return by.experiment["experiment_id"][0]
    if not wire.resource:
        return None
    return next((e for name in EXPERIMENT["experiment_id"] if (e := wire.resource.get(name))), None)


def _add_evaluations(span: Span, wire: WireSpan, by: Sorted) -> None:
    """Raises `InvalidInput` above 100 scores."""
    scores = [s for e in wire.events if is_evaluation(e.name) and (s := of_event(e.name, e.attributes)) is not None]
    scores += of_attributes(by.rest, span.name)
    if scores:
        check_scores(scores, field="gen_ai.evaluation")
        span.scores = scores


def _time(ns: int, field: str) -> int | None:
    """Nanoseconds cut to microseconds; zero is a time that was not sent."""
    if ns == 0:
        return None
    if ns // 1000 > MAX_TIME_US:
        raise invalid("must lie between 1970 and 2200", field, kind="out_of_range")
    return ns // 1000


def _add_error(span: Span, wire: WireSpan) -> None:
    """`error.message`, else the message of status error, else the first exception event's."""
    exception = next((e.attributes for e in wire.events if e.name == "exception"), {})
    if span.error is None and wire.status_code == _ERROR and wire.status_message:
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
    for field, attribute in (("input", "input_mime_type"), ("output", "output_mime_type")):
        media_type = span.attributes.get(attribute)
        if media_type is None:
            continue
        value, name = by.span.get(field, (None, ""))
        if "json" not in str(media_type) and name == f"{field}.value" and isinstance(value, str):
            setattr(span, field, from_value(value))


def _note_texts(span: Span, by: Sorted) -> None:
    """Text that is JSON is kept as that; lists of spans answer it as the text that it was sent as."""
    documents = ("input", span.input), ("output", span.output)
    texts = [
        field
        for field, document in documents
        if document is not None and document[0] in "{[" and isinstance(by.span[field][0], str)
    ]
    if texts:
        span.attributes[SENT_AS_TEXT] = texts


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
        objects = as_object_or_none(value)
        by.metadata = {**({"metadata": value} if objects is None else objects), **by.metadata}
    if not by.plain and not by.metadata:
        return None
    try:
        return metadata_of({**by.plain, **by.metadata}, "metadata")
    except InvalidInput:
        # The plain ones were not sent as metadata: where there is no room, they are attributes.
        by.rest |= by.plain
        return metadata_of(by.metadata, "metadata")


def _add_attributes(span: Span, by: Sorted) -> None:
    attributes = span.attributes
    for name in ("prompt", "properties") if by.object else ():
        if name in by.object:
            value = by.object[name][0]
            attributes[name] = value if (object_ := as_object_or_none(value)) is None else object_
    if isinstance(prompt := attributes.get("prompt"), dict):
        for name in _PROMPT_FIELDS:
            if prompt.get(name) is not None:
                attributes.setdefault(name, prompt[name])
    if not by.rest:
        return
    requested = next((name for name in REQUEST_MODELS if name in by.rest), None)
    if requested is not None and (text := text_of(by.rest[requested])):
        attributes["request_model"] = text
        del by.rest[requested]
    attributes |= cut_large(by.rest)
