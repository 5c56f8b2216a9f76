"""Single items of a comparison: its rows, and the trials of one item."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ..comparison.one_item import item_in_runs
from ..comparison.rows import MOST_ROWS, Rows, RowsOptions, pages_of_rows
from ..dialects.insights.compare_request import members, read_arms, read_options
from ..dialects.insights.compare_schema import ROWS_SCHEMA
from ..dialects.insights.options import check_query
from ..dialects.insights.rows_answer import COLUMNS, item_answer, rows_answer, rows_table
from ..dialects.insights.rows_answer_schema import ITEM_ANSWER, ROWS_ANSWER
from ..dialects.insights.rows_request import ROWS_KEYS, read_item_key, read_rows
from ..errors import NotFound, invalid
from .answers import json_answer
from .csv_answer import CSV, csv_fragments, csv_headers, wants_csv
from .failures import within
from .openapi import body as body_of
from .resources import caller, resources_of, tenant_database
from .route_classes import StatsRead
from .stats_compare import evaluators_of, request_of
from .stats_shared import PREFIX, READ_ERRORS, ROUTER, sent_object

read = APIRouter(route_class=StatsRead, **ROUTER)

Experiments = Annotated[
    list[str] | None, Query(description="Ids of experiments, 1 to 9", examples=[["run-a", "run-b"]])
]

_ROWS: dict[str, Any] = {
    "summary": "List the items of a comparison",
    "description": (
        "The items of a base and one candidate with their values of one measure, the largest losses first, in pages. "
        "With `Accept: text/csv` all of them from the cursor on, as a table."
    ),
    "openapi_extra": body_of(ROWS_SCHEMA),
    "responses": {**READ_ERRORS, **ROWS_ANSWER},
}


@read.post(f"{PREFIX}/compare/rows", **_ROWS)
async def list_compared_items(request: Request) -> Response:
    check_query(request.query_params.multi_items())
    fields = await sent_object(request, required=True)
    with within("body"):
        body = members(fields, ROWS_KEYS)
        base, *candidates = read_arms(body)
        of_rows, options = read_rows(body, len(candidates)), read_options(body)
    options |= {"measures": (of_rows.measure,)}
    comparing = await request_of(request, [base, candidates[of_rows.candidate]], options)
    is_table = wants_csv(request)
    rows_options = RowsOptions(
        comparing, of_rows.show, of_rows.order, MOST_ROWS if is_table else of_rows.limit, of_rows.after
    )
    resources, keys = resources_of(request), await evaluators_of(request, comparing)
    pages = pages_of_rows(resources.columns, tenant_database(request), caller(request).tenant_id, rows_options, keys)
    if is_table:
        fragments = csv_fragments(COLUMNS, _tables(pages, of_rows.preview))
        return await resources.streams.begin(fragments, resources.limits.stream_s, CSV, csv_headers("compared items"))
    async with aclosing(pages):
        rows = await anext(pages)
    return await asyncio.to_thread(lambda: json_answer(rows_answer(rows, of_rows.preview)))


async def _tables(pages: AsyncGenerator[Rows, None], preview: int) -> AsyncIterator[Iterator[list[Any]]]:
    async with aclosing(pages):
        async for page in pages:
            yield rows_table(page, preview)


_ITEM: dict[str, Any] = {
    "summary": "Read one item in several runs",
    "description": (
        "All trials of an item in each experiment that is named, and for scores of 0 and 1 pass@k (any of k trials is "
        "right) and pass^k (all are)."
    ),
    "responses": {**READ_ERRORS, **ITEM_ANSWER},
}


@read.get(f"{PREFIX}/items/{{item_key}}", **_ITEM)
async def read_item(
    request: Request,
    item_key: str,
    experiment: Experiments = None,
    preview_length: Annotated[int, Query(ge=0, le=100_000, description="Characters of content")] = 2_000,
) -> Response:
    check_query(request.query_params.multi_items(), ["preview_length"], several=["experiment"])
    key = read_item_key(item_key)
    if not experiment or len(experiment) > 9:
        raise invalid("must be named 1 to 9 times", "query", "experiment", code="missing")
    item = await item_in_runs(tenant_database(request), caller(request).tenant_id, key, experiment)
    if not any(run.trials for run in item.runs):
        raise NotFound("No trace of these experiments is of this item")
    return await asyncio.to_thread(lambda: json_answer(item_answer(item, preview_length)))
