"""The whole application on a real database, driven through ASGI with its lifespan."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from asgi_lifespan import LifespanManager
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog import keys
from spanstats.catalog.keys import Scope
from spanstats.main import create_app
from spanstats.settings import Settings
from spanstats.store.session import Database
from tests.conftest import PATIENCE_S, PATIENT, fresh_database, patient_engine
from tests.second_shard import settings_for

__all__ = [
    "client",
    "make_client",
    "own_client",
    "own_strangers_key",
    "shared",
    "shared_client",
    "shared_strangers_key",
    "shared_url",
    "stranger",
]
"""The fixtures of an application, for other packages of tests."""

MakeClient = Callable[..., Awaitable[httpx.AsyncClient]]

_tenants = itertools.count()


@pytest.fixture
async def make_client(database_url: str, engine: AsyncEngine) -> AsyncIterator[MakeClient]:
    """Starts applications: `make_client(tenant="a", scope="all", **settings)` is a client with a key of its own.

    What the application does not handle is raised in the test, with its traceback; `over_a_socket` answers 500.
    """
    running: list[LifespanManager] = []

    async def start(tenant: str = "default", scope: Scope = "all", **settings: Any) -> httpx.AsyncClient:
        app = create_app(Settings(**{**PATIENT, **settings_for(database_url), **settings}))
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
def client(request: pytest.FixtureRequest) -> httpx.AsyncClient:
    """A client with a key that may do everything.

    A test that looks into the database or patches the program has an application and a database of its own, where the
    client is of tenant `default`. The others of a module share one application, and each has a tenant of its own.
    """
    own_or_shared: httpx.AsyncClient = request.getfixturevalue("own_client" if _is_apart(request) else "shared_client")
    return own_or_shared


@pytest.fixture
def stranger(request: pytest.FixtureRequest, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of the same application with a key of another tenant."""
    key = request.getfixturevalue("own_strangers_key" if _is_apart(request) else "shared_strangers_key")
    return same_app(client, {"Authorization": f"Bearer {key}"})


def _is_apart(request: pytest.FixtureRequest) -> bool:
    return not {"database_url", "monkeypatch"}.isdisjoint(request.fixturenames)


@pytest.fixture
async def own_client(make_client: MakeClient) -> httpx.AsyncClient:
    return await make_client()


@pytest.fixture
async def own_strangers_key(engine: AsyncEngine) -> str:
    return await keys.create(Database(engine), "test", "stranger")


class Shared(NamedTuple):
    """An application that the tests of a module share, and its database."""

    transport: httpx.ASGITransport
    database: Database

    async def key(self) -> str:
        """A key of a tenant that no other test has."""
        return await keys.create(self.database, "test", f"tenant-{next(_tenants)}")


@pytest.fixture(scope="module")
def shared_url(server_url: str, template: str) -> Iterator[str]:
    with fresh_database(server_url, template) as url:
        yield url


@pytest.fixture(scope="module")
async def shared(shared_url: str) -> AsyncIterator[Shared]:
    engine = patient_engine(shared_url)
    settings = Settings(**PATIENT, **settings_for(shared_url), pool_timeout_s=PATIENCE_S, connect_timeout_s=PATIENCE_S)
    async with LifespanManager(create_app(settings)) as manager:
        yield Shared(httpx.ASGITransport(manager.app), Database(engine))
    await engine.dispose()


@pytest.fixture
async def shared_client(shared: Shared) -> httpx.AsyncClient:
    key = await shared.key()
    return httpx.AsyncClient(
        transport=shared.transport, base_url="http://test", headers={"Authorization": f"Bearer {key}"}
    )


@pytest.fixture
async def shared_strangers_key(shared: Shared) -> str:
    return await shared.key()


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
