"""The application with its page, driven as a browser without scripts drives it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from asgi_lifespan import LifespanManager
from html5lib import HTMLParser, treebuilders
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog import keys
from spanstats.main import create_app
from spanstats.settings import Settings
from spanstats.store.session import Database, create_engine
from tests.conftest import PATIENT, fresh_database
from tests.second_shard import settings_for

from ..api.conftest import *  # noqa: F403
from . import world


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """However busy the machine is, pages come whole. Whoever asks for `monkeypatch` has an application to itself."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("spanstats.page.parts.PATIENCE_S", 60)
        yield


@pytest.fixture
async def browser(client: httpx.AsyncClient, engine: AsyncEngine) -> httpx.AsyncClient:
    """Signed in as tenant `default` of a service without data."""
    visitor = unsigned(client)
    await sign_in(visitor, await keys.create(Database(engine), "page", "default"))
    return visitor


@pytest.fixture
def visitor(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Not signed in."""
    return unsigned(client)


@dataclass(frozen=True)
class Filled:
    """One application with runs to look at, shared by the tests that change nothing."""

    browser: httpx.AsyncClient
    key: str
    strangers_key: str


@pytest.fixture(scope="module")
def filled_url(server_url: str, template: str) -> Iterator[str]:
    """A migrated database for the tests of one module."""
    with fresh_database(server_url, template) as url:
        yield url


@pytest.fixture(scope="module")
async def filled(filled_url: str) -> AsyncIterator[Filled]:
    """Two runs to compare, and one in which everything is odd."""
    engine = create_engine(filled_url)
    key, strangers = [await keys.create(Database(engine), "page", tenant) for tenant in ("default", "stranger")]
    async with LifespanManager(create_app(Settings(**PATIENT, **settings_for(filled_url)))) as manager:
        transport = httpx.ASGITransport(manager.app)
        client = httpx.AsyncClient(
            transport=transport, base_url="http://test", headers={"authorization": f"Bearer {key}"}
        )
        await world.load(client)
        browser = unsigned(client)
        await sign_in(browser, key)
        yield Filled(browser, key, strangers)
    await engine.dispose()


def unsigned(client: httpx.AsyncClient) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=client._transport, base_url="http://test", headers={"accept": "text/html"})


async def sign_in(visitor: httpx.AsyncClient, key: str) -> httpx.Response:
    return await visitor.post("/ui/sign-in", data={"key": key})


def parsed(html: str) -> Any:
    """The page as an element tree. Raises where the page is not valid HTML."""
    parser = HTMLParser(treebuilders.getTreeBuilder("etree"), strict=True, namespaceHTMLElements=False)
    return parser.parse(html)
