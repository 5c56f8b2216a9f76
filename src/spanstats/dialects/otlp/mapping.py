"""From a wire span to a span: the one mapping that both encodings share."""

from collections.abc import Callable
from typing import Any

from ...domain.span import Span
from ...domain.times import MAX_TIME_US
from ...errors import invalid
from ..document import from_text, from_value
from ..names.evaluations import is_evaluation, of_attributes, of_event
from ..names.kinds import kind_of
from ..names.response_ids import ANSWERS, is_no_id, response_id_in
from ..normalize import check_scores, shorten, text_of
from ..respan.evaluator import add_evaluator_scores
from ..respan.metadata import add_from_metadata
from ..respan.outcome import http_status
from .attributes import EXPERIMENT
from .classify import Classified
from .content import add_content
from .metadata import add_attributes, take_metadata
from .numbers import add_first_token, add_numbers
from .wire import WireSpan

_ERROR = 2
_STATUS = {1: "success", _ERROR: "error"}


def _text(value: Any, name: str) -> str | None:
    """MLflow sends every attribute as JSON text, so a text of its own is in quotes."""
    if name.startswith("mlflow.") and isinstance(value, str) and value.startswith('"'):
        value = value.strip('"')
    return text_of(value)


def _response_id(value: Any, name: str) -> str | None:
    text = _text(value, name)
    return None if text is None or is_no_id(text) else text


def _document(value: Any, _name: str) -> str | None:
    return from_text(value) if isinstance(value, str) else from_value(value)


def _status_code(value: Any, _name: str) -> int | None:
    return http_status(value)


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "name": _text,
    "workflow_name": _text,
    "response_id": _response_id,
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
    by = Classified(wire.attributes)
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
        metadata=take_metadata(by),
        labels={label: text for label, (value, _) in by.label.items() if (text := text_of(value))},
        attributes={name: value for name, (value, _) in by.attribute.items()},
        **{field: _READERS[field](value, name) for field, (value, name) in by.span.items()},
    )
    span.name = span.name or wire.name or None
    span.kind = kind_of(by.kind["kind"][0] if by.kind else None, wire.name)
    if span.response_id is None and span.is_llm_call and by.span.get("output", (None, ""))[1] in ANSWERS:
        span.response_id = response_id_in(span.output)
    add_numbers(span, by)
    add_first_token(span, by, wire)
    if wire.resource:
        _add_of_resource(span, wire)
    add_content(span, by)
    if wire.events or wire.status_code == _ERROR:
        _add_error(span, wire)
    add_attributes(span, by)
    _add_evaluations(span, wire, by)
    add_from_metadata(span, _experiment(by, wire))
    add_evaluator_scores(span)
    return shorten(span)


def _add_of_resource(span: Span, wire: WireSpan) -> None:
    environment = next((e for name in _ENVIRONMENT if (e := text_of(wire.resource.get(name)))), None)
    if environment and "environment" not in span.labels:
        span.labels["environment"] = environment
    if service := wire.resource.get("service.name"):
        span.attributes["service_name"] = service


_ENVIRONMENT = ("deployment.environment.name", "deployment.environment")


def _experiment(by: Classified, wire: WireSpan) -> Any:
    """The attribute of the span, else that of its sender."""
    if "experiment_id" in by.experiment:
        return by.experiment["experiment_id"][0]
    if not wire.resource:
        return None
    return next((e for name in EXPERIMENT["experiment_id"] if (e := wire.resource.get(name))), None)


def _add_evaluations(span: Span, wire: WireSpan, by: Classified) -> None:
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
        raise invalid("must lie between 1970 and 2200", field, code="out_of_range")
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
