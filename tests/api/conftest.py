"""The whole application on a real database, driven through ASGI with its lifespan."""

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from inspect import signature
from typing import Any, NamedTuple

import httpx
import pytest
from asgi_lifespan import LifespanManager
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog import keys, placement
from spanstats.catalog.keys import Placing, Scope
from spanstats.main import create_app
from spanstats.settings import Settings
from spanstats.store.session import Database, create_engine
from tests.conftest import PATIENCE_S, fresh_database, patient_engine

__all__ = [
    "client",
    "directory",
    "directory_url",
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

_IN_SHARDS = bool(os.environ.get("SPANSTATS_TEST_SHARDS"))


class Directory(NamedTuple):
    """Another database that holds the keys, where the test's own one is the shard of all its tenants."""

    url: str
    database: Database

    def settings(self, shard_url: str) -> dict[str, str]:
        return {"database_url": self.url, "shards": f"two={shard_url}"}


@pytest.fixture
def directory_url(server_url: str, template: str) -> Iterator[str | None]:
    """A database for keys alone, where SPANSTATS_TEST_SHARDS is set."""
    if not _IN_SHARDS:
        yield None
        return
    with fresh_database(server_url, template) as url:
        yield url


@pytest.fixture
async def directory(
    directory_url: str | None, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Directory | None]:
    """Where SPANSTATS_TEST_SHARDS is set: every tenant of a test lives in a shard beside the first.

    Tests that are marked `one_database` mean the first, and are skipped.
    """
    if directory_url is not None and request.node.get_closest_marker("one_database"):
        pytest.skip("it is about the first database, and SPANSTATS_TEST_SHARDS puts all tenants in a shard")
    if directory_url is None:
        yield None
        return
    made = Directory(directory_url, Database(create_engine(directory_url)))
    await placement.register(made.database, Database(engine), "two")
    for name in ("create", "ensure", "list_keys", "revoke", "find", "tenant_id"):
        monkeypatch.setattr(keys, name, _in_directory(made.database, engine, getattr(keys, name)))
    monkeypatch.setattr(placement, "home_of", _in_directory(made.database, engine, placement.home_of))
    yield made
    await made.database.dispose()


def _in_directory(directory: Database, engine: AsyncEngine, work: Callable[..., Any]) -> Callable[..., Any]:
    """The same of keys, which tests make and look up in their own database, done in the directory."""

    def moved(database: Database, *args: Any, **kwargs: Any) -> Any:
        if database.engine is engine:
            database = directory
            if "placing" in signature(work).parameters:
                kwargs.setdefault("placing", Placing(("first", "two"), "two"))
        return work(database, *args, **kwargs)

    return moved


@pytest.fixture
async def make_client(database_url: str, engine: AsyncEngine, directory: Directory | None) -> AsyncIterator[MakeClient]:
    """Starts applications: `make_client(tenant="a", scope="all", **settings)` is a client with a key of its own.

    What the application does not handle is raised in the test, with its traceback; `over_a_socket` answers 500.
    """
    running: list[LifespanManager] = []
    databases = {"database_url": database_url} if directory is None else directory.settings(database_url)

    async def start(tenant: str = "default", scope: Scope = "all", **settings: Any) -> httpx.AsyncClient:
        app = create_app(Settings(**{**databases, **settings}))
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
    found: httpx.AsyncClient = request.getfixturevalue("own_client" if _is_apart(request) else "shared_client")
    return found


@pytest.fixture
def stranger(request: pytest.FixtureRequest, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of the same application with a key of another tenant."""
    key = request.getfixturevalue("own_strangers_key" if _is_apart(request) else "shared_strangers_key")
    return same_app(client, {"Authorization": f"Bearer {key}"})


def _is_apart(request: pytest.FixtureRequest) -> bool:
    return _IN_SHARDS or not {"database_url", "monkeypatch"}.isdisjoint(request.fixturenames)


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
    settings = Settings(database_url=SecretStr(shared_url), pool_timeout_s=PATIENCE_S, connect_timeout_s=PATIENCE_S)
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
