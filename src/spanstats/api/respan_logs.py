"""The logs of an experiment, which are its traces: listed, read with their spans, changed, and how they scored."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ..catalog import evaluators, experiments
from ..dialects.respan.filter_names import LOG_FIELD_NAMES
from ..dialects.respan.histogram import HistogramAnswer, histogram_answer, read_bins
from ..dialects.respan.log_changes import read_change
from ..dialects.respan.log_schema import CHANGE_SCHEMA, LogChanged, LogDetail, LogList
from ..dialects.respan.logs import SORTS, log_object
from ..dialects.respan.paging import read_flag, read_preview, read_sort
from ..dialects.respan.schema import FILTERS_SCHEMA
from ..domain.values import identifier
from ..errors import NotFound, OutOfScope
from ..filters.trace_fields import TRACES
from ..reading.log_pages import find_log, page_of_logs
from ..reading.logs import Log, logs_where
from ..reading.traces import order_by
from ..stats.histogram import histogram
from ..store.sql_types import SqlOrder
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

_EXPERIMENT = "/api/v2/experiments/{experiment_id}"
_LIST, _BARE, _ONE = f"{_EXPERIMENT}/logs/list/", f"{_EXPERIMENT}/logs/", f"{_EXPERIMENT}/logs/{{log_id}}/"
_HISTOGRAM = f"{_EXPERIMENT}/histogram/"
_PAGE: dict[str, Any] = {
    "response_model": LogList,
    "responses": errors(400, 401, 403, 404, 501, 503),
    "description": "The same traces that the summary counts for the same window and filters.",
}
_BINS: dict[str, Any] = {
    "response_model": HistogramAnswer,
    "responses": errors(400, 401, 403, 404, 503),
    "description": "Exact bins of equal width between the lowest and the highest score.",
}

Detail = Annotated[str | None, Query(description="`1` or `true`: with the tree of spans", examples=["1"])]
Preview = Annotated[str | None, Query(description="Cuts content to this many characters; not with `detail`")]
Evaluator = Annotated[str, Query(description="Id, slug or name; what follows `:` is left out", min_length=1)]
Bins = Annotated[
    str | None,
    Query(description="1 to 50, 20 by default", json_schema_extra={"pattern": "^([1-9]|[1-4][0-9]|50)?$"}),
]
Export = Annotated[str | None, Query(description="Exports by mail are not what this service does")]


@read.get(_BARE, summary="List the logs of an experiment, at the older path", **_PAGE)
@read.get(_LIST, summary="List the logs of an experiment", **_PAGE)
@read.post(
    _LIST, summary="Filter the logs of an experiment", openapi_extra=body(FILTERS_SCHEMA, required=False), **_PAGE
)
async def list_logs(
    request: Request,
    experiment_id: str,
    page: Page = None,
    page_size: PageSize = None,
    sort_by: SortBy = None,
    start_time: Time = None,
    end_time: Time = None,
    detail: Detail = None,
    preview_length: Preview = None,
    export: Export = None,
) -> Response:
    window, paging = window_of(start_time, end_time), paging_of(request, page, page_size)
    if read_flag(export):
        raise OutOfScope("This service sends no mail: page through the list instead")
    order, filters = order_of(sort_by), await filter_body(request)
    condition = await condition_of(request, filters, TRACES, LOG_FIELD_NAMES)
    experiment = await experiments.get(tenant_database(request), caller(request).tenant_id, experiment_id)
    where = logs_where(experiment.key, window.start_us, window.end_us, condition)
    whole, preview = read_flag(detail), read_preview(preview_length)
    logs = await page_of_logs(tenant_database(request), where, order, paging.size, paging.offset, whole=whole)
    return json_answer(listed(request, logs.count, paging, [log_object(log, preview) for log in logs.logs], filters))


def order_of(sort_by: str | None) -> SqlOrder:
    """The order of traces that a query names, newest first without one. Raises `InvalidInput`."""
    return order_by(*read_sort(sort_by, SORTS, "-start_time"))


@read.get(
    _ONE, summary="Read a log with its spans", response_model=LogDetail, responses=errors(400, 401, 403, 404, 503)
)
async def get_log(request: Request, experiment_id: str, log_id: str, detail: Detail = None) -> Response:
    return json_answer(log_object(await _find(request, experiment_id, log_id, whole=True)))


@write.patch(
    _ONE,
    summary="Change a log",
    description="Changes the trace's root, else its earliest span; repeats of that span do not undo it.",
    response_model=LogChanged,
    openapi_extra=body(CHANGE_SCHEMA),
    responses=errors(400, 401, 403, 404, 503),
)
async def change_log(request: Request, experiment_id: str, log_id: str) -> Response:
    fields = await sent_object(request, required=True)
    span = (await _find(request, experiment_id, log_id)).first
    with within("body"):
        patch = read_change(fields, span)
    await store_override(request, span, patch)
    row = (await _find(request, experiment_id, span.trace_id)).row
    return json_answer({"id": row.trace_id, "trace_unique_id": row.trace_id, "status": row.status})


async def _find(request: Request, experiment_id: str, log_id: str, *, whole: bool = False) -> Log:
    """The trace of this id, else that of the span of this id. Raises `NotFound` where the experiment has none."""
    tenant_id = caller(request).tenant_id
    experiment = await experiments.get(tenant_database(request), tenant_id, experiment_id)
    log = await find_log(tenant_database(request), tenant_id, experiment.key, log_id, whole=whole)
    if log is None:
        raise NotFound("Log not found")
    return log


@read.get(_HISTOGRAM, summary="Distribution of an evaluator's scores", **_BINS)
@read.post(_HISTOGRAM, summary="Distribution of an evaluator's scores, by POST", **_BINS)
async def get_histogram(
    request: Request,
    experiment_id: str,
    evaluator_id: Evaluator,
    bins: Bins = None,
) -> Response:
    tenant_id = caller(request).tenant_id
    with within("query"):
        identity = identifier(evaluator_id, "evaluator_id") or ""
        count = read_bins(bins)
    experiment = await experiments.get(tenant_database(request), tenant_id, experiment_id)
    names = [identity, identity.partition(":")[0]]
    keys = await evaluators.find_keys(tenant_database(request), tenant_id, names)
    evaluator_keys = keys.get(names[0]) or keys.get(names[1]) or frozenset({identity})
    distribution = await histogram(tenant_database(request), experiment.key, evaluator_keys, count)
    return json_answer(histogram_answer(identity, distribution).model_dump())
