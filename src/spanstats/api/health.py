"""Whether the process is alive, whether it can serve, and what it counts of itself.

All of it answers HEAD too, as load balancers ask; the server leaves the body out.
"""

import asyncio

from fastapi import APIRouter, Request, Response

from ..errors import NotFound, Unavailable
from ..metrics import MEDIA_TYPE, exposition
from ..stats.maintenance import waiting_marks
from ..store import schema
from .answers import json_answer
from .paths import TolerantRoute
from .resources import Resources, resources

router = APIRouter(route_class=TolerantRoute)


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", description="The process is alive; no database is asked.")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    description="The database is reachable, takes writes, and its schema is the one that this version is written for.",
    responses={503: {"description": "Not ready"}},
)
async def readyz(request: Request) -> Response:
    tools = resources(request)
    if not await schema.is_ready(tools.database):
        raise Unavailable("the schema of the database is not the one that this version is written for")
    standbys = tools.reading.standbys
    if standbys is None:
        return json_answer({"status": "ready"})
    return json_answer({"status": "ready", "standbys": {"known": standbys.known, "in_use": standbys.in_use}})


@router.head("/api/parea/v1/", include_in_schema=False)
@router.get(
    "/api/parea/v1/",
    summary="Parea's health check",
    description="The process is alive; needs no key.",
    responses={200: {"content": {"application/json": {"schema": {"examples": [{"status": "ok"}]}}}}},
)
async def parea_health() -> dict[str, str]:
    return {"status": "ok"}


@router.head("/metrics", include_in_schema=False)
@router.get(
    "/metrics",
    summary="Prometheus' metrics",
    description="Sums over all workers of this service; needs no key, holds no tenant's data.",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, 404: {"description": "Turned off"}},
)
async def metrics(request: Request) -> Response:
    tools = resources(request)
    if not tools.limits.metrics:
        raise NotFound("Not Found")
    content = await asyncio.to_thread(exposition, await _sampled(tools))
    return Response(content, media_type=MEDIA_TYPE)


async def _sampled(tools: Resources) -> list[tuple[str, str, float]]:
    up = "spanstats_database_up", "Whether the database answered just now."
    try:
        rollups, columns = await waiting_marks(tools.database)
    except Unavailable:
        return [(*up, 0)]
    return [
        (*up, 1),
        ("spanstats_rollup_marks", "Marks that wait to be rebuilt, 100,000 at most.", rollups),
        ("spanstats_column_invalidations", "Minutes that wait for their columns, 100,000 at most.", columns),
    ]
