"""The application with its page, driven as a browser without scripts drives it."""

import httpx
import pytest
from html5lib import HTMLParser, treebuilders
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog import keys

from ..api.conftest import client, make_client, stranger

__all__ = ["client", "make_client", "stranger"]


@pytest.fixture
async def browser(client: httpx.AsyncClient, engine: AsyncEngine) -> httpx.AsyncClient:
    """Signed in as tenant `default`."""
    visitor = unsigned(client)
    await sign_in(visitor, await keys.create(engine, "page", "default"))
    return visitor


@pytest.fixture
def visitor(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Not signed in."""
    return unsigned(client)


def unsigned(client: httpx.AsyncClient) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=client._transport, base_url="http://test", headers={"accept": "text/html"})


async def sign_in(visitor: httpx.AsyncClient, key: str) -> httpx.Response:
    return await visitor.post("/ui/sign-in", data={"key": key})


def parsed(html: str):
    """The page as an element tree. Raises where the page is not valid HTML."""
    parser = HTMLParser(treebuilders.getTreeBuilder("etree"), strict=True, namespaceHTMLElements=False)
    return parser.parse(html)
