"""Alive, ready, and not started on a database that does not fit."""

import http.client

import httpx
import pytest
from asgi_lifespan import LifespanManager
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.main import NotReady, create_app
from spanstats.settings import Settings
from tests.services import Start, environment, start

__all__ = ["environment", "start"]

pytestmark = pytest.mark.anyio


@pytest.mark.one_database("it is about the first shard")
async def test_a_served_database_is_ready(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/healthz")).json() == {"status": "ok"}
    assert (await anonymous.get("/readyz")).json() == {"status": "ready"}


@pytest.mark.one_database("it is about the first shard")
async def test_another_schema_is_not_ready(anonymous: httpx.AsyncClient, engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'another'")
    answer = await anonymous.get("/readyz")
    assert answer.status_code == 503
    assert "schema" in answer.json()["error"]
    assert (await anonymous.get("/healthz")).status_code == 200


async def test_an_empty_database_is_refused_at_start(empty_database_url: str) -> None:
    app = create_app(Settings(database_url=SecretStr(empty_database_url)))
    with pytest.raises(NotReady, match="spanstats migrate"):
        async with LifespanManager(app):
            pass


async def test_no_database_is_refused_at_start() -> None:
    with pytest.raises(NotReady, match="SPANSTATS_DATABASE_URL"):
        async with LifespanManager(create_app(Settings())):
            pass


def test_head_answers_like_get_without_a_body(start: Start, database_url: str) -> None:
    service = start(SPANSTATS_API_KEY="k", SPANSTATS_DATABASE_URL=database_url)
    service.wait_for("/readyz", 200)
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    others = ("/docs", "/openapi.json", "/", "/ui/", "/ui/sign-in", "/ui/static/style.css", "/ui/no/such/page")
    for path in ("/healthz", "/readyz", "/metrics", "/api/parea/v1/", "/api/parea/v1", *others):
        by_method = {}
        for method in ("GET", "HEAD"):
            connection.request(method, path, headers={"Accept": "text/html"})
            answer = connection.getresponse()
            by_method[method] = answer.status, answer.headers["content-type"], answer.headers["content-length"]
            # A body after HEAD would be taken for the next answer on this connection.
            is_redirect = answer.status == 303
            assert bool(answer.read()) == (method == "GET" and not is_redirect), path
        assert by_method["HEAD"][:2] == by_method["GET"][:2], path
        assert by_method["HEAD"][0] == {"/": 303, "/ui/": 303, "/ui/no/such/page": 404}.get(path, 200)
        assert by_method["HEAD"][2] is not None or path in others
    connection.close()
    assert service.stop() == 0


@pytest.mark.one_database("it is about the first shard")
async def test_head_of_what_is_not_ready_says_so(anonymous: httpx.AsyncClient, engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'another'")
    answer = await anonymous.head("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (await anonymous.head("/healthz")).status_code == 200


async def test_head_is_not_described_and_what_may_be_asked_is_told(anonymous: httpx.AsyncClient) -> None:
    described = (await anonymous.get("/openapi.json")).json()["paths"]
    assert [path for path, operations in described.items() if "head" in operations] == []
    refused = await anonymous.post("/readyz")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
