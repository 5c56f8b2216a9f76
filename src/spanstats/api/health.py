"""Whether the process is alive, whether it can serve, and what it counts of itself.

All of it answers HEAD too, as load balancers ask; the server leaves the body out.
"""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from ..domain.shards import FIRST
from ..errors import NotFound, Unavailable
from ..metrics import MEDIA_TYPE, Sample, exposition
from ..stats.maintenance import InvalidMinutes, count_invalid_minutes
from ..store import schema
from .answers import json_answer
from .paths import TolerantRoute
from .resources import Resources, resources_of
from .shards import Shard, Shards

router = APIRouter(route_class=TolerantRoute)

# Probes and scrapes give up after some seconds; a shard that is silent must not take the whole service away from them.
_PATIENCE_S = 2.0


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
    resources = resources_of(request)
    if not await schema.is_ready(resources.database):
        raise Unavailable("the schema of the database is not the one that this version is written for")
    return json_answer({"status": "ready", **_standbys(resources.shards), **await _others(resources.shards)})


def _standbys(shards: Shards) -> dict[str, Any]:
    """How many standbys are named, and read from, if any are."""
    all_of_them = [shard.reading.standbys for shard in shards if shard.reading.standbys is not None]
    if not all_of_them:
        return {}
    return {
        "standbys": {"known": sum(s.n_addresses for s in all_of_them), "in_use": sum(s.in_use for s in all_of_them)}
    }


async def _others(shards: Shards) -> dict[str, Any]:
    """Which of the shards beside the first are ready, if there are any: they do not keep this service from serving."""
    others = [shard for shard in shards if shard.name != FIRST]
    if not others:
        return {}
    ready = await asyncio.gather(*(_is_ready(shard) for shard in others))
    return {
        "shards": {shard.name: "ready" if is_ready else "away" for shard, is_ready in zip(others, ready, strict=True)}
    }


async def _is_ready(shard: Shard) -> bool:
    """Whether the shard has just answered that it is ready; not where it answers nothing for a while."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return shard.not_ready is None and await schema.is_ready(shard.database)
    except (Unavailable, TimeoutError):
        return False


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
    resources = resources_of(request)
    if not resources.limits.metrics:
        raise NotFound("Not Found")
    content = await asyncio.to_thread(exposition, await _sampled(resources))
    return Response(content, media_type=MEDIA_TYPE)


async def _sampled(resources: Resources) -> list[Sample]:
    shards = list(resources.shards)
    waiting = dict(zip((shard.name for shard in shards), await asyncio.gather(*map(_waiting, shards)), strict=True))
    samples: list[Sample] = [(*_UP, {}, 0.0 if waiting.get(FIRST) is None else 1.0)]
    if len(shards) > 1:
        samples += [(*_SHARD_UP, {"shard": name}, 0.0 if of is None else 1.0) for name, of in waiting.items()]
    of_shards = [of for of in waiting.values() if of is not None]
    if of_shards:
        samples.append((*_OF_ROLLUPS, {}, float(sum(of.rollups for of in of_shards))))
        samples.append((*_OF_COLUMNS, {}, float(sum(of.columns for of in of_shards))))
    return samples


_UP = "spanstats_database_up", "Whether the database answered just now."
_SHARD_UP = "spanstats_shard_up", "Whether the shard's database answered just now."
_OF_ROLLUPS = (
    "spanstats_rollup_marks",
    "Invalid minutes that wait for rollups, 100,000 of a shard at most.",
)
_OF_COLUMNS = (
    "spanstats_column_invalidations",
    "Invalid minutes that wait for columns, 100,000 of a shard at most.",
)


async def _waiting(shard: Shard) -> InvalidMinutes | None:
    """How many minutes of the shard's caches wait for a refresh; `None` where the shard is away, or silent."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return None if shard.not_ready is not None else await count_invalid_minutes(shard.database)
    except (Unavailable, TimeoutError):
        return None
