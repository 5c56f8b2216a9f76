"""Traces as rows: as described."""

from ...insights.trace_list import MAX_LIMIT, MAX_OFFSET
from .answers import Json
from .schema import CURSOR, EXPERIMENT, NEXT_CURSOR, answer_schema, described, request_schema

MAX_PREVIEW = 10_000
"""Characters of content."""

TRACE: Json = {
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "name": "question",
    "status": "success",
    "start_time": "2026-11-28T10:14:00+00:00",
    "end_time": "2026-11-28T10:14:02.5+00:00",
    "latency": 2.5,
    "cost": 0.00021,
    "cost_partial": False,
    "ttft": 0.4,
    "tps": 48.2,
    "prompt_tokens": 320,
    "completion_tokens": 120,
    "total_tokens": 440,
    "span_count": 3,
    "llm_call_count": 1,
    "error_count": 0,
    "has_root": True,
    "model": "gpt-4o-mini",
    "several_models": False,
    "metadata": {"topic": "billing"},
    "labels": {},
    "scores": {"relevance": [0.82]},
}

_EXAMPLE: Json = {
    "as_of": "2026-11-28T10:15:02.000123+00:00",
    "window": {"start_time": None, "end_time": None},
    "traces": [TRACE],
    "has_more": True,
    "next_cursor": "WyItbGF0ZW5jeSIsMjUwMDAwMCwiMGFmNzY1Il0=",
}
TRACE_LIST_ANSWER = described(
    answer_schema(
        {
            "experiment": EXPERIMENT,
            "traces": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "cost_partial": {
                            "type": "boolean",
                            "description": "The cost leaves out a span without a price",
                        },
                        "scores": {"type": "object", "additionalProperties": {"type": "array"}},
                    },
                    "required": list(TRACE),
                    "additionalProperties": True,
                },
            },
            "has_more": {"type": "boolean"},
            "next_cursor": NEXT_CURSOR,
        },
        ["traces", "has_more", "next_cursor"],
    ),
    _EXAMPLE,
    table="trace_id,name,status,start_time\r\n0af7651916cd43dd8448eb211c80319c,question,success,2026-11-28T10:14:00+00:00\r\n",
)
TRACE_LIST_REQUEST = request_schema(
    {
        "sort_by": {"type": ["string", "null"], "description": "`latency`, `-cost`, `scores.<evaluator>`, ..."},
        "limit": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_LIMIT},
        "offset": {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_OFFSET},
        "cursor": CURSOR,
        "preview_length": {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_PREVIEW},
    },
    {
        "sort_by": "-latency",
        "limit": 10,
        "filters": [{"field": "status", "operator": "=", "value": "error"}],
    },
)
