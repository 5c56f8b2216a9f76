"""Parea's projects and experiments: made, finished, listed, and the stats that SDKs and their users read."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Body, Request, Response

from ..catalog import experiment_lists, experiments, projects
from ..catalog.experiment_lists import Search
from ..catalog.runs import NewRun, create_run
from ..dialects.parea.experiments import listed
from ..dialects.parea.list_schema import ExperimentWithPinnedStats, ListExperimentsRequest
from ..dialects.parea.schema import (
    ExperimentAnswer,
    ExperimentRequest,
    ExperimentStatsSchema,
    FinishedRequest,
    ProjectAnswer,
    ProjectRequest,
)
from ..domain.times import iso
from ..stats import traces
from ..stats.roots import summaries_of_roots
from ..stats.traces import stats_document
from .parea_shared import ROUTER, errors
from .resources import caller, resources_of, tenant_database
from .route_classes import PareaRead, PareaWrite

read = APIRouter(route_class=PareaRead, **ROUTER)
write = APIRouter(route_class=PareaWrite, **ROUTER)


@write.post(
    "/project", response_model=ProjectAnswer, description="Finds or makes a project.", responses=errors(401, 403, 503)
)
async def find_or_create_project(request: Request, body: ProjectRequest) -> ProjectAnswer:
    tenant_id = caller(request).tenant_id
    project = await projects.get_or_create(tenant_database(request), tenant_id, body.name or "default")
    return ProjectAnswer(
        name=project.name, uuid=project.id, created_at=iso(project.created_us), was_created=project.was_created
    )


@write.post(
    "/experiment",
    response_model=ExperimentAnswer,
    description="Creates an experiment; an identical request within a minute, before any trace, is taken for a retry.",
    responses=errors(400, 401, 403, 503),
)
async def create_experiment(request: Request, body: ExperimentRequest) -> ExperimentAnswer:
    who = caller(request)
    run = NewRun(body.project_uuid, body.name, body.run_name or None, body.metadata, body.is_public)
    experiment = await create_run(tenant_database(request), who.tenant_id, who.key_id, run)
    return ExperimentAnswer(
        name=experiment.name or "",
        uuid=experiment.id,
        created_at=iso(experiment.created_at),
        project_uuid=experiment.project_id or "",
        run_name=experiment.run_name,
        metadata=experiment.metadata,
        is_public=body.is_public,
    )


@write.post(
    "/experiment/{experiment_uuid}/finished",
    response_model=ExperimentStatsSchema,
    description="Notes how a run ended and answers its stats as they are now; more traces may follow.",
    responses=errors(401, 403, 404, 503),
)
async def finish_experiment(
    request: Request, experiment_uuid: str, ended: Annotated[FinishedRequest | None, Body()] = None
) -> Response:
    ended = ended or FinishedRequest()
    scores = [s.model_dump() for s in ended.dataset_level_stats or [] if s.score is not None]
    tenant_id = caller(request).tenant_id
    await experiments.finish(tenant_database(request), tenant_id, experiment_uuid, ended.status, scores)
    return await _stats(request, experiment_uuid)


@read.get(
    "/experiment/{experiment_uuid}/stats",
    response_model=ExperimentStatsSchema,
    description="Fetches aggregated stats for every root-level trace log in an experiment.",
    responses=errors(401, 404, 503),
)
async def get_experiment_stats_api(request: Request, experiment_uuid: str) -> Response:
    return await _stats(request, experiment_uuid)


async def _stats(request: Request, experiment_id: str) -> Response:
    resources = resources_of(request)
    seconds = resources.limits.stream_s
    pages = traces.entry_pages(tenant_database(request), caller(request).tenant_id, experiment_id, seconds)
    return await resources.streams.begin(traces.stats_document(pages, '{"parent_trace_stats":[', "]}"), seconds)


@read.post(
    "/experiments",
    response_model=list[ExperimentWithPinnedStats],
    description="Lists experiments, newest first, with statistics of what is stored now.",
    responses=errors(401, 403, 503),
)
async def list_experiments(
    request: Request, filters: Annotated[ListExperimentsRequest | None, Body()] = None
) -> Response:
    resources, body = resources_of(request), filters or ListExperimentsRequest()
    search = Search(
        body.project_name,
        body.experiment_name_filter,
        body.run_name_filter,
        body.metadata_filter or {},
        tuple(body.experiment_uuids or ()),
    )
    pages = _listed(request, search)
    return await resources.streams.begin(stats_document(pages, "[", "]"), resources.limits.stream_s)


async def _listed(request: Request, search: Search) -> AsyncGenerator[str, None]:
    database, tenant_id = tenant_database(request), caller(request).tenant_id
    async for page in experiment_lists.pages(database, tenant_id, search):
        keys = [experiment.key for experiment in page]
        if keys:
            summaries = await summaries_of_roots(database, tenant_id, keys)
            yield ",".join(listed(experiment, summaries[experiment.key]) for experiment in page)
