"""The whole application on a real database, driven through ASGI with its lifespan."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from asgi_lifespan import LifespanManager
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog import keys
from spanstats.catalog.keys import Scope
from spanstats.main import create_app
from spanstats.settings import Settings
from spanstats.store.session import Database

MakeClient = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def make_client(database_url: str, engine: AsyncEngine) -> AsyncIterator[MakeClient]:
    """Starts applications: `make_client(tenant="a", scope="all", **settings)` is a client with a key of its own.

    What the application does not handle is raised in the test, with its traceback; `over_a_socket` answers 500.
    """
    running: list[LifespanManager] = []

    async def start(tenant: str = "default", scope: Scope = "all", **settings: Any) -> httpx.AsyncClient:
        app = create_app(Settings(**{"database_url": database_url, **settings}))
        manager = LifespanManager(app)
        await manager.__aenter__()
        running.append(manager)
        key = await keys.create(Database(engine), "test", tenant, scope)
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(manager.app),
            base_url="http://test",
            headers={"Authorization": f"Bearer {key}"},
        )

    yield start
    for manager in reversed(running):
        await manager.__aexit__(None, None, None)


@pytest.fixture
async def client(make_client: MakeClient) -> httpx.AsyncClient:
    """A client of tenant `default` with a key that may do everything."""
    return await make_client()


@pytest.fixture
async def stranger(client: httpx.AsyncClient, engine: AsyncEngine) -> httpx.AsyncClient:
    """A client of the same application with a key of another tenant."""
    key = await keys.create(Database(engine), "test", "stranger")
    return same_app(client, {"Authorization": f"Bearer {key}"})


@pytest.fixture
def anonymous(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of the same application without a key."""
    return same_app(client, {})


def over_a_socket(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same client to whom an unexpected exception of the application is a 500, as it is to all but tests."""
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(transport.app, raise_app_exceptions=False),
        base_url="http://test",
        headers=client.headers,
    )


def same_app(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.AsyncClient:
    """Another client of the application that `client` talks to."""
    return httpx.AsyncClient(transport=client._transport, base_url="http://test", headers=headers)
