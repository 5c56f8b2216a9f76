"""Spans that are sent to Respan's `request-logs`, one by one or in bulk."""

from typing import Any

from fastapi import APIRouter, Request

from ..dialects.respan.flat import read_flat
from ..dialects.respan.intake import bulk_answer, created_answer, read_bulk
from ..dialects.respan.intake_schema import BULK_SCHEMA, SPAN_SCHEMA, BulkCreated, SpanCreated
from ..domain.keys import SpanKey
from ..errors import Unavailable
from ..metrics import ingested
from ..reading.spans import stored_span
from .decoding import beside
from .failures import within
from .observation import note_batch
from .openapi import body
from .resources import caller, resources_of, tenant_committer, tenant_database
from .respan_shared import ROUTER, errors, sent_span
from .route_classes import RespanWrite

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
    tenant_id = caller(request).tenant_id
    fields = await sent_span(request)
    with within("body"):
        span = read_flat(fields)
    key = SpanKey(tenant_id, span.trace_id, span.span_id)
    await tenant_committer(request).submit(tenant_id, [span], len(await request.body()))
    ingested("respan", 1)
    stored = await stored_span(tenant_database(request), key)
    if stored is None:
        raise Unavailable("the span was deleted while it was stored")
    return created_answer(stored)


@write.post(
    "/api/request-logs/bulk/",
    summary="Log many spans",
    description="Stores at most 500 spans (or as the service is set); one that is wrong costs no other: see `errors`.",
    status_code=201,
    response_model=BulkCreated,
    openapi_extra=body(BULK_SCHEMA),
    responses=errors(400, 401, 403, 413, 503),
)
async def bulk_create_spans(request: Request) -> BulkCreated:
    raw = await request.body()
    with within("body"):
        batch = await beside(request, read_bulk, raw, max_spans=resources_of(request).limits.bulk_spans)
    await tenant_committer(request).submit(caller(request).tenant_id, batch.spans, len(await request.body()))
    note_batch("respan", batch)
    return bulk_answer(batch)
