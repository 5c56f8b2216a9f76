"""The figures of one experiment, and of a list of experiments: as described."""

from ...insights.measures import DEFAULT
from .answers import Json
from .schema import (
    CURSOR,
    EXPERIMENT,
    FIGURE_OPTIONS,
    MEASURES,
    NEXT_CURSOR,
    PREPARING,
    SKIP_PREPARING,
    TOTALS,
    answer_schema,
    described,
    request_schema,
)

_FIGURES: Json = {"unit": "s", "count": 150, "missing": 0, "p50": 0.91, "p95": 3.2}
_EXPERIMENT: Json = {
    "id": "run-42",
    "name": "run-42",
    "run_name": None,
    "project_id": None,
    "project": None,
    "status": "running",
    "metadata": {},
    "created_at": "2026-11-28T09:00:00+00:00",
    "started_at": None,
    "finished_at": None,
    "baseline": None,
}
_EXAMPLE: Json = {
    "traces": 150,
    "failed": 3,
    "cost_partial_count": 0,
    "without_root": 0,
    "without_key": 2,
    "measures": {"latency": _FIGURES},
}
_SNAPSHOT: Json = {
    "as_of": "2026-11-28T10:15:02.000123+00:00",
    "window": {"start_time": None, "end_time": None},
    "method": "linear",
}
_MEASURED = {**TOTALS, "measures": MEASURES}

EXPERIMENT_ANSWER = described(
    answer_schema(
        {
            "experiment": EXPERIMENT,
            "dataset_stats": {"type": "array", "items": {"type": "object"}},
            "preparing": PREPARING,
            **_MEASURED,
        },
        ["experiment", *_MEASURED],
    ),
    {**_SNAPSHOT, "experiment": _EXPERIMENT, "dataset_stats": [], **_EXAMPLE},
    table="measure,unit,count,missing,trace_count,text_count,sum,mean,std_dev,min,max,p50\r\nlatency,s,150,0,,,,,,,,0.91\r\n",
)
EXPERIMENT_REQUEST = request_schema(
    FIGURE_OPTIONS | SKIP_PREPARING,
    {
        "measures": ["latency.p50", "latency.p95", "cost.sum"],
        "filters": [{"field": "status", "operator": "=", "value": "success"}],
        "start_time": "2026-01-01T00:00:00Z",
    },
)
_SCORED: Json = {"unit": None, "count": 150, "missing": 0, "trace_count": 150, "mean": 0.61, "pareto": True}
_SCORES_OF_PAGE: Json = {
    "type": "array",
    "description": "Scores that have numbers, and how many experiments of this page have some, the most frequent first",
    "items": {
        "type": "object",
        "properties": {"measure": {"type": "string"}, "experiments": {"type": "integer", "minimum": 1}},
        "required": ["measure", "experiments"],
    },
}
LIST_ANSWER = described(
    answer_schema(
        {
            "count": {"type": "integer", "description": "Experiments that match, on all pages"},
            "page": {"type": "integer"},
            "page_size": {"type": "integer"},
            "next_cursor": NEXT_CURSOR,
            "scores": _SCORES_OF_PAGE,
            "experiments": {
                "type": "array",
                "items": {
                    **EXPERIMENT,
                    "properties": {**EXPERIMENT["properties"], "preparing": PREPARING, **_MEASURED},
                },
            },
        },
        ["count", "page", "page_size", "next_cursor", "scores", "experiments"],
    ),
    {
        **_SNAPSHOT,
        "count": 21,
        "page": 1,
        "page_size": 20,
        "next_cursor": "WyItY3JlYXRlZF9hdCIsMTc2NDMyMDQwMDAwMDAwMCw0Ml0=",
        "scores": [{"measure": "scores.exact", "experiments": 1}],
        "experiments": [{**_EXPERIMENT, **_EXAMPLE, "measures": {"latency": _FIGURES, "scores.exact": _SCORED}}],
    },
    table="id,name,run_name,project,status,created_at,finished_at,traces\r\nrun-42,run-42,,,running,2026-11-28T09:00:00+00:00,,150\r\n",
)
_LIST_OPTIONS = {
    "search": {"type": ["string", "null"]},
    "project": {"type": ["string", "null"]},
    "status": {"type": ["string", "null"]},
    "metadata": {"type": ["object", "null"], "description": "Members with the text that they must have"},
    "sort_by": {"type": ["string", "null"]},
    "pareto": {"type": ["boolean", "null"]},
    "page": {"type": ["integer", "null"], "minimum": 1},
    "page_size": {"type": ["integer", "null"], "minimum": 1, "maximum": 100},
    "cursor": CURSOR,
}
LIST_REQUEST = request_schema(
    {**FIGURE_OPTIONS, **SKIP_PREPARING, **_LIST_OPTIONS},
    {"search": "run", "sort_by": "-created_at", "measures": ["cost.sum", *(f"{name}.mean" for name in DEFAULT[1:3])]},
)
