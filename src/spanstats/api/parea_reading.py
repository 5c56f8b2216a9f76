"""The logs that Parea's SDKs read back, as trees."""

import time
from collections.abc import AsyncGenerator, Sequence
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Request, Response

from ..catalog import experiments, projects
from ..catalog.filters import bind_filter
from ..dialects import json_body
from ..dialects.parea import trees
from ..dialects.parea.filters import located, read_filter
from ..dialects.parea.reading_schema import (
    FILTER_KEYS,
    TIME_RANGES_S,
    PaginatedTraceLogs,
    QueryParams,
    TraceLogFilters,
    TraceLogTree,
)
from ..domain.keys import TenantId
from ..domain.span import normal_status
from ..domain.values import MICRO, clean
from ..errors import InvalidInput, NotFound
from ..filters.compile import compile_predicate
from ..filters.root_fields import ROOTS
from ..reading import whole_traces
from ..reading.log_pages import spans_around
from ..reading.of_project import of_project
from ..stats.traces import stats_document
from ..store.session import Kind, Transaction
from ..store.sql_types import SqlCondition
from .answers import JSON
from .parea_shared import ROUTER, errors
from .resources import caller, resources_of, tenant_database
from .route_classes import PareaRead

read = APIRouter(route_class=PareaRead, **ROUTER)


@read.post(
    "/experiment/{experiment_uuid}/trace_logs",
    response_model=list[TraceLogTree],
    description="The root logs of an experiment that meet the condition, by their start, with the logs below them.",
    responses=errors(400, 401, 403, 404, 503),
)
async def get_experiment_trace_logs(
    request: Request, experiment_uuid: str, filters: Annotated[TraceLogFilters | None, Body()] = None
) -> Response:
    resources, tenant_id = resources_of(request), caller(request).tenant_id
    condition = await _condition(request, filters)
    experiment = await experiments.get(tenant_database(request), tenant_id, experiment_uuid)
    where = [*whole_traces.of_experiment(experiment.key), *condition]
    forest = _experiment_forest(request, where)
    return await resources.streams.begin(stats_document(forest, "[", "]"), resources.limits.stream_s)


@read.post(
    "/get_trace_logs",
    response_model=PaginatedTraceLogs,
    description="A page of a project's root logs that meet the condition, newest first, with the logs below them.",
    responses=errors(400, 401, 403, 503),
)
async def get_trace_logs(request: Request, query: QueryParams) -> Response:
    resources, tenant_id = resources_of(request), caller(request).tenant_id
    condition = await _condition(request, query)
    project = await projects.find(tenant_database(request), tenant_id, query.project_name)
    where = [
        *whole_traces.kept_of_tenant(tenant_id),
        of_project(tenant_id, project.id if project else None, query.project_name),
        *condition,
    ]
    if query.status:
        where.append(whole_traces.of_status(clean(normal_status(query.status) or "")))
    if (seconds := TIME_RANGES_S[query.time_range or "na"]) is not None:
        where.append(whole_traces.started_since(int((time.time() - seconds) * MICRO)))
    return await resources.streams.begin(_page(request, where, query), resources.limits.stream_s)


async def _page(request: Request, where: Sequence[SqlCondition], query: QueryParams) -> AsyncGenerator[bytes, None]:
    """The page as one document; count and logs are of one snapshot."""
    offset, size = (query.page - 1) * query.page_size, query.page_size
    async with tenant_database(request).transaction(Kind.SNAPSHOT) as tx:
        total = await whole_traces.count(tx, where)
        head = {"total": total, "page": query.page, "total_pages": -(-total // size), "page_size": size}
        limit = max(0, min(size, total - offset))
        pages = _forest(
            tx, caller(request).tenant_id, where, newest_first=True, offset=offset if limit else 0, limit=limit
        )
        async for fragment in stats_document(pages, f'{json_body.encode(head)[:-1]},"results":[', "]}"):
            yield fragment


@read.get(
    "/trace_log/{trace_id}",
    response_model=TraceLogTree,
    description="A log, root or not, with the logs below it; the id of a trace means its root.",
    responses=errors(401, 403, 404, 503),
)
async def get_trace_log(request: Request, trace_id: str) -> Response:
    spans, experiment_ids = await spans_around(tenant_database(request), caller(request).tenant_id, trace_id)
    node_of_log = trees.find(trees.forest(spans), trace_id)
    if node_of_log is None:
        raise NotFound("Log not found")
    return Response(trees.encode_tree(*node_of_log, experiment_ids), media_type=JSON)


async def _experiment_forest(request: Request, where: Sequence[SqlCondition]) -> AsyncGenerator[str, None]:
    async with tenant_database(request).transaction(Kind.SNAPSHOT) as tx:
        async for fragment in _forest(tx, caller(request).tenant_id, where):
            yield fragment


async def _forest(
    tx: Transaction, tenant_id: TenantId, where: Sequence[SqlCondition], **page: Any
) -> AsyncGenerator[str, None]:
    """The trees of these traces, some at a time, joined by commas."""
    async for members in whole_traces.whole_traces(tx, where, **page):
        ids = await whole_traces.experiment_ids(tx, tenant_id, chain.from_iterable(members))
        yield ",".join(trees.encode_trees(trees.forest(spans), ids) for spans in members)


async def _condition(request: Request, filters: TraceLogFilters | None) -> list[SqlCondition]:
    """The body's one condition. Raises `InvalidInput` where it is malformed, 400 where it does not fit its field."""
    tree = read_filter(filters.model_dump(include=FILTER_KEYS) if filters else {})
    if tree is None:
        return []
    tenant_id, limits = caller(request).tenant_id, resources_of(request).limits.filters
    try:
        bound = await bind_filter(tenant_database(request), tenant_id, tree, ROOTS, limits)
    except InvalidInput as error:
        raise HTTPException(400, "; ".join(map(located, error.problems))) from error
    return [compile_predicate(bound, tenant_id)]
