"""Parea's API, below `/api/parea/v1`: what its SDKs post, and the stats that they and their users read."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response

from ..catalog import experiments, projects
from ..catalog.experiments import Experiment, NewRun
from ..dialects.parea import bodies, feedback, langchain, logs, patches
from ..dialects.parea.reading_schema import FeedbackRequest
from ..dialects.parea.schema import (
    ErrorMessage,
    ExperimentAnswer,
    ExperimentRequest,
    ExperimentStatsSchema,
    FinishedRequest,
    ProjectAnswer,
    ProjectRequest,
)
from ..domain.values import iso
from ..errors import OutOfScope
from ..reading.whole_traces import placed_span
from ..stats import traces
from ..store.session import Kind, transaction
from .answers import JsonStream, null_answer
from .failures import within
from .openapi import body
from .parea_shared import DESCRIPTIONS, ROUTER, errors
from .resources import Resources, caller, resources
from .routing import PareaRead, PareaWrite

read = APIRouter(route_class=PareaRead, **ROUTER)
write = APIRouter(route_class=PareaWrite, **ROUTER)


@write.post(
    "/trace_log",
    description="Stores one span; sent again, it updates what is stored. Answers once it is committed.",
    responses=errors(401, 403, 413, 503),
    openapi_extra=body(bodies.TRACE_LOG),
)
async def log_trace(request: Request) -> Response:
    sent = await request.body()
    with within("body"):
        span = logs.read_log(sent)
    await resources(request).committer.submit(caller(request).tenant_id, [span], len(sent))
    return null_answer()


@write.put(
    "/trace_log",
    description="Replaces exactly the fields that are named; may come before the span itself.",
    responses=errors(401, 403, 413, 503),
    openapi_extra=body(bodies.UPDATE_LOG),
)
async def update_trace(request: Request) -> Response:
    sent = await request.body()
    with within("body"):
        span_id, fields = patches.read_patch(sent)
    await resources(request).committer.patch(caller(request).tenant_id, span_id, fields, len(sent))
    return null_answer()


@write.post(
    "/trace_log/langchain",
    description="Stores a LangChain run and the runs nested in it, each as a span.",
    responses=errors(401, 403, 413, 503),
    openapi_extra=body(bodies.LANGCHAIN_RUN),
)
async def log_langchain_run(request: Request) -> Response:
    tools, sent = resources(request), await request.body()
    with within("body"):
        spans = langchain.read_run(sent)
    await tools.committer.submit(caller(request).tenant_id, spans, len(sent))
    return null_answer()


@write.post(
    "/feedback",
    description="Notes what a user thought of a log, which may come later; the last word counts. It is no score.",
    responses=errors(401, 403, 503),
)
async def record_feedback(request: Request, sent: FeedbackRequest) -> None:
    tools, tenant_id = resources(request), caller(request).tenant_id
    with within("body"):
        log_id, fields = feedback.feedback_patch(sent, iso(time.time_ns() // 1000))
    async with transaction(tools.engine, Kind.READ, tools.timeouts) as tx:
        place = await placed_span(tx, tenant_id, log_id)
    if place is None:
        await tools.committer.patch(tenant_id, log_id, fields)
    else:
        await tools.committer.patch_placed(tenant_id, *place, fields)


@write.post(
    "/project", response_model=ProjectAnswer, description="Finds or makes a project.", responses=errors(401, 403, 503)
)
async def find_or_create_project(request: Request, wanted: ProjectRequest) -> ProjectAnswer:
    tools, tenant_id = resources(request), caller(request).tenant_id
    project = await projects.get_or_create(tools.engine, tools.timeouts, tenant_id, wanted.name or "default")
    return ProjectAnswer(
        name=project.name, uuid=project.id, created_at=iso(project.created_us), was_created=project.was_created
    )


@write.post(
    "/experiment",
    response_model=ExperimentAnswer,
    description="Creates an experiment; an identical request within a minute, before any trace, is taken for a retry.",
    responses=errors(400, 401, 403, 503),
)
async def create_experiment(request: Request, wanted: ExperimentRequest) -> ExperimentAnswer:
    tools, who = resources(request), caller(request)
    run = NewRun(wanted.project_uuid, wanted.name, wanted.run_name or None, wanted.metadata, wanted.is_public)
    made = await experiments.create_run(tools.engine, tools.timeouts, who.tenant_id, who.key_id, run)
    return ExperimentAnswer(
        name=made.name or "",
        uuid=made.id,
        created_at=iso(made.created_at),
        project_uuid=made.project_id or "",
        run_name=made.run_name,
        metadata=made.metadata,
        is_public=wanted.is_public,
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
    tools, ended = resources(request), ended or FinishedRequest()
    scores = [s.model_dump() for s in ended.dataset_level_stats or [] if s.score is not None]
    experiment = await experiments.finish(
        tools.engine, tools.timeouts, caller(request).tenant_id, experiment_uuid, ended.status, scores
    )
    return await _stats(tools, experiment)


@read.get(
    "/experiment/{experiment_uuid}/stats",
    response_model=ExperimentStatsSchema,
    description="Fetches aggregated stats for every root-level trace log in an experiment.",
    responses=errors(401, 404, 503),
)
async def get_experiment_stats_api(request: Request, experiment_uuid: str) -> Response:
    tools = resources(request)
    experiment = await experiments.get(tools.engine, tools.timeouts, caller(request).tenant_id, experiment_uuid)
    return await _stats(tools, experiment)


async def _stats(tools: Resources, experiment: Experiment) -> Response:
    seconds = tools.limits.stream_s
    pages = traces.entry_pages(tools.engine, tools.timeouts, experiment.key, seconds)
    return await JsonStream.begin(traces.stats_document(pages, '{"parent_trace_stats":[', "]}"), seconds)


_ABSENT: dict[str, Any] = {
    "status_code": 501,
    "response_model": ErrorMessage,
    "response_description": DESCRIPTIONS[501],
    "responses": errors(401, 403),
}


@write.post("/completion", **_ABSENT)
@write.post("/completion/stream", **_ABSENT)
async def call_model() -> Response:
    raise OutOfScope("This service keeps statistics and calls no models: use the model's own client")


@write.post("/deployed-prompt", **_ABSENT)
async def get_deployed_prompt() -> Response:
    raise OutOfScope("This service keeps statistics and no prompts")
