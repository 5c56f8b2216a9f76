"""LangChain runs, `POST /trace_log/langchain`: the top run with its nested runs, one span each.

The body is LangChain's own run beside a few keys of the Parea tracer. A nested run is a span of its own and takes
trace, project and experiment from the top run. Runs carry no cost.
"""

from typing import Any

from ...domain.span import Filled, Span
from ...domain.times import epoch, instant
from ...domain.values import identifier
from ...errors import InvalidInput, invalid
from ..document import from_value
from ..json_limits import MAX_DEPTH
from ..json_repair import decode_stored
from ..normalize import metadata_of, shorten, text_of, without_empty
from ..storable import storable
from .langchain_usage import add_usage, as_object, call_output, first_token_time, response_models
from .logs import required

MAX_RUNS = 10_000

_LABELS = {
    "project_uuid": "project_id",
    "_session_id": "session_identifier",
    "_end_user_identifier": "customer_identifier",
    "_deployment_id": "deployment_id",
}
_MODEL_KEYS = ("model", "model_name", "model_id", "deployment_name", "ls_model_name")


def read_run(body: bytes, max_depth: int = MAX_DEPTH) -> list[Span]:
    """The spans of a run and of the runs below it, top first. Raises `InvalidInput`."""
    top = decode_stored(object, body, max_depth).value
    if not isinstance(top, dict):
        raise invalid("must be an object", code="dict_type")
    runs = list(_expanded(top))
    if len(runs) > MAX_RUNS:
        raise invalid(f"must be at most {MAX_RUNS} runs", "child_runs", code="too_long")
    first = _span(top, top, None)
    return [first, *(_nested(run, top, parent, path) for run, parent, path in runs[1:])]


def _expanded(top: dict[str, Any]) -> list[tuple[dict[str, Any], Any, tuple[str | int, ...]]]:
    """(run, id of the run above it, path in the body) of every run, parents first."""
    runs: list[tuple[dict[str, Any], Any, tuple[str | int, ...]]] = [(top, None, ())]
    for run, _, path in runs:
        children = run.get("child_runs")
        for index, child in enumerate(children if isinstance(children, list) else ()):
            if isinstance(child, dict):
                runs.append((child, run.get("id"), (*path, "child_runs", index)))
    return runs


def _nested(run: dict[str, Any], top: dict[str, Any], parent: Any, path: tuple[str | int, ...]) -> Span:
    try:
        return _span(run, top, parent)
    except InvalidInput as error:
        raise InvalidInput([p.under(*path) for p in error.problems]) from None


def _span(run: dict[str, Any], top: dict[str, Any], above: Any) -> Span:
    span_id = required(identifier(run.get("id"), "id"), "id")
    parent = run.get("parent_run_id") or above or run.get("_parea_parent_trace_id")
    trace_id = _named_trace(run, top)
    span = Span(
        trace_id=trace_id or identifier(top.get("id"), "id") or span_id,
        span_id=span_id,
        by_span_id=True,
        parent_id=identifier(parent, "parent_run_id"),
        experiment_id=identifier(top.get("experiment_uuid"), "experiment_uuid"),
        name=text_of(run.get("name")),
        kind=text_of(run.get("run_type")),
        error=text_of(run.get("error")),
        start_us=_time(run.get("start_time"), "start_time"),
        end_us=_time(run.get("end_time"), "end_time"),
        input=from_value(run.get("inputs")),
        output=from_value(run.get("outputs")),
        metadata=metadata_of(top.get("_metadata"), "_metadata"),
        labels={label: text for key, label in _LABELS.items() if (text := text_of(top.get(key)))},
        attributes=without_empty({"tags": top.get("_tags") or run.get("tags")}),
        filled=0 if trace_id else Filled.TRACE,
    )
    if span.kind == "llm":
        _add_model_call(span, run)
    return storable(shorten(span))


def _named_trace(run: dict[str, Any], top: dict[str, Any]) -> str | None:
    """The trace of the traced function around the run, else LangChain's own; `None` where neither is named."""
    return (
        identifier(top.get("_parea_root_trace_id"), "_parea_root_trace_id")
        or identifier(run.get("trace_id"), "trace_id")
        or identifier(top.get("trace_id"), "trace_id")
    )


def _time(value: object, field: str) -> int | None:
    """ISO text, or a count of milliseconds since 1970."""
    return epoch(value, field, 1000) if isinstance(value, int | float) else instant(value, field)


def _add_model_call(span: Span, run: dict[str, Any]) -> None:
    extra = as_object(run.get("extra"))
    named_by = [as_object(extra.get("invocation_params")), as_object(extra.get("metadata"))]
    call = call_output(as_object(run.get("outputs")))
    objects = [*named_by, call, *response_models(run)]
    span.model = next((m for p in objects for k in _MODEL_KEYS if (m := text_of(p.get(k)))), None)
    span.provider = next((p for k in ("ls_provider", "_type") for o in named_by if (p := _provider(o.get(k)))), None)
    add_usage(span, run)
    span.ttft_us = _first_token(span, run)


def _first_token(span: Span, run: dict[str, Any]) -> int | None:
    """Microseconds to the first token by the events of the run; a time that cannot be read is ignored."""
    try:
        first = _time(first_token_time(run), "events")
    except InvalidInput:
        return None
    return first - span.start_us if first and span.start_us is not None and first > span.start_us else None


def _provider(value: object) -> str | None:
    """LangChain's `_type` names the wrapper, such as `openai-chat`."""
    text = text_of(value)
    return text.removesuffix("-chat") if text else None
