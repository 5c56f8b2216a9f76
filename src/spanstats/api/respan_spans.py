"""Respan's `request-logs`: spans posted one by one or in bulk, listed, summarized, and read whole."""

from typing import Any

from fastapi import APIRouter, Request

from ..dialects.respan.flat import read_flat
from ..dialects.respan.intake import (
    BULK_SCHEMA,
    SPAN_SCHEMA,
    BulkCreated,
    SpanCreated,
    bulk_answer,
    created_answer,
    read_bulk,
)
from ..errors import Unavailable
from ..store.session import Kind, transaction
from ..store.spans import spans_by_key
from .failures import within
from .openapi import body
from .resources import caller, resources
from .respan_shared import ROUTER, errors, sent_object
from .routing import RespanRead, RespanWrite

read = APIRouter(route_class=RespanRead, **ROUTER)
write = APIRouter(route_class=RespanWrite, **ROUTER)

_CREATE: dict[str, Any] = {
    "status_code": 201,
    "response_model": SpanCreated,
    "description": (
        "Stores one span and answers it as it is stored, priced. Without ids it is a trace of its own; sent again with "
        "the same ids it updates what is stored."
    ),
    "openapi_extra": body(SPAN_SCHEMA),
    "responses": errors(400, 401, 403, 413, 503),
}


@write.post("/api/request-logs/", summary="Log a span", **_CREATE)
@write.post("/api/request-logs/create/", summary="Log a span, at the older path", **_CREATE)
async def create_span(request: Request) -> SpanCreated:
    tools, tenant_id = resources(request), caller(request).tenant_id
    sent = await sent_object(request, required=True)
    with within("body"):
        span = read_flat(sent, ids_required=False)
    key = tenant_id, span.trace_id, span.span_id
    await tools.committer.submit(tenant_id, [span], len(await request.body()))
    async with transaction(tools.engine, Kind.READ, tools.timeouts) as tx:
        stored = (await spans_by_key(tx.driver, [key])).get(key)
    if stored is None:
        raise Unavailable("the span was deleted while it was stored")
    return created_answer(stored)


@write.post(
    "/api/request-logs/bulk/",
    summary="Log many spans",
    description="Stores at most 500 spans; one that cannot be read costs no other and is named under `errors`.",
    status_code=201,
    response_model=BulkCreated,
    openapi_extra=body(BULK_SCHEMA),
    responses=errors(400, 401, 403, 413, 503),
)
async def bulk_create_spans(request: Request) -> BulkCreated:
    sent = await sent_object(request, required=True)
    with within("body"):
        batch = read_bulk(sent)
    await resources(request).committer.submit(caller(request).tenant_id, batch.spans, len(await request.body()))
    return bulk_answer(batch)
