"""What holds for every route of Respan: who may call it, and under which spellings of its path it answers."""

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.api import (
    respan,
    respan_experiments,
    respan_intake,
    respan_logs,
    respan_scores,
    respan_spans,
    respan_traces,
    respan_unsupported,
)
from spanstats.catalog import keys
from spanstats.catalog.keys import Scope
from spanstats.store.session import Database

from .conftest import same_app

pytestmark = pytest.mark.anyio

_MODULES = (respan, respan_spans, respan_scores, respan_logs, respan_experiments, respan_traces)


def _routes(kind: str) -> list[tuple[str, str]]:
    routers = [getattr(module, kind) for module in _MODULES]
    if kind == "write":
        routers += [respan_intake.write, respan_unsupported.write]
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    return [(method, route.path) for route in routes for method in sorted(route.methods or ())]


READS, WRITES = _routes("read"), _routes("write")


def filled(path: str) -> str:
    for name in ("experiment_id", "log_id", "score_id", "unique_id", "evaluator_id", "trace_unique_id"):
        path = path.replace(f"{{{name}}}", "nobody")
    return path


@pytest.mark.parametrize(("method", "path"), READS + WRITES)
async def test_without_a_key_it_is_401(anonymous: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await anonymous.request(method, filled(path))
    assert answer.status_code == 401
    assert answer.json().keys() == {"error", "detail"}


async def test_a_key_that_may_not_is_403(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    cases: list[tuple[Scope, list[tuple[str, str]]]] = [("ingest", READS), ("read", WRITES)]
    for scope, refused in cases:
        key = await keys.create(Database(engine), "test", "default", scope)
        limited = same_app(client, {"Authorization": f"Bearer {key}"})
        for method, path in refused:
            assert (await limited.request(method, filled(path))).status_code == 403, (method, path)


async def test_every_spelling_of_a_path_is_the_same_route(client: httpx.AsyncClient) -> None:
    for method, path in READS + WRITES:
        plain = filled(path).rstrip("/")
        spellings = (plain, f"{plain}/", plain.removeprefix("/api"), f"/api{plain}", f"{plain.removeprefix('/api')}/")
        answers = [await client.request(method, spelling) for spelling in spellings]
        assert len({answer.status_code for answer in answers}) == 1, (method, path, answers)
        assert all(a.status_code in (200, 201, 400, 404, 501) for a in answers), (method, path, answers)
        if answers[0].status_code == 404:
            assert all(a.json()["error"].endswith(" not found") for a in answers), (method, path)


async def test_every_route_is_described_with_an_example_of_its_answer(client: httpx.AsyncClient) -> None:
    served = (await client.get("/openapi.json")).json()
    for method, path in READS + WRITES:
        described = served["paths"][path][method.lower()]
        assert described["summary"]
        good = next(answer for status, answer in described["responses"].items() if status.startswith(("2", "501")))
        if "content" not in good:
            assert method == "DELETE"
            continue
        schema = good["content"]["application/json"]["schema"]
        model = served["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        assert model.get("examples"), path
        if method in ("POST", "PUT", "PATCH") and "requestBody" in described:
            assert described["requestBody"]["content"]["application/json"]["schema"]
