"""The shortest way from a connection to the routes that are asked most.

FastAPI and Starlette lead a request through nine layers before a handler runs, and compare its path with one route
after another: for a single span that costs as much as reading it. A route whose handler takes the request as it is, and
whose path has no parameter, needs none of that. All others go the usual way.
"""

from collections.abc import Callable, Iterable

from fastapi import FastAPI, Request
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from . import failures
from .routing import KeyedRoute


class Application(FastAPI):
    """FastAPI inside our own middleware, so that what is answered directly passes this too."""

    _outermost: ASGIApp | None = None

    def surround(self, routes: Iterable[BaseRoute], middleware: Iterable[Callable[[ASGIApp], ASGIApp]]) -> None:
        """Answer those of the routes directly that can be; the first of the middleware is the innermost."""
        app: ASGIApp = Direct(super().__call__, routes)
        for around in middleware:
            app = around(app)
        self._outermost = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._outermost or super().__call__)(scope, receive, send)


class Direct:
    """An ASGI application that answers by bare routes without parameters, and passes other requests on."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._routes: dict[tuple[str, str], KeyedRoute] = {}
        for route in routes:
            if isinstance(route, KeyedRoute) and route.is_bare and "{" not in route.path:
                for method in route.methods or ():
                    self._routes.setdefault((method, route.path), route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Lifespans have no method. Other spellings of a path, and paths below a proxy's, go the usual way.
        route = self._routes.get((scope.get("method", ""), scope.get("path", "")))
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive, send)
        try:
            response = await route.checked(request)
        except Exception as error:
            await (await failures.answer_to(request, error))(scope, receive, send)
            if not failures.is_expected(error):
                raise
        else:
            await response(scope, receive, send)
