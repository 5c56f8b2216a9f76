"""Alive, ready, and not started on a database that does not fit."""

import httpx
import pytest
from asgi_lifespan import LifespanManager
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.main import NotReady, create_app
from spanstats.settings import Settings

pytestmark = pytest.mark.anyio


async def test_a_served_database_is_ready(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/healthz")).json() == {"status": "ok"}
    assert (await anonymous.get("/readyz")).json() == {"status": "ready"}


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
