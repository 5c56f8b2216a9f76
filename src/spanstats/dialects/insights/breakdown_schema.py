"""A breakdown: as described."""

from ...insights.breakdown import MAX_GROUPS
from ...insights.dimensions import UNITS
from .answers import Json
from .schema import EXPERIMENT, FIGURE_OPTIONS, FIGURES, TOTALS, answer_schema, described, request_schema

_EXAMPLE: Json = {
    "as_of": "2026-11-28T10:15:02.000123+00:00",
    "window": {"start_time": None, "end_time": None},
    "unit": "trace",
    "group_by": ["metadata.topic"],
    "measures": {"cost": {"unit": "USD"}},
    "groups": [
        {
            "key": {"metadata.topic": "billing"},
            "count": 40,
            "failed": 1,
            "cost_partial_count": 0,
            "cost": {"count": 40, "missing": 0, "sum": 0.012},
        },
    ],
    "other": {
        "groups": 12,
        "count": 12,
        "failed": 0,
        "cost_partial_count": 0,
        "cost": {"count": 9, "missing": 3, "sum": 0.001},
    },
    "total": {
        "count": 52,
        "failed": 1,
        "cost_partial_count": 0,
        "cost": {"count": 49, "missing": 3, "sum": 0.013},
    },
    "truncated": True,
}
_COUNTS = {
    "count": {"type": "integer", "description": "Traces or spans, as the unit says"},
    "failed": {"type": "integer"},
    "cost_partial_count": {**TOTALS["cost_partial_count"]},
}
BREAKDOWN_ANSWER = described(
    answer_schema(
        {
            "experiment": EXPERIMENT,
            "unit": {"type": "string", "enum": list(UNITS)},
            "group_by": {"type": "array", "items": {"type": "string"}},
            "measures": {"type": "object", "additionalProperties": {"type": "object"}},
            "groups": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        **_COUNTS,
                        "key": {
                            "type": "object",
                            "description": "A JSON value by dimension, null where there is none; `several` is true "
                            "where the spans of a trace have more than one model",
                        },
                    },
                    "required": ["key", *_COUNTS],
                    "additionalProperties": FIGURES,
                },
            },
            "other": {
                "type": ["object", "null"],
                "description": "The groups that are not listed, together: `groups` of them",
            },
            "total": {"type": "object", "properties": _COUNTS, "required": list(_COUNTS)},
            "truncated": {"type": "boolean"},
        },
        ["unit", "groups", "other", "total", "truncated"],
    ),
    _EXAMPLE,
    table="row,metadata.topic,several,count,failed,cost_partial_count,cost.count,cost.missing,cost.sum\r\n",
)
BREAKDOWN_REQUEST = request_schema(
    {
        "measures": FIGURE_OPTIONS["measures"],
        "missing": FIGURE_OPTIONS["missing"],
        "group_by": {
            "type": ["array", "string"],
            "items": {"type": "string"},
            "description": "One or two of: fields of traces, `metadata.<key>`, `scores.<evaluator>`, fields of spans",
        },
        "unit": {"type": ["string", "null"], "enum": [*UNITS, "", None]},
        "order_by": {"type": ["string", "null"], "description": "`count`, `key` or a measure; `-` for descending"},
        "limit": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_GROUPS},
    },
    {"group_by": ["metadata.topic"], "measures": ["cost.sum", "latency.p95"], "order_by": "-cost.sum", "limit": 50},
)
