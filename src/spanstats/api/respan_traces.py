"""Respan's traces, of all experiments and of none: listed, read with their spans, deleted."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ..catalog.tenants import delete_trace
from ..dialects.respan.filter_names import LOG_FIELD_NAMES
from ..dialects.respan.log_schema import LogDetail, LogList, TraceDeleted
from ..dialects.respan.logs import SORTS, trace_object
from ..dialects.respan.schema import FILTERS_SCHEMA
from ..errors import NotFound, OutOfScope
from ..filters.trace_fields import TRACES
from ..reading.log_pages import find_trace, page_of_logs
from ..reading.logs import Log
from ..reading.whole_traces import kept_where
from ..stats.sums import Window
from .answers import json_answer
from .openapi import body
from .resources import caller, tenant_database
from .respan_logs import order_of
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
    sorting,
    window_of,
)
from .respan_unsupported import UNSUPPORTED_ANSWER
from .route_classes import RespanErase, RespanRead, RespanWrite

read = APIRouter(route_class=RespanRead, **ROUTER)
write = APIRouter(route_class=RespanWrite, **ROUTER)
erase = APIRouter(route_class=RespanErase, **ROUTER)

_LIST, _ONE = "/api/traces/list/", "/api/traces/{trace_unique_id}/"
SortBy = Annotated[str | None, sorting(SORTS)]
Environment = Annotated[str | None, Query(description="Traces of just this environment")]


@read.post(
    _LIST,
    summary="Filter traces",
    description="Traces of all experiments and of none, in any time unless a window is named.",
    response_model=LogList,
    openapi_extra=body(FILTERS_SCHEMA, required=False),
    responses=errors(400, 401, 403, 503),
)
async def list_traces(
    request: Request,
    page: Page = None,
    page_size: PageSize = None,
    sort_by: SortBy = None,
    start_time: Time = None,
    end_time: Time = None,
    environment: Environment = None,
) -> Response:
    window, paging = window_of(start_time, end_time), paging_of(request, page, page_size)
    order, of_body = order_of(sort_by), await filter_body(request)
    of_query = [{"field": "environment", "operator": "", "value": [environment]}] if environment else []
    conditions = [
        await condition_of(request, filters, TRACES, LOG_FIELD_NAMES) for filters in (of_body, {"filters": of_query})
    ]
    where = kept_where(caller(request).tenant_id, window.start_us, window.end_us, conditions)
    logs = await page_of_logs(tenant_database(request), where, order, paging.size, paging.offset)
    return json_answer(listed(request, logs.count, paging, [trace_object(log) for log in logs.logs], of_body))


@read.get(
    _ONE,
    summary="Read a trace with its spans",
    response_model=LogDetail,
    responses=errors(401, 403, 404, 503),
)
async def get_trace(request: Request, trace_unique_id: str) -> Response:
    log = await _find(request, trace_unique_id, whole=True)
    if log is None:
        raise NotFound("Trace not found")
    return json_answer(trace_object(log))


@erase.delete(
    _ONE,
    summary="Delete a trace with its spans",
    description=(
        "It is gone when this is answered. Where a window is named, a trace that began outside of it is kept. Where "
        "there is no such trace, nothing is deleted, and the answer is the same."
    ),
    response_model=TraceDeleted,
    responses=errors(400, 401, 403, 503),
)
async def delete_one_trace(
    request: Request, trace_unique_id: str, start_time: Time = None, end_time: Time = None
) -> Response:
    window = window_of(start_time, end_time)
    log = await _find(request, trace_unique_id, whole=False)
    if log is not None and _holds(window, log.row.start_time):
        # Another request may delete it in between.
        with suppress(NotFound):
            await delete_trace(tenant_database(request), caller(request).tenant_id, trace_unique_id)
    return json_answer({"message": "The trace is deleted"})


@write.patch(_ONE, summary="Share a trace", **UNSUPPORTED_ANSWER)
async def share_trace(trace_unique_id: str) -> Response:
    raise OutOfScope(f"This service shares nothing in public: give a key that may only read {trace_unique_id}")


@write.post("/api/traces/bulk/", summary="Delete many traces", **UNSUPPORTED_ANSWER)
async def delete_traces() -> Response:
    raise OutOfScope("This service deletes one trace at a time, or an experiment with all of its traces")


def _holds(window: Window, start_us: int) -> bool:
    after = window.start_us is None or window.start_us <= start_us
    return after and (window.end_us is None or start_us < window.end_us)


async def _find(request: Request, trace_id: str, *, whole: bool) -> Log | None:
    return await find_trace(tenant_database(request), caller(request).tenant_id, trace_id, whole=whole)
