"""A route is found by the shape of the path, and it is the one that trying them in turn finds."""

import re
from typing import Any

import pytest
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from spanstats.api.finding import FoundByShape
from spanstats.api.paths import ReachingOverSlashes, TolerantRoute
from spanstats.page.routing import PageRoute

from .served import application

FIRST, *ROUTES = application().routes
TOLERANT = [route for route in ROUTES if isinstance(route, TolerantRoute) and not isinstance(route, PageRoute)]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PATHS = sorted({re.sub(r"{[^}]*}", word, route.path) for route in TOLERANT for word in ("a", "list", "v1", "%2F")})
SPELLINGS = sorted(
    {
        *PATHS,
        *(path.removesuffix("/") for path in PATHS),
        *(f"{path}/" for path in PATHS),
        *(path.removeprefix("/api") for path in PATHS),
        *(f"/api{path}" for path in PATHS),
        *("/", "", "/api", "/api/", "/api/api/", "/apiv1/traces", "//", "/api//v1/traces", "/nowhere/at/all"),
    }
)


def scope_of(method: str, path: str) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "root_path": ""}


def tried_in_turn(scope: dict[str, Any]) -> BaseRoute | None:
    """What Starlette's router would take."""
    for route in ROUTES:
        match, child = route.matches(scope)
        if match is Match.FULL:
            return child["route"] if isinstance(route, ReachingOverSlashes) else route
    return None


@pytest.mark.parametrize("method", METHODS)
def test_the_route_is_the_one_that_trying_them_in_turn_finds(method: str) -> None:
    assert isinstance(FIRST, FoundByShape)
    n_matches = 0
    for path in SPELLINGS:
        match, child = FIRST.matches(scope_of(method, path))
        if match is Match.FULL:
            n_matches += 1
            assert child["route"] is tried_in_turn(scope_of(method, path)), (method, path)
        else:
            assert match is Match.NONE
    assert method == "OPTIONS" or n_matches > 0


def test_every_route_is_found_without_trying_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[TolerantRoute] = []
    matches = TolerantRoute.matches

    def counting(route: TolerantRoute, scope: Scope) -> tuple[Match, Scope]:
        compared.append(route)
        return matches(route, scope)

    monkeypatch.setattr(TolerantRoute, "matches", counting)
    for route in TOLERANT:
        path, method = re.sub(r"{[^}]*}", "a-b", route.path), min(route.methods or ())
        compared.clear()
        assert FIRST.matches(scope_of(method, path))[0] is Match.FULL, route
        assert len(compared) <= len(TOLERANT) / 5, route
