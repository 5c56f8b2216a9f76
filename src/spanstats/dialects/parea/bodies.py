"""How the bodies that are decoded by hand are described to clients: what is meant, not all that is tolerated."""

from typing import Any

from ...domain.values import MAX_LATENCY_US, MAX_TOKENS, MICRO
from ..normalize import ID_SCHEMA, MAX_SCORES

Schema = dict[str, Any]


def _nullable(type_: str, description: str | None = None, **constraints: Any) -> Schema:
    described = {} if description is None else {"description": description}
    return {"type": [type_, "null"], **constraints, **described}


def _texts(*names: str) -> dict[str, Schema]:
    return {name: _nullable("string") for name in names}


_TOKENS = _nullable("integer", "The span's own, never those of its children", minimum=0, maximum=MAX_TOKENS)
_SECONDS = {"minimum": 0, "maximum": MAX_LATENCY_US // MICRO}
_TIME = {"format": "date-time", "examples": ["2026-01-01T12:00:00.000001+00:00"]}
_ID = {"minLength": 1, **ID_SCHEMA}
_ANY_VALUE: Schema = {"description": "Any JSON value"}
_SCORE: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "score": {"type": "number"},
        "reason": _nullable("string"),
        "evaluation_metric_id": _nullable("integer"),
    },
    "required": ["name", "score"],
}

_LOG_EXAMPLE: Schema = {
    "trace_id": "a7ff3914-e9a8-4ccc-bb69-b1ff1a7277d7",
    "parent_trace_id": "a7ff3914-e9a8-4ccc-bb69-b1ff1a7277d7",
    "root_trace_id": "a7ff3914-e9a8-4ccc-bb69-b1ff1a7277d7",
    "experiment_uuid": "0b6e1e4c-94a7-4d5e-9d6a-7f3f0e6f2c10",
    "trace_name": "greet",
    "start_timestamp": "2026-01-01T12:00:00.000001+00:00",
    "end_timestamp": "2026-01-01T12:00:00.800001+00:00",
    "latency": 0.8,
    "inputs": {"name": "Ada"},
    "output": "Hello Ada",
    "target": "Hello Ada",
    "input_tokens": 22,
    "output_tokens": 14,
    "total_tokens": 36,
    "cost": 0.0002,
    "scores": [{"name": "accuracy", "score": 1.0}],
    "status": "success",
    "configuration": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Greet Ada"}]},
}

TRACE_LOG: Schema = {
    "title": "TraceLog",
    "type": "object",
    "description": "One span. Unknown fields are ignored.",
    "examples": [_LOG_EXAMPLE],
    "required": ["trace_id"],
    "properties": {
        "trace_id": {"type": "string", "description": "The span's own id", **_ID},
        "parent_trace_id": _nullable("string", "The span above; a root has none, or itself", **ID_SCHEMA),
        "root_trace_id": _nullable("string", "The trace that this span belongs to: its root's id", **ID_SCHEMA),
        "experiment_uuid": _nullable("string", **ID_SCHEMA),
        "start_timestamp": {"type": "string", "description": "ISO 8601; without zone UTC", **_TIME},
        "end_timestamp": _nullable("string", "ISO 8601; without zone UTC", **_TIME),
        "latency": _nullable("number", "Seconds", **_SECONDS),
        "time_to_first_token": _nullable("number", "Seconds", **_SECONDS),
        "input_tokens": _TOKENS,
        "output_tokens": _TOKENS,
        "total_tokens": _TOKENS,
        "cost": _nullable("number", "US dollars, of this span alone", minimum=0, maximum=100_000),
        "scores": _nullable("array", items=_SCORE, maxItems=MAX_SCORES),
        "status": _nullable("string", "`success` or `error`; without it the error decides"),
        "configuration": _nullable("object", "Of a model's call: model, provider, model_params, messages"),
        "metadata": _nullable("object"),
        "cache_hit": _nullable("boolean"),
        "children": _nullable("array", items={"type": "string"}),
        "tags": _nullable("array", items={"type": "string"}),
        "images": _nullable("array"),
        "evaluation_metric_names": _nullable("array"),
        "comments": _nullable("array"),
        "annotations": _nullable("object"),
        "depth": _nullable("integer"),
        "execution_order": _nullable("integer"),
        "feedback_score": _nullable("number"),
        "apply_eval_frac": _nullable("number"),
        "log_sample_rate": _nullable("number", "Has no effect: everything is kept"),
        **dict.fromkeys(("inputs", "output", "target"), _ANY_VALUE),
        **_texts("project_uuid", "project_name", "trace_name", "error", "output_for_eval_metrics"),
        **_texts("deployment_id", "session_id", "end_user_identifier"),
    },
}

UPDATE_LOG: Schema = {
    "title": "UpdateLog",
    "type": "object",
    "description": "New values of some of a span's fields.",
    "examples": [
        {"trace_id": "a7ff3914-e9a8-4ccc-bb69-b1ff1a7277d7", "field_name_to_value_map": {"output": "Good day, Ada"}}
    ],
    "required": ["trace_id", "field_name_to_value_map"],
    "properties": {
        "trace_id": {"type": "string", "description": "The span's own id", **_ID},
        "field_name_to_value_map": {
            "type": "object",
            "description": "Fields of a span by name, except its ids; null clears a field",
        },
        "root_trace_id": _nullable("string"),
    },
}

_RUN_ID: Schema = {"type": "string", **_ID}
LANGCHAIN_RUN: Schema = {
    "title": "LangChainRun",
    "type": "object",
    "description": "A LangChain run with the runs nested in it, and Parea's extra keys.",
    "examples": [
        {
            "id": "4f5a3c52-5e0e-4f2e-9c43-0a7f0f4f6d11",
            "trace_id": "4f5a3c52-5e0e-4f2e-9c43-0a7f0f4f6d11",
            "name": "RunnableSequence",
            "run_type": "chain",
            "start_time": "2026-01-01T12:00:00.000001+00:00",
            "end_time": "2026-01-01T12:00:00.800001+00:00",
            "inputs": {"name": "Ada"},
            "outputs": {"output": "Hello Ada"},
            "child_runs": [],
            "_parea_root_trace_id": None,
            "project_uuid": "5d2c5c5e-6f0f-4b0e-8c39-4f0c1b7d1a11",
        }
    ],
    "required": ["id"],
    "properties": {
        "id": _RUN_ID,
        "child_runs": _nullable("array", items={"type": "object", "required": ["id"], "properties": {"id": _RUN_ID}}),
    },
}
