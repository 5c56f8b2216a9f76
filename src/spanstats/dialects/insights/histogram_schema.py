"""A histogram: as described."""

from ...insights.distribution import MAX_ARMS, MAX_VALUES
from ...insights.edges import MAX_BINS, SCALES
from .answers import Json
from .schema import EXPERIMENT, answer_schema, described, request_schema

_COUNT: Json = {"type": "integer", "minimum": 0}
_ARM_EXAMPLE: Json = {"counts": [47, 91], "below": 0, "above": 0, "count": 138, "missing": 12}
_EXAMPLE: Json = {
    "as_of": "2026-11-28T10:15:02.000123+00:00",
    "window": {"start_time": None, "end_time": None},
    "measure": "span_count",
    "unit": "spans",
    "edges": [1, 1.5, 2],
    "arms": [_ARM_EXAMPLE],
    "values": [{"value": 1, "count": 47, "counts": [47]}, {"value": 2, "count": 91, "counts": [91]}],
}
HISTOGRAM_ANSWER = described(
    answer_schema(
        {
            "measure": {"type": "string"},
            "unit": {"type": ["string", "null"]},
            "edges": {
                "type": "array",
                "items": {"type": "number"},
                "description": "Bin i holds values from edge i to below edge i + 1, the last bin its end too",
            },
            "arms": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "experiment": EXPERIMENT,
                        "counts": {"type": "array", "items": _COUNT},
                        **dict.fromkeys(("below", "above", "count", "missing"), _COUNT),
                    },
                    "required": ["counts", "below", "above", "count", "missing"],
                },
            },
            "values": {
                "type": ["array", "null"],
                "description": f"Each value, where at most {MAX_VALUES} differ, beside the bins",
            },
        },
        ["measure", "edges", "arms", "values"],
    ),
    _EXAMPLE,
    table="from,to,count 1 run-a\r\n,1,0\r\n1,1.5,47\r\n",
)
_BINNING_OPTIONS: Json = {
    "measure": {"type": "string", "minLength": 1},
    "bins": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_BINS},
    "scale": {"type": ["string", "null"], "enum": [*SCALES, "", None]},
    "low": {"type": ["number", "null"], "description": "In the unit of the measure; the lowest value by default"},
    "high": {"type": ["number", "null"]},
}
HISTOGRAM_REQUEST = request_schema(
    _BINNING_OPTIONS,
    {"measure": "latency", "bins": 20, "filters": [{"field": "status", "operator": "=", "value": "success"}]},
)
ARMS_REQUEST: Json = {
    "type": "object",
    "properties": {
        **_BINNING_OPTIONS,
        "edges": {"type": ["array", "null"], "items": {"type": "number"}, "minItems": 2, "maxItems": MAX_BINS + 1},
        "arms": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_ARMS,
            "items": {
                **HISTOGRAM_REQUEST,
                "type": "object",
                "properties": {
                    "experiment_id": {"type": "string", "minLength": 1},
                    **{
                        n: HISTOGRAM_REQUEST["properties"][n] for n in ("filters", "operator", "start_time", "end_time")
                    },
                },
                "required": ["experiment_id"],
                "examples": [],
            },
        },
    },
    "required": ["measure", "arms"],
    "additionalProperties": False,
    "examples": [
        {
            "measure": "latency",
            "bins": 20,
            "arms": [{"experiment_id": "run-a"}, {"experiment_id": "run-b", "start_time": "2026-01-01"}],
        }
    ],
}
