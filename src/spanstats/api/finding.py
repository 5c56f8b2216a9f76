"""The route of a request found by the words of its path, where comparing it with one route after another takes long."""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from .paths import TolerantRoute, sent_path

Shape = tuple[int, str]
"""How many segments a path has behind `/api`, and the first of them."""

_NONE: tuple[Match, Scope] = (Match.NONE, {})


class FoundByShape(BaseRoute):
    """The same routes, of which only those are compared with a path that have its shape, in their order.

    Goes before them. What is not found here is left to them: they also answer which methods a path has.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self.routes = [route for route in routes if isinstance(route, TolerantRoute)]
        listed = [(_shape(route.path), route) for route in self.routes]
        self._by_shape: dict[Shape, list[TolerantRoute]] = {
            shape: [route for other, route in listed if _may_be(other, shape)] for shape, _ in listed
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As a route matches, but only where it serves the method too."""
        if scope["type"] != "http":
            return _NONE
        for route in self._by_shape.get(_shape(sent_path(scope)), ()):
            match = route.matches(scope)
            if match[0] is Match.FULL:
                return match
        return _NONE

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the route that was found."""
        await scope["route"].handle(scope, receive, send)


def _shape(path: str) -> Shape:
    """Of a path that was sent, or of a route's. With and without `/api` and the slash at the end are one."""
    words = path.removeprefix("/api").removesuffix("/").split("/")
    return len(words), words[1] if len(words) > 1 else ""


def _may_be(of_route: Shape, of_path: Shape) -> bool:
    """Whether a route may match a path; one that begins with a parameter may."""
    return of_route == of_path or "{" in of_route[1]
