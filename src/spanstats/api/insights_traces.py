"""The traces of one experiment: the slowest, the most expensive, the failed; all of them as CSV."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ..catalog import evaluators
from ..dialects.insights.cursor import Time as CursorTime
from ..dialects.insights.cursor import read_cursor
from ..dialects.insights.options import Options
from ..dialects.insights.trace_list import SORT_NAMES, table_columns, table_row, trace_list_object
from ..dialects.insights.trace_list_schema import MAX_PREVIEW, TRACE_LIST_ANSWER, TRACE_LIST_REQUEST
from ..insights.measures import SCORES
from ..insights.questions import Question
from ..insights.trace_list import MAX_LIMIT, MAX_OFFSET, TraceListOptions, each_page, list_traces
from .answers import json_answer
from .csv_answer import CSV, csv_headers, csv_text, wants_csv
from .insights_shared import WINDOW, Cursor, matching_of, options_of
from .openapi import body
from .resources import caller, resources_of, tenant_database
from .route_classes import StatsRead
from .stats_shared import PREFIX, READ_ERRORS, ROUTER, Time

read = APIRouter(route_class=StatsRead, **ROUTER)

_PATH = f"{PREFIX}/experiments/{{experiment_id}}/traces"
_NAMES = ("sort_by", "limit", "offset", "cursor", "preview_length", *WINDOW)
_TRACES: dict[str, Any] = {
    "responses": {**READ_ERRORS, **TRACE_LIST_ANSWER},
    "description": (
        "Rows of traces in an order of choice; traces without the value that sorts come last. As CSV all traces that "
        "match are sent, unless a limit is named."
    ),
}

SortBy = Annotated[
    str | None,
    Query(
        description=f"One of {', '.join(SORT_NAMES)} or `scores.<evaluator>`; `-` before it for descending order",
        examples=["-latency"],
    ),
]
Limit = Annotated[
    str | None,
    Query(description="1 to 200, 50 by default", json_schema_extra={"pattern": "^([1-9][0-9]?|1[0-9]{2}|200)?$"}),
]
Offset = Annotated[
    str | None,
    Query(description="How many rows to skip", json_schema_extra={"pattern": "^(0|[1-9][0-9]{0,4})?$"}),
]
Preview = Annotated[
    str | None,
    Query(
        description="With input and output of the root, cut to as many characters; without, or 0, neither. JSON alone",
        json_schema_extra={"pattern": "^(0|[1-9][0-9]{0,3}|10000)?$"},
    ),
]


@read.get(_PATH, summary="List traces in an order of choice", **_TRACES)
@read.post(
    _PATH,
    summary="List the traces that match filters in an order of choice",
    openapi_extra=body(TRACE_LIST_REQUEST, required=False),
    **_TRACES,
)
async def list_trace_rows(
    request: Request,
    experiment_id: str,
    sort_by: SortBy = None,
    limit: Limit = None,
    offset: Offset = None,
    cursor: Cursor = None,
    preview_length: Preview = None,
    start_time: Time = None,
    end_time: Time = None,
) -> Response:
    resources, options = resources_of(request), await options_of(request, _NAMES)
    list_options = await _list_options(request, options)
    question = Question(options.window(), await matching_of(request, options))
    tenant_id, as_csv = caller(request).tenant_id, wants_csv(request)
    if as_csv and not {"limit", "offset", "cursor"} & {*options.values}:
        pages = each_page(tenant_database(request), tenant_id, experiment_id, question, list_options)
        headers = csv_headers(f"{experiment_id} traces")
        return await resources.streams.begin(_lines(pages), resources.limits.stream_s, CSV, headers)
    traces = await list_traces(
        tenant_database(request), resources.columns, tenant_id, experiment_id, question, list_options
    )
    if as_csv:
        keys = sorted({key for row in traces.rows for key in row.score_keys or ()})
        table = csv_text(table_columns(keys), *(table_row(row, keys) for row in traces.rows))
        return Response(table, headers=csv_headers(f"{experiment_id} traces"), media_type=CSV)
    preview = options.whole("preview_length", 0, 0, MAX_PREVIEW)
    return json_answer(trace_list_object(traces, question, _order(options), preview), headers={"Vary": "Accept"})


async def _lines(pages: AsyncGenerator[tuple[Any, Any], None]) -> AsyncGenerator[bytes, None]:
    """The header with the first page, then page after page."""
    is_first = True
    async with aclosing(pages):
        async for keys, rows in pages:
            header = [table_columns(keys)] if is_first else []
            yield csv_text(*header, *(table_row(row, keys) for row in rows))
            is_first = False


def _order(options: Options) -> str:
    return options.text("sort_by") or "-start_time"


async def _list_options(request: Request, options: Options) -> TraceListOptions:
    order = _order(options)
    name, descending = order.removeprefix("-"), order.startswith("-")
    limit, offset = options.whole("limit", 50, 1, MAX_LIMIT), options.whole("offset", 0, 0, MAX_OFFSET)
    has_content = options.whole("preview_length", 0, 0, MAX_PREVIEW) > 0
    key_types = (str,) if name == "start_time" else (CursorTime, str)
    behind = read_cursor(options, order, SORT_NAMES.get(name, int), *key_types)
    if behind is not None and offset:
        raise options.wrong("offset", "stands alone, without a cursor", "extra_forbidden")
    if name in SORT_NAMES:
        return TraceListOptions(name, None, descending, limit, offset, has_content, behind)
    score = name.removeprefix(SCORES)
    keys = await evaluators.find_keys(tenant_database(request), caller(request).tenant_id, [score])
    if not name.startswith(SCORES) or len(keys.get(score, ())) != 1:
        message = f"must be one of {', '.join(SORT_NAMES)} or scores.<evaluator>, with or without - before it"
        raise options.wrong("sort_by", message, "unknown_field")
    (key,) = keys[score]
    return TraceListOptions(name, key, descending, limit, offset, has_content, behind)
