"""Respan's `request-logs`: spans listed, summarized, read whole, and changed."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ..dialects.respan.filter_names import SPAN_FIELD_NAMES
from ..dialects.respan.paging import read_sort
from ..dialects.respan.schema import FILTERS_SCHEMA
from ..dialects.respan.span_requests import filters_of_query, only, read_patch
from ..dialects.respan.span_schema import PATCH_SCHEMA, SpanList, SpanObject, SpanSummary
from ..dialects.respan.spans import SORTS, listed_span, span_object, span_summary
from ..domain.span import Span
from ..errors import NotFound
from ..filters.span_fields import SPANS
from ..reading.spans import find_span, order_by, page_of_spans, started_within
from ..stats.spans import summarize_spans
from ..stats.sums import Window
from ..store.sql_types import SqlCondition
from .answers import json_answer
from .failures import within
from .openapi import body
from .resources import caller, tenant_database
from .respan_shared import (
    ROUTER,
    Page,
    PageSize,
    Time,
    condition_of,
    errors,
    filter_body,
    listed,
    paging_of,
    sent_object,
    sorting,
    store_override,
    window_of,
)
from .route_classes import RespanRead, RespanWrite

read = APIRouter(route_class=RespanRead, **ROUTER)
write = APIRouter(route_class=RespanWrite, **ROUTER)

SortBy = Annotated[str | None, sorting(SORTS)]

_LIST, _SUMMARY, _ONE = "/api/request-logs/list/", "/api/request-logs/summary/", "/api/request-logs/{unique_id}/"
_PAGE: dict[str, Any] = {
    "response_model": SpanList,
    "responses": errors(400, 401, 403, 503),
    "description": "Spans of all experiments and of none, in any time unless a window is named.",
}
_TOTALS: dict[str, Any] = {
    "response_model": SpanSummary,
    "responses": errors(400, 401, 403, 503),
    "description": "Totals and means over single spans, where an experiment's summary is over traces.",
}
Only = Annotated[str | None, Query(description="Spans that have just this value")]
Included = Annotated[str | None, Query(description="Names of the wanted keys, joined by commas")]


@read.get(_LIST, summary="List spans", **_PAGE)
@read.post(_LIST, summary="Filter spans", openapi_extra=body(FILTERS_SCHEMA, required=False), **_PAGE)
async def list_spans(
    request: Request,
    page: Page = None,
    page_size: PageSize = None,
    sort_by: SortBy = None,
    start_time: Time = None,
    end_time: Time = None,
    environment: Only = None,
    log_type: Only = None,
    include_fields: Included = None,
) -> Response:
    paging, filters = paging_of(request, page, page_size), await filter_body(request)
    order = order_by(*read_sort(sort_by, SORTS, "-start_time"))
    where = await _where(request, filters, window_of(start_time, end_time))
    database, tenant_id = tenant_database(request), caller(request).tenant_id
    listed_spans = await page_of_spans(database, tenant_id, where, order, paging.size, paging.offset)
    rows = [only(listed_span(span), include_fields) for span in listed_spans.spans]
    return json_answer(listed(request, listed_spans.count, paging, rows, filters))


@read.get(_SUMMARY, summary="Summarize spans", **_TOTALS)
@read.post(
    _SUMMARY,
    summary="Summarize the spans that match filters",
    openapi_extra=body(FILTERS_SCHEMA, required=False),
    **_TOTALS,
)
async def summarize(
    request: Request,
    start_time: Time = None,
    end_time: Time = None,
    environment: Only = None,
    log_type: Only = None,
) -> SpanSummary:
    filters = await filter_body(request)
    where = await _where(request, filters, window_of(start_time, end_time))
    return span_summary(await summarize_spans(tenant_database(request), caller(request).tenant_id, where))


async def _where(request: Request, filters: Any, window: Window) -> list[SqlCondition]:
    """What the spans that are asked for have in common, but for the tenant; a query may name values of any field."""
    of_query = {"filters": filters_of_query(request.query_params.multi_items())}
    conditions = [await condition_of(request, body_, SPANS, SPAN_FIELD_NAMES) for body_ in (filters, of_query)]
    return [c for c in conditions if c is not None] + started_within(window.start_us, window.end_us)


@read.get(
    _ONE,
    summary="Read a span",
    description="Of several spans with this id, the one that started last.",
    response_model=SpanObject,
    responses=errors(401, 403, 404, 503),
)
async def get_span(request: Request, unique_id: str) -> Response:
    return json_answer(span_object(await _find(request, unique_id)))


@write.patch(
    _ONE,
    summary="Change a span",
    description="Metadata is joined to what is there; repeats of the span do not undo the change.",
    response_model=SpanObject,
    openapi_extra=body(PATCH_SCHEMA),
    responses=errors(400, 401, 403, 404, 503),
)
async def change_span(request: Request, unique_id: str) -> Response:
    fields = await sent_object(request, required=True)
    span = await _find(request, unique_id)
    with within("body"):
        patch = read_patch(fields, span)
    await store_override(request, span, patch)
    return json_answer(span_object(await _find(request, unique_id)))


async def _find(request: Request, unique_id: str) -> Span:
    span = await find_span(tenant_database(request), caller(request).tenant_id, unique_id)
    if span is None:
        raise NotFound("Log not found")
    return span
