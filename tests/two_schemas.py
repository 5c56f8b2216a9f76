"""Databases of which the schema `two` has the newest tables as well, to be another shard: copies of one made once."""

from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url

from spanstats.store.schema import migrate

from .conftest import fresh_database, run_sql


@pytest.fixture(scope="module")
def two_schemas(server_url: str, template: str) -> Iterator[str]:
    """The name of the database that is copied."""
    with fresh_database(server_url, template) as url:
        run_sql(url, "CREATE SCHEMA two")
        migrate(_in_second(url))
        yield str(make_url(url).database)


@pytest.fixture
def database_url(server_url: str, two_schemas: str) -> Iterator[str]:
    """A database of this test alone."""
    with fresh_database(server_url, two_schemas) as url:
        yield url


@pytest.fixture
def second_url(database_url: str) -> str:
    """Its other schema."""
    return _in_second(database_url)


def _in_second(url: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}schema=two"
