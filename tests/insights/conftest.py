"""The application that the tests of answers ask, and runs that many of them read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import NamedTuple, Protocol

import httpx
import pytest
from asgi_lifespan import LifespanManager
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog import keys
from spanstats.main import create_app
from spanstats.settings import Settings
from spanstats.store.session import Database
from tests.api.conftest import *  # noqa: F403
from tests.conftest import PATIENT, fresh_database, patient_engine
from tests.second_shard import settings_for
from tests.stats.warming import warm

from .world import Row, rows_of_run, stored_run

Then = Callable[[AsyncEngine], Awaitable[object]]
"""What else is stored."""


class StoredOnce(NamedTuple):
    """A run that several tests read and none changes, with an application on a database of its own."""

    client: httpx.AsyncClient
    engine: AsyncEngine
    rows: list[Row]
    """The rows of its traces as they are stored."""


class StoreOnce(Protocol):
    async def __call__(
        self, seed: int, traces: int = 300, *, warmed: bool = False, then: Then | None = None
    ) -> StoredOnce: ...


@pytest.fixture(scope="module")
def new_database(server_url: str, template: str) -> Iterator[Callable[[], str]]:
    """Makes migrated databases that are dropped behind the last test of the module; returns their addresses."""
    with ExitStack() as databases:
        yield lambda: databases.enter_context(fresh_database(server_url, template))


@pytest.fixture(scope="module")
async def store_once(new_database: Callable[[], str]) -> AsyncIterator[StoreOnce]:
    """Stores each run at its first use, and finds it again for the other tests of the module.

    Its rollups and columns are refreshed where it is `warmed`, before what comes `then`, and by nothing else.
    """
    by_key: dict[tuple[int, int, bool, Then | None], StoredOnce] = {}
    async with AsyncExitStack() as opened:

        async def store(seed: int, traces: int = 300, *, warmed: bool = False, then: Then | None = None) -> StoredOnce:
            key = seed, traces, warmed, then
            if key not in by_key:
                by_key[key] = await _stored(opened, *key)
            return by_key[key]

        async def _stored(
            opened: AsyncExitStack, seed: int, traces: int, warmed: bool, then: Then | None
        ) -> StoredOnce:
            url = await asyncio.to_thread(new_database)
            engine = patient_engine(url)
            opened.push_async_callback(engine.dispose)
            await stored_run(engine, seed, traces)
            if warmed:
                await warm(engine)
            if then is not None:
                await then(engine)
            return StoredOnce(await _client(opened, url, engine), engine, await rows_of_run(engine))

        yield store


async def _client(opened: AsyncExitStack, url: str, engine: AsyncEngine) -> httpx.AsyncClient:
    """A client of a new application without work in the background."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("spanstats.worker_shards._background_work", lambda _settings: [])
        app = create_app(Settings(**PATIENT, **settings_for(url)))
        running = await opened.enter_async_context(LifespanManager(app))
    key = await keys.create(Database(engine), "test", "default")
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(running.app),
        base_url="http://test",
        headers={"Authorization": f"Bearer {key}"},
    )
