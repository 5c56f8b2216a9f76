"""Respan's experiments: created with an id of the client's choice or adopted, listed, changed, deleted."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from ..catalog import definitions
from ..dialects.respan.experiment_schema import (
    CHANGE_SCHEMA,
    CREATE_SCHEMA,
    FILTERS_SCHEMA,
    ExperimentCount,
    ExperimentList,
    ExperimentObject,
)
from ..dialects.respan.experiments import (
    SORTS,
    experiment_object,
    listed_experiment,
    read_new,
    read_values,
)
from ..dialects.respan.paging import read_sort
from ..filters.experiment_fields import EXPERIMENTS
from .answers import json_answer
from .failures import within
from .openapi import body
from .resources import caller, tenant_database
from .respan_shared import (
    ROUTER,
    Page,
    PageSize,
    condition_of,
    errors,
    filter_body,
    listed,
    paging_of,
    sent_object,
    sorting,
)
from .route_classes import RespanErase, RespanRead, RespanWrite

read = APIRouter(route_class=RespanRead, **ROUTER)
write = APIRouter(route_class=RespanWrite, **ROUTER)
erase = APIRouter(route_class=RespanErase, **ROUTER)

SortBy = Annotated[str | None, sorting(SORTS)]

_ALL, _LIST = "/api/v2/experiments/", "/api/v2/experiments/list/"
_SUMMARY, _ONE = "/api/v2/experiments/summary/", "/api/v2/experiments/{experiment_id}/"
_FILTERS = body(FILTERS_SCHEMA, required=False)
_PAGE: dict[str, Any] = {"response_model": ExperimentList, "responses": errors(400, 401, 403, 503)}
_COUNT: dict[str, Any] = {"response_model": ExperimentCount, "responses": errors(400, 401, 403, 503)}
_CHANGE: dict[str, Any] = {
    "response_model": ExperimentObject,
    "openapi_extra": body(CHANGE_SCHEMA),
    "responses": errors(400, 401, 403, 404, 503),
}


@write.post(
    _ALL,
    summary="Create an experiment",
    description=(
        "The client may choose the id. An experiment that only spans have named until now is taken over, with its "
        "traces; one that was created before is a 400. Nothing is run: traces come from the clients' own runs."
    ),
    status_code=201,
    response_model=ExperimentObject,
    openapi_extra=body(CREATE_SCHEMA),
    responses=errors(400, 401, 403, 503),
)
async def create_experiment(request: Request) -> Response:
    fields = await sent_object(request, required=True)
    with within("body"):
        experiment_id, values = read_new(fields)
    experiment = await definitions.create(tenant_database(request), caller(request).tenant_id, experiment_id, values)
    return json_answer(experiment_object(experiment), 201)


@read.get(_ALL, summary="List experiments", **_PAGE)
@read.get(_LIST, summary="List experiments, at the path of filters", **_PAGE)
@read.post(_LIST, summary="Filter experiments", openapi_extra=_FILTERS, **_PAGE)
async def list_experiments(
    request: Request, page: Page = None, page_size: PageSize = None, sort_by: SortBy = None
) -> Response:
    paging, filters = paging_of(request, page, page_size), await filter_body(request)
    order = definitions.order_by(*read_sort(sort_by, SORTS, "-created_at"))
    condition = await condition_of(request, filters, EXPERIMENTS, {})
    tenant_id = caller(request).tenant_id
    count, rows = await definitions.page(
        tenant_database(request), tenant_id, condition, order, paging.size, paging.offset
    )
    return json_answer(listed(request, count, paging, [listed_experiment(e) for e in rows], filters))


@read.get(_SUMMARY, summary="Count experiments", **_COUNT)
@read.post(_SUMMARY, summary="Count the experiments that match filters", openapi_extra=_FILTERS, **_COUNT)
async def count_experiments(request: Request) -> Response:
    condition = await condition_of(request, await filter_body(request), EXPERIMENTS, {})
    count, _ = await definitions.page(tenant_database(request), caller(request).tenant_id, condition, (), 0, 0)
    return json_answer({"total_count": count})


@read.get(_ONE, summary="Read an experiment", response_model=ExperimentObject, responses=errors(401, 403, 404, 503))
async def get_experiment(request: Request, experiment_id: str) -> Response:
    experiment = await definitions.get(tenant_database(request), caller(request).tenant_id, experiment_id)
    return json_answer(experiment_object(experiment))


@write.patch(_ONE, summary="Change an experiment", **_CHANGE)
@write.put(_ONE, summary="Replace an experiment's definition", **_CHANGE)
async def change_experiment(request: Request, experiment_id: str) -> Response:
    fields = await sent_object(request, required=True)
    with within("body"):
        values = read_values(fields)
    changed = await definitions.change(
        tenant_database(request),
        caller(request).tenant_id,
        experiment_id,
        values,
        whole=request.method == "PUT",
    )
    return json_answer(experiment_object(changed))


@erase.delete(
    _ONE,
    summary="Delete an experiment with its traces",
    description="It is not found from this answer on; spans that name its id afterwards begin a new one.",
    status_code=204,
    response_class=Response,
    responses=errors(401, 403, 404, 503),
)
async def delete_experiment(request: Request, experiment_id: str) -> Response:
    await definitions.delete(tenant_database(request), caller(request).tenant_id, experiment_id)
    return Response(status_code=204)
