"""The shortest way from a connection to a route that needs nothing of FastAPI.

FastAPI and Starlette lead a request through nine layers before a handler runs, and compare its path with one route
after another: for a single span that costs as much as reading it. A route whose handler makes the response from the
request and from texts of its path and query (`KeyedRoute.is_direct`) needs none of that. All others go the usual way.
"""

from collections.abc import Callable, Iterable

from fastapi import FastAPI, Request
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from . import failures
from .finding import FoundByShape
from .routing import KeyedRoute


class Application(FastAPI):
    """FastAPI inside our own middleware, so that what is answered directly passes this too."""

    _outermost: ASGIApp | None = None

    def surround(self, by_shape: FoundByShape, middleware: Iterable[Callable[[ASGIApp], ASGIApp]]) -> None:
        """Answer those of the routes directly that can be; the first of the middleware is the innermost."""
        app: ASGIApp = Direct(super().__call__, by_shape, self.root_path)
        for around in middleware:
            app = around(app)
        self._outermost = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._outermost or super().__call__)(scope, receive, send)


class Direct:
    """An ASGI application that answers by direct routes, and passes other requests on."""

    def __init__(self, app: ASGIApp, by_shape: FoundByShape, root_path: str = "") -> None:
        """`root_path` is what proxies put before every path."""
        self._app = app
        self._by_shape = by_shape
        self._root_path = root_path
        self._by_path = _by_path(by_shape)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._match(scope)
        if route is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await route.checked(request)
        except Exception as error:
            await (await failures.answer_to(request, error))(scope, receive, send)
            if not failures.is_expected(error):
                raise
        else:
            await response(scope, receive, send)

    def _match(self, scope: Scope) -> KeyedRoute | None:
        """The direct route of this request, also put into the scope, as the router does. Lifespans have no method."""
        # As it was sent: an id that decodes to a word of a path is none.
        route = self._by_path.get((scope.get("method", ""), scope.get("raw_path") or b""))
        if route is not None:
            scope["route"] = route
            return route
        if self._root_path:
            scope["root_path"] = self._root_path
        match, child = self._by_shape.matches(scope)
        by_shape = child.get("route")
        if match is not Match.FULL or not isinstance(by_shape, KeyedRoute) or not by_shape.is_direct:
            return None
        scope.update(child)
        return by_shape


def _by_path(by_shape: FoundByShape) -> dict[tuple[str, bytes], KeyedRoute]:
    """The direct routes without parameters by method and path, but for routes that another route comes before."""
    routes: dict[tuple[str, bytes], KeyedRoute] = {}
    for route in by_shape.routes:
        if isinstance(route, KeyedRoute) and route.is_direct and "{" not in route.path:
            for method in route.methods or ():
                raw = route.path.encode()
                scope = {"type": "http", "method": method, "path": route.path, "raw_path": raw}
                if by_shape.matches(scope)[1].get("route") is route:
                    routes[method, raw] = route
    return routes
