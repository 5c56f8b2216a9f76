"""All routes of the page, and the reference at `/docs`."""

from collections.abc import Iterable, Iterator

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from . import reference
from .headers import PAGE_HEADERS
from .render import page
from .screens import compare, item, run, runs, sign_in, trace
from .session import HOME, root_of

_ROUTERS = (sign_in.router, runs.router, run.router, compare.router, item.router, trace.router)

_start = APIRouter(include_in_schema=False)
_rest = APIRouter(include_in_schema=False)


@_start.get("/")
async def start(request: Request) -> Response:
    """Leads browsers to the page; other clients ask for nothing that is here."""
    if "text/html" not in request.headers.get("accept", ""):
        raise HTTPException(404, "Not Found: the page is at /ui/, the reference at /docs")
    return RedirectResponse(root_of(request) + HOME, 303, PAGE_HEADERS)


@_rest.get("/ui/{path:path}")
async def no_such_screen(request: Request, path: str) -> Response:
    """A 404 that people can read."""
    return page(
        request,
        "problem.html",
        404,
        heading="Not found",
        message="There is no such page.",
        problems=(),
        again=None,
        advice="Look for the run in the list.",
    )


@_rest.api_route("/ui/{path:path}", methods=["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def wrong_method(request: Request, path: str) -> Response:
    """A 405 that people can read: pages are asked for, and only the sign-in takes a form."""
    response = page(
        request,
        "problem.html",
        405,
        heading="Not possible here",
        message=f"This page does not take {request.method}.",
        problems=(),
        again=None,
        advice="Look for the run in the list.",
    )
    response.headers["Allow"] = "GET, HEAD"
    return response


def routes(ui: bool) -> Iterator[BaseRoute]:
    """The reference's routes, and the page's where it is turned on. What answers GET answers HEAD: without a body."""
    yield from _with_head(reference.router.routes)
    yield from reference.MOUNTS
    if ui:
        for router in (_start, *_ROUTERS, _rest):
            yield from _with_head(router.routes)


def _with_head(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """FastAPI's routes do not answer HEAD by themselves, as Starlette's do; the server leaves the body out."""
    for route in routes:
        if isinstance(route, APIRoute) and route.methods and "GET" in route.methods:
            route.methods.add("HEAD")
        yield route
