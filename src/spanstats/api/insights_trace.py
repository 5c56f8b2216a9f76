"""One trace of an experiment with the tree of its spans."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ..dialects.insights.trace_tree import trace_tree_object
from ..dialects.insights.trace_tree_schema import MAX_CONTENT, TRACE_TREE_ANSWER
from ..insights.trace_tree import MAX_SPANS, Size, find_trace_tree
from ..reading.tree import MAX_DEPTH
from .answers import json_answer
from .insights_shared import options_of
from .resources import caller, tenant_database
from .route_classes import StatsRead
from .stats_shared import PREFIX, READ_ERRORS, ROUTER

read = APIRouter(route_class=StatsRead, **ROUTER)

_TREE: dict[str, Any] = {
    "summary": "Read a trace with its first spans",
    "responses": {**READ_ERRORS, **TRACE_TREE_ANSWER},
    "description": (
        "The spans as a tree, with when each begins within the trace, how long it takes, and how many are not shown. "
        "Content is read of the spans that are shown alone."
    ),
}

Spans = Annotated[
    str | None,
    Query(
        description=f"At most as many spans: 1 to {MAX_SPANS:,}, 300 by default",
        json_schema_extra={"pattern": "^([1-9][0-9]{0,2}|[12][0-9]{3}|3000)?$"},
    ),
]
Depth = Annotated[
    str | None,
    Query(
        description=f"At most as many levels: 1 to {MAX_DEPTH}. A deeper span becomes a sibling of its parent",
        json_schema_extra={"pattern": f"^([1-9][0-9]?|{MAX_DEPTH})?$"},
    ),
]
Preview = Annotated[
    str | None,
    Query(
        description=f"Cuts content to as many characters, 1 to {MAX_CONTENT:,}; without it content is whole",
        json_schema_extra={"pattern": "^([1-9][0-9]{0,4}|100000)?$"},
    ),
]


@read.get(f"{PREFIX}/experiments/{{experiment_id}}/traces/{{trace_id}}", **_TREE)
async def read_trace(
    request: Request,
    experiment_id: str,
    trace_id: str,
    max_spans: Spans = None,
    max_depth: Depth = None,
    preview_length: Preview = None,
) -> Response:
    options = await options_of(request, ("max_spans", "max_depth", "preview_length"))
    size = Size(options.whole("max_spans", 300, 1, MAX_SPANS), options.whole("max_depth", MAX_DEPTH, 1, MAX_DEPTH))
    preview = options.whole("preview_length", 0, 1, MAX_CONTENT) or None
    tenant_id = caller(request).tenant_id
    tree = await find_trace_tree(tenant_database(request), tenant_id, experiment_id, trace_id, size)
    return await asyncio.to_thread(lambda: json_answer(trace_tree_object(tree, preview)))
