"""Direct routes give their handlers what FastAPI gives them."""

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query, Request, Response
from starlette.types import Receive, Scope, Send

from spanstats.api.answers import json_answer
from spanstats.api.paths import TolerantRoute
from spanstats.api.route_classes import StatsRead
from spanstats.api.routing import KeyedRoute, with_texts

from .served import application

pytestmark = pytest.mark.anyio

DIRECT = {
    (method, route.path)
    for route in application().routes
    if isinstance(route, KeyedRoute) and route.is_direct
    for method in route.methods or ()
}
Described = Annotated[str | None, Query(description="a text", json_schema_extra={"pattern": "^x$"})]
router = APIRouter(route_class=TolerantRoute)


@router.get("/api/things/{thing_id}/parts/{part}/")
async def echo(
    request: Request, thing_id: str, part: str, page: Described = None, sort_by: str | None = None
) -> Response:
    return json_answer([thing_id, part, page, sort_by, request.url.query])


@router.get("/api/counts/{thing_id}")
async def takes_no_request(thing_id: str, page: Described = None) -> Response:
    return json_answer([thing_id, page])


@pytest.mark.parametrize("thing_id", ["plain", "a%2Fb", "%20", "%25", "l%C3%AFst", "a+b", "%0A", "..."])
@pytest.mark.parametrize(
    "query",
    ["", "page=1", "page=", "page", "page=1&page=2", "sort_by=-a%26b&page=+x", "other=1", "PAGE=1", "page=%FF", "a&&b"],
)
async def test_arguments_are_those_that_fastapi_resolves(thing_id: str, query: str) -> None:
    app = FastAPI()
    app.include_router(router)
    for path in (f"/api/things/{thing_id}/parts/p?{query}", f"/api/counts/{thing_id}?{query}"):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            resolved = await client.get(path)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(directly), base_url="http://test") as client:
            direct = await client.get(path)
        assert resolved.status_code == 200
        assert direct.content == resolved.content


async def directly(scope: Scope, receive: Receive, send: Send) -> None:
    for route in router.routes:
        assert isinstance(route, TolerantRoute)
        _, child = route.matches(scope)
        if child:
            request = Request({**scope, **child}, receive, send)
            response = await with_texts(route.endpoint, route.dependant)(request)
            await response(scope, receive, send)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/parea/v1/experiment/{experiment_uuid}/stats"),
        ("GET", "/api/v2/experiments/{experiment_id}/logs/summary/"),
        ("POST", "/api/v2/experiments/{experiment_id}/logs/summary/"),
        ("POST", "/api/parea/v1/trace_log"),
        ("POST", "/api/v2/traces"),
        ("POST", "/api/v1/traces/ingest"),
    ],
)
async def test_what_is_asked_most_is_direct(method: str, path: str) -> None:
    assert (method, path) in DIRECT


async def test_a_direct_route_is_found_in_the_order_of_all_routes(client: httpx.AsyncClient) -> None:
    """A log may be called `groups`: its route comes first for a method that it has."""
    assert (await client.patch("/api/request-logs/groups/", json={"note": "x"})).status_code == 404
    assert (await client.get("/api/request-logs/groups/")).status_code == 501


async def with_number(request: Request, count: int = 1) -> Response:
    return json_answer(count)


async def with_choice(request: Request, page: Annotated[str | None, Query(max_length=2)] = None) -> Response:
    return json_answer(page)


async def with_default(request: Request, page: str | None = "1") -> Response:
    return json_answer(page)


async def with_alias(request: Request, page: Annotated[str | None, Query(alias="p")] = None) -> Response:
    return json_answer(page)


async def with_model(request: Request) -> dict[str, int]:
    return {}


@pytest.mark.parametrize("endpoint", [with_number, with_choice, with_default, with_alias, with_model])
async def test_what_is_to_be_checked_or_converted_is_left_to_fastapi(endpoint: object) -> None:
    assert callable(endpoint)
    assert not StatsRead("/api/things", endpoint, methods=["GET"]).is_direct
