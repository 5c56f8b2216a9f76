"""One trace with the tree of its spans: as described."""

from typing import Any

from .answers import Json
from .schema import EXPERIMENT, SNAPSHOT
from .trace_list_schema import TRACE

MAX_CONTENT = 100_000
"""Characters of each text that a preview may have."""

_NUMBER: Json = {"type": ["number", "null"]}
_COUNT: Json = {"type": "integer", "minimum": 0}
_TIME: Json = {"type": "string", "format": "date-time"}

_SPAN: Json = {
    "span_id": "00f067aa0ba902b7",
    "parent_id": None,
    "name": "question",
    "kind": "workflow",
    "model": None,
    "status": "success",
    "error": None,
    "cost": None,
    "prompt_tokens": None,
    "completion_tokens": None,
    "total_tokens": None,
    "usage_counted": True,
    "cost_counted": True,
    "metadata": {"topic": "billing"},
    "scores": {},
    "start_time": "2026-11-28T10:14:00+00:00",
    "end_time": "2026-11-28T10:14:02.5+00:00",
    "latency": 2.5,
    "ttft": None,
    "begins_after": 0.0,
    "takes": 2.5,
    "input": "How much is it?",
    "output": "Ten dollars.",
    "expected_output": None,
    "cut": [],
    "children": [],
}
_EXAMPLE: Json = {
    "as_of": "2026-11-28T10:15:02.000123+00:00",
    "trace": {**TRACE, "span_count": 1, "scores": {}},
    "began": "2026-11-28T10:14:00+00:00",
    "ended": "2026-11-28T10:14:02.5+00:00",
    "takes": 2.5,
    "shown": 1,
    "not_shown": 0,
    "spans": [_SPAN],
}
_SPAN_SCHEMA: Json = {
    "type": "object",
    "properties": {
        "begins_after": {**_NUMBER, "description": "Seconds from the start of the trace's first span"},
        "takes": {**_NUMBER, "description": "Seconds: the latency, else the time from its start to its end"},
        "cut": {"type": "array", "items": {"type": "string"}, "description": "Content that is longer than shown here"},
        "children": {"type": "array", "items": {"type": "object"}, "description": "Spans below, of the same shape"},
    },
    # The description shows no nulls in examples.
    "required": [name for name, value in _SPAN.items() if value is not None],
    "additionalProperties": True,
}
_ANSWER: Json = {
    "type": "object",
    "properties": {
        "as_of": SNAPSHOT["as_of"],
        "experiment": EXPERIMENT,
        "trace": {"type": "object", "description": "As in the list of traces, with the scores themselves"},
        "began": {**_TIME, "description": "When the first span starts"},
        "ended": {**_TIME, "description": "When the last span ends"},
        "takes": {"type": "number", "description": "Seconds between both"},
        "shown": {**_COUNT, "description": "Spans in this answer, a parent before its children"},
        "not_shown": {**_COUNT, "description": "Further spans of the trace"},
        "spans": {"type": "array", "items": _SPAN_SCHEMA},
    },
    "required": list(_EXAMPLE),
}
TRACE_TREE_ANSWER: dict[int | str, Any] = {
    200: {"description": "The trace", "content": {"application/json": {"schema": _ANSWER, "example": _EXAMPLE}}}
}
