"""How the path of a request is compared with that of a route, so that every id finds its way.

An id may hold any character, `/` too. Clients that percent-encode it send it as one segment: those are compared first,
segment by segment, before anything is decoded, and nothing in an id can be taken for a word of a route. Clients that do
not encode it send more segments: only where no route has the path as it was sent, an id may reach over slashes.
"""

import re
from collections.abc import Callable, Iterable
from re import Pattern
from typing import Any
from urllib.parse import quote, unquote

from fastapi.routing import APIRoute
from starlette._utils import get_route_path
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

_PARAMETER = re.compile(r"{(\w+(?::path)?)}")
_SEGMENT, _SEGMENTS = r"[^/]+", r".+?"


class TolerantRoute(APIRoute):
    """A route that answers to every spelling of its path that clients use, and is described once.

    With and without the slash at the end; with, without or with a doubled `/api` at the start. A redirect would do for
    none of them: several clients follow none, or lose the body.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._as_sent, self._decoded = _pattern(path, _SEGMENT), _pattern(path, _SEGMENTS)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Compares the path as it was sent, with each id in one segment."""
        if scope["type"] != "http":
            return Match.NONE, {}
        match = self._as_sent.fullmatch(sent_path(scope))
        return self._match(scope, {k: unquote(v) for k, v in match.groupdict().items()} if match else None)

    def matches_decoded(self, scope: Scope) -> tuple[Match, Scope]:
        """Compares the decoded path, where an id may reach over slashes."""
        match = self._decoded.fullmatch(get_route_path(scope))
        return self._match(scope, match.groupdict() if match else None)

    def _match(self, scope: Scope, parameters: dict[str, str] | None) -> tuple[Match, Scope]:
        if parameters is None:
            return Match.NONE, {}
        child_scope: Scope = {"endpoint": self.endpoint, "path_params": parameters, "route": self}
        return (Match.FULL if scope["method"] in (self.methods or ()) else Match.PARTIAL), child_scope


def _pattern(template: str, parameter: str) -> Pattern[str]:
    """With and without the slash at the end; with, without or with a doubled `/api` at the start."""
    words = _PARAMETER.split(template.removesuffix("/"))
    for number in range(1, len(words), 2):
        name, _, rest = words[number].partition(":")
        words[number] = f"(?P<{name}>{'.*' if rest else parameter})"
    words[::2] = [re.escape(word) for word in words[::2]]
    pattern = "".join(words)
    if template.startswith("/api/"):
        # Where a parameter follows, it must not be taken for what has a path of its own.
        often = "+" if template.startswith("/api/{") else "*"
        pattern = f"(?:/api){often}" + pattern.removeprefix("/api")
    # An id may hold a line break: a dot means that too, and the end is the end.
    return re.compile(rf"{pattern}/?\Z", re.DOTALL)


def sent_path(scope: Scope) -> str:
    """The path as it was sent, still percent-encoded, without what a proxy put before it."""
    if "sent_path" not in scope:
        scope["sent_path"] = _without_root(scope)
    path: str = scope["sent_path"]
    return path


def _without_root(scope: Scope) -> str:
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return quote(get_route_path(scope))
    path = raw.decode("latin-1").partition("?")[0]
    root = quote(scope.get("root_path", ""))
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


class ReachingOverSlashes(BaseRoute):
    """The same routes once more, for ids that were sent with their slashes as they are.

    Of several readings the one with the most words holds: `a/logs/b/logs/summary/` asks for the summary of `a/logs/b`.
    """

    def __init__(self, routes: Iterable[BaseRoute], of_any_word: Iterable[BaseRoute] = ()) -> None:
        """`of_any_word` begin with a parameter: they have what no other route has."""
        self._as_sent = [route for route in routes if isinstance(route, TolerantRoute)]
        self._routes = sorted(self._as_sent, key=lambda route: -len(_PARAMETER.sub("", route.path)))
        self._of_any_word = list(of_any_word)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As a route matches; not where a route has the path as it was sent, with any method."""
        none: tuple[Match, Scope] = (Match.NONE, {})
        if scope["type"] != "http" or any(route.matches(scope)[0] is not Match.NONE for route in self._as_sent):
            return none
        matches = (
            *(route.matches_decoded(scope) for route in self._routes),
            *(route.matches(scope) for route in self._of_any_word),
        )
        matching = [match for match in matches if match[0] is not Match.NONE]
        return next((match for match in matching if match[0] is Match.FULL), matching[0] if matching else none)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the route that was found."""
        await scope["route"].handle(scope, receive, send)
