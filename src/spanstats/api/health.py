"""Whether the process is alive, and whether it can serve."""

from fastapi import APIRouter, Request, Response

from ..errors import Unavailable
from ..store import schema
from .answers import json_answer
from .resources import resources
from .routing import TolerantRoute

router = APIRouter(route_class=TolerantRoute)


@router.get("/healthz", description="The process is alive; no database is asked.")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get(
    "/readyz",
    description="The database is reachable and its schema is the one that this version is written for.",
    responses={503: {"description": "Not ready"}},
)
async def readyz(request: Request) -> Response:
    tools = resources(request)
    if not await schema.is_current(tools.engine, tools.timeouts):
        raise Unavailable("the schema of the database is not the one that this version is written for")
    return json_answer({"status": "ready"})


@router.get(
    "/api/parea/v1/",
    summary="Parea's health check",
    description="The process is alive; needs no key.",
    responses={200: {"content": {"application/json": {"schema": {"examples": [{"status": "ok"}]}}}}},
)
async def parea_health() -> dict[str, str]:
    return {"status": "ok"}
