"""Parea's API, below `/api/parea/v1`: the logs that its SDKs post, one for each span, their updates and their
feedback."""

import time
from typing import Any

from fastapi import APIRouter, Request, Response

from ..dialects.normalize import check_scores
from ..dialects.parea import bodies, feedback, langchain, logs, patches
from ..dialects.parea.feedback import FeedbackRequest
from ..dialects.parea.schema import ErrorMessage
from ..domain.times import iso
from ..errors import OutOfScope
from ..metrics import ingested
from ..reading.log_pages import find_span_of_log
from .answers import null_answer
from .decoding import beside
from .failures import within
from .openapi import body
from .parea_shared import DESCRIPTIONS, ROUTER, errors
from .resources import caller, resources_of, tenant_committer, tenant_database
from .route_classes import PareaWrite

write = APIRouter(route_class=PareaWrite, **ROUTER)


@write.post(
    "/trace_log",
    description="Stores one span; sent again, it updates what is stored. Answers once it is committed.",
    responses=errors(401, 403, 413, 503),
    openapi_extra=body(bodies.TRACE_LOG),
)
async def log_trace(request: Request) -> Response:
    raw = await request.body()
    with within("body"):
        span = await beside(request, logs.read_log, raw)
        check_scores(span.scores, resources_of(request).limits.scores)
    await tenant_committer(request).submit(caller(request).tenant_id, [span], len(raw))
    ingested("parea", 1)
    return null_answer()


@write.put(
    "/trace_log",
    description="Replaces exactly the fields that are named; may come before the span itself.",
    responses=errors(401, 403, 413, 503),
    openapi_extra=body(bodies.UPDATE_LOG),
)
async def update_trace(request: Request) -> Response:
    raw = await request.body()
    with within("body"):
        span_id, fields = await beside(request, patches.read_patch, raw)
        check_scores(fields.get("scores"), resources_of(request).limits.scores)
    await tenant_committer(request).override(caller(request).tenant_id, span_id, fields, len(raw))
    return null_answer()


@write.post(
    "/trace_log/langchain",
    description="Stores a LangChain run and the runs nested in it, each as a span.",
    responses=errors(401, 403, 413, 503),
    openapi_extra=body(bodies.LANGCHAIN_RUN),
)
async def log_langchain_run(request: Request) -> Response:
    raw = await request.body()
    with within("body"):
        spans = await beside(request, langchain.read_run, raw)
    await tenant_committer(request).submit(caller(request).tenant_id, spans, len(raw))
    ingested("parea", len(spans))
    return null_answer()


@write.post(
    "/feedback",
    description="Notes what a user thought of a log, which may come later; the last word counts. It is no score.",
    responses=errors(401, 403, 503),
)
async def record_feedback(request: Request, opinion: FeedbackRequest) -> None:
    tenant_id = caller(request).tenant_id
    with within("body"):
        log_id, fields = feedback.feedback_patch(opinion, iso(time.time_ns() // 1000))
    span = await find_span_of_log(tenant_database(request), tenant_id, log_id)
    if span is None:
        await tenant_committer(request).override(tenant_id, log_id, fields)
    else:
        await tenant_committer(request).override_stored(tenant_id, span.trace_id, span.span_id, fields)


_UNSUPPORTED: dict[str, Any] = {
    "status_code": 501,
    "response_model": ErrorMessage,
    "response_description": DESCRIPTIONS[501],
    "responses": errors(401, 403),
}


@write.post("/completion", **_UNSUPPORTED)
@write.post("/completion/stream", **_UNSUPPORTED)
async def call_model() -> Response:
    raise OutOfScope("This service keeps statistics and calls no models: use the model's own client")


@write.post("/deployed-prompt", **_UNSUPPORTED)
async def get_deployed_prompt() -> Response:
    raise OutOfScope("This service keeps statistics and no prompts")
