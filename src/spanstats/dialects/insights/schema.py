"""How the own interface's requests and answers are described, each with an example that works unchanged."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from ..respan.schema import FILTERS_SCHEMA

Json: TypeAlias = dict[str, Any]

_NUMBER: Json = {"type": ["number", "null"]}
_COUNT: Json = {"type": "integer", "minimum": 0}
_TEXT: Json = {"type": ["string", "null"]}
_TIME: Json = {"type": ["string", "null"], "format": "date-time"}

CURSOR: Json = {"type": ["string", "null"], "description": "`next_cursor` of the page before, in the same order"}
NEXT_CURSOR: Json = {**_TEXT, "description": "What asks for the page behind this one; null on the last"}
FIGURES: Json = {
    "type": "object",
    "description": (
        "`count` traces have the value and `missing` have none (of scores: `trace_count` and `missing`, since a trace "
        "may have several). Other members are the aggregates that were asked for; a number without data is null."
    ),
    "properties": {"count": _COUNT, "missing": _COUNT, "trace_count": _COUNT, "text_count": _COUNT},
    "required": ["count", "missing"],
    "additionalProperties": True,
}
MEASURES: Json = {"type": "object", "additionalProperties": FIGURES, "description": "Figures by measure"}
_TOTAL: Json = {"type": ["integer", "null"], "minimum": 0}
TOTALS: Json = {
    "traces": {
        **_TOTAL,
        "description": "Traces that lie in the window and match the filters; null, as all totals, only where "
        "`skip_preparing` left the figures out",
    },
    "failed": {**_TOTAL, "description": "Those whose status is `error`"},
    "cost_partial_count": {
        "type": ["integer", "null"],
        "description": "Those whose cost is too low, since a span with a model and tokens has no price; null where no "
        "cost is asked for",
    },
    "without_root": {**_TOTAL, "description": "Those whose root has not arrived"},
    "without_key": {**_TOTAL, "description": "Traces that no comparison pairs, since they have no key of an item"},
}
PREPARING: Json = {
    "type": ["object", "null"],
    "description": "With `skip_preparing`: minutes with traces whose sums and whose columns are to be computed again, "
    "if they are many; figures and totals are left out while sums are",
    "properties": {"sum_minutes": _COUNT, "column_minutes": _COUNT},
    "required": ["sum_minutes", "column_minutes"],
}
EXPERIMENT: Json = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "run_name": _TEXT,
        "project_id": _TEXT,
        "project": _TEXT,
        "status": {"type": "string"},
        "metadata": {"type": "object", "additionalProperties": True},
        "created_at": {"type": "string", "format": "date-time"},
        "started_at": _TIME,
        "finished_at": _TIME,
        "baseline": {**_TEXT, "description": "What a comparison is with that names no base"},
    },
    "required": ["id", "name", "status", "created_at"],
}
SNAPSHOT: Json = {
    "as_of": {
        "type": "string",
        "format": "date-time",
        "description": "All of the answer is of one state of the store, which holds all that was stored before this",
    },
    "window": {"type": "object", "properties": {"start_time": _TIME, "end_time": _TIME}},
    "method": {
        "type": "string",
        "description": "How percentiles are interpolated: `linear` is that of numpy and R's 7",
    },
}


def answer_schema(properties: Mapping[str, Any], required: list[str]) -> Json:
    """An answer with these members beside those of its snapshot."""
    return {"type": "object", "properties": {**SNAPSHOT, **properties}, "required": ["as_of", "window", *required]}


def described(schema: Mapping[str, Any], example: Any, *, table: str | None = None) -> dict[int | str, Json]:
    """`responses` of a route that answers this; a `table` is a CSV example of the same."""
    content: Json = {"application/json": {"schema": dict(schema), "example": example}}
    if table is not None:
        content["text/csv"] = {"schema": {"type": "string"}, "example": table}
    return {200: {"description": "JSON, or a table where `Accept` is `text/csv`", "content": content}}


_WINDOW: Json = {
    "start_time": {"type": ["string", "null"], "description": "ISO 8601, inclusive; without zone UTC"},
    "end_time": {"type": ["string", "null"], "description": "ISO 8601, exclusive"},
}
_FILTERS: Json = {name: FILTERS_SCHEMA["properties"][name] for name in ("filters", "operator")}
FIGURE_OPTIONS: Json = {
    "measures": {
        "type": ["array", "string", "null"],
        "items": {"type": "string"},
        "description": "As in the query, or a list",
    },
    "missing": {"type": ["string", "null"], "enum": ["exclude", "zero", "", None]},
    "intervals": {"type": ["boolean", "null"]},
}
SKIP_PREPARING: Json = {"skip_preparing": {"type": ["boolean", "null"]}}


def request_schema(options: Mapping[str, Any], example: Any) -> Json:
    """A body with a window, filters and these options."""
    properties = {**_FILTERS, **_WINDOW, **options}
    return {
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": False,
        "examples": [example],
    }
