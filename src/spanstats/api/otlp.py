"""OpenTelemetry's traces over HTTP, JSON or protobuf, for every tracing client of Respan and any other exporter."""

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response, Security
from fastapi.security import HTTPBearer

from ..dialects.otlp import answers, json_encoding, protobuf_encoding
from ..dialects.otlp.answers import JSON, PROTOBUF
from .body import is_announced
from .decoding import beside
from .failures import within
from .observation import note_batch
from .resources import caller, resources_of, tenant_committer
from .route_classes import RespanWrite

write = APIRouter(route_class=RespanWrite, dependencies=[Security(HTTPBearer(auto_error=False))])

_REQUEST = {"type": "object", "description": "`ExportTraceServiceRequest`"}
_STATUS = {
    "type": "object",
    "description": "`google.rpc.Status`",
    "properties": {"code": {"type": "integer"}, "message": {"type": "string"}, "error": {"type": "string"}},
    "required": ["code", "message", "error"],
}
_SUCCESS = {
    "type": "object",
    "description": "`ExportTraceServiceResponse`",
    "properties": {
        "partialSuccess": {
            "type": "object",
            "properties": {"rejectedSpans": {"type": "integer"}, "errorMessage": {"type": "string"}},
        }
    },
}
_BYTES = {"type": "string", "format": "binary"}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {JSON: {"schema": schema}, PROTOBUF: {"schema": _BYTES}}


_EXPORT: dict[str, Any] = {
    "description": (
        "Stores spans, compressed with gzip, deflate or zstd, or not; sent again, they update what is stored. Answers, "
        "in the encoding of the request, once they are committed. A span that cannot be read costs no other: it is "
        "counted and named in `partialSuccess`, which says also that a request has no spans."
    ),
    "openapi_extra": {"requestBody": {"required": True, "content": _content(_REQUEST)}},
    "responses": {
        200: {"content": _content(_SUCCESS)},
        401: {"description": "No API key, or one that is not valid", "content": _content(_STATUS)},
        "default": {"description": "An error; 503 may be tried again", "content": _content(_STATUS)},
    },
}


@write.post("/api/v2/traces", summary="Export traces", **_EXPORT)
@write.post("/api/v1/traces", summary="Export traces, at OpenTelemetry's usual path", **_EXPORT)
async def export_traces(request: Request) -> Response:
    resources, raw = resources_of(request), await request.body()
    protobuf = answers.is_protobuf(request.headers.get("content-type", ""))
    if not raw and not is_announced(request):
        raise HTTPException(411, "The request has no body: an export without spans says Content-Length: 0")
    read = protobuf_encoding.read_protobuf if protobuf else json_encoding.read_json
    with within("body"):
        batch = await beside(request, read, raw, max_spans=resources.limits.spans)
    await tenant_committer(request).submit(caller(request).tenant_id, batch.spans, len(raw))
    note_batch("otlp", batch)
    content = answers.encode_success(len(batch.rejected), answers.message_of(batch), protobuf)
    return Response(content, media_type=PROTOBUF if protobuf else JSON)
