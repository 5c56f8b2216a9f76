"""Respan's standalone scores: sent to a log, whether it is stored yet or not, changed, listed and deleted."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from ..catalog import evaluators
from ..dialects.respan.paging import read_sort
from ..dialects.respan.score_answer import score_object
from ..dialects.respan.score_schema import (
    CHANGE_SCHEMA,
    FILTERS_SCHEMA,
    REPLACEMENT_SCHEMA,
    SCORE_OF_LOG_SCHEMA,
    SCORE_SCHEMA,
    ScoreList,
    ScoreObject,
)
from ..dialects.respan.scores import SORTS, changed_score, evaluator_of, log_of, read_score, without_score
from ..domain.standalone import StandaloneScore
from ..domain.values import identifier
from ..errors import NotFound
from ..filters.score_fields import SCORES
from ..reading.scores import find_score, order_by, page_of_scores, scores_of_log
from .answers import json_answer
from .failures import within
from .openapi import body
from .resources import caller, tenant_committer, tenant_database
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
from .route_classes import RespanRead, RespanWrite

read = APIRouter(route_class=RespanRead, **ROUTER)
write = APIRouter(route_class=RespanWrite, **ROUTER)

SortBy = Annotated[str | None, sorting(SORTS)]

_OF_LOG = "/api/logs/{log_id}/scores/"
_ONE_OF_LOG = "/api/logs/{log_id}/scores/{score_id}/"
_ALL, _LIST, _ONE = "/api/scores/", "/api/scores/list/", "/api/scores/{score_id}/"

_POST: dict[str, Any] = {
    "status_code": 201,
    "response_model": ScoreObject,
    "description": (
        "Scores a span, or a trace through its root. There is one score for each log, evaluator and scorer: a repeat "
        "updates it. A score may come before its span, and counts as soon as that is there."
    ),
    "responses": errors(400, 401, 403, 413, 503),
}
_CHANGED: dict[str, Any] = {"response_model": ScoreObject, "responses": errors(400, 401, 403, 404, 503)}
_CHANGE, _REPLACE = body(CHANGE_SCHEMA), body(REPLACEMENT_SCHEMA)
# Handlers take it from the path where it is there.
_LOG_ID = {"parameters": [{"name": "log_id", "in": "path", "required": True, "schema": {"type": "string"}}]}
_DELETE: dict[str, Any] = {"status_code": 204, "response_class": Response, "responses": errors(401, 403, 404, 503)}
_GET: dict[str, Any] = {"response_model": ScoreObject, "responses": errors(401, 403, 404, 503)}
_PAGE: dict[str, Any] = {"response_model": ScoreList, "responses": errors(400, 401, 403, 503)}


@write.post(_OF_LOG, summary="Score a log", openapi_extra=body(SCORE_SCHEMA), **_POST)
async def create_score_of_log(request: Request, log_id: str) -> Response:
    with within("path"):
        log = log_of({"log_id": identifier(log_id, "log_id")})
    return await _create(request, await sent_object(request, required=True), log)


@write.post(_ALL, summary="Score a log that the body names", openapi_extra=body(SCORE_OF_LOG_SCHEMA), **_POST)
async def create_score(request: Request) -> Response:
    fields = await sent_object(request, required=True)
    with within("body"):
        log = log_of(fields)
    return await _create(request, fields, log)


async def _create(request: Request, fields: dict[str, Any], log_id: str) -> Response:
    tenant_id = caller(request).tenant_id
    with within("body"):
        names = [name for name in evaluator_of(fields) if name is not None]
    keys = await evaluators.find_keys(tenant_database(request), tenant_id, names)
    with within("body"):
        posted = read_score(fields, log_id, keys, time.time_ns() // 1000)
    score_id = await tenant_committer(request).score(tenant_id, posted, len(await request.body()))
    return json_answer(score_object(await _find(request, score_id, None)), 201)


@read.get(
    _OF_LOG,
    summary="List the standalone scores of a log",
    description="Those of a span, or of all spans of a trace; `count` is that of this page.",
    response_model=ScoreList,
    responses=errors(400, 401, 403, 404, 503),
)
async def list_scores_of_log(request: Request, log_id: str, page: Page = None, page_size: PageSize = None) -> Response:
    paging = paging_of(request, page, page_size)
    scores = await scores_of_log(tenant_database(request), caller(request).tenant_id, log_id)
    if scores is None:
        raise NotFound("Log not found")
    shown = scores[paging.offset : paging.offset + paging.size]
    answer = listed(request, len(scores), paging, [score_object(score) for score in shown])
    return json_answer({**answer, "count": len(shown)})


@read.get(_ALL, summary="List standalone scores", **_PAGE)
@read.get(_LIST, summary="List standalone scores, at the path of filters", **_PAGE)
@read.post(_LIST, summary="Filter standalone scores", openapi_extra=body(FILTERS_SCHEMA, required=False), **_PAGE)
async def list_scores(
    request: Request, page: Page = None, page_size: PageSize = None, sort_by: SortBy = None
) -> Response:
    paging, filters = paging_of(request, page, page_size), await filter_body(request)
    order = order_by(*read_sort(sort_by, SORTS, "-created_at"))
    condition = await condition_of(request, filters, SCORES, {})
    database, tenant_id = tenant_database(request), caller(request).tenant_id
    count, scores = await page_of_scores(database, tenant_id, condition, order, paging.size, paging.offset)
    return json_answer(listed(request, count, paging, [score_object(score) for score in scores], filters))


@read.get(_ONE_OF_LOG, summary="Read a score of a log", openapi_extra=_LOG_ID, **_GET)
@read.get(_ONE, summary="Read a score", **_GET)
async def get_score(request: Request, score_id: str) -> Response:
    return json_answer(score_object(await _find(request, score_id, _named_log(request))))


@write.patch(_ONE_OF_LOG, summary="Change a score of a log", openapi_extra=_CHANGE | _LOG_ID, **_CHANGED)
@write.patch(_ONE, summary="Change a score", openapi_extra=_CHANGE, **_CHANGED)
@write.put(_ONE_OF_LOG, summary="Replace a score of a log", openapi_extra=_REPLACE | _LOG_ID, **_CHANGED)
@write.put(_ONE, summary="Replace a score", openapi_extra=_REPLACE, **_CHANGED)
async def change_score(request: Request, score_id: str) -> Response:
    stored = await _find(request, score_id, _named_log(request))
    fields = await sent_object(request, required=True)
    with within("body"):
        changed = changed_score(stored, fields, whole=request.method == "PUT")
    await tenant_committer(request).score(caller(request).tenant_id, changed, len(await request.body()))
    return json_answer(score_object(await _find(request, score_id, None)))


@write.delete(_ONE_OF_LOG, summary="Delete a score of a log", openapi_extra=_LOG_ID, **_DELETE)
@write.delete(_ONE, summary="Delete a score", **_DELETE)
async def delete_score(request: Request, score_id: str) -> Response:
    stored = await _find(request, score_id, _named_log(request))
    await tenant_committer(request).score(caller(request).tenant_id, without_score(stored))
    return Response(status_code=204)


def _named_log(request: Request) -> str | None:
    return request.path_params.get("log_id")


async def _find(request: Request, score_id: str, log_id: str | None) -> StandaloneScore:
    """The score, of this log if one is named. Raises `NotFound`."""
    score = await find_score(tenant_database(request), caller(request).tenant_id, score_id)
    if score is None or (log_id is not None and log_id not in (score.log_id, score.span_id, score.trace_id)):
        raise NotFound("Score not found")
    return score
