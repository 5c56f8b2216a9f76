"""A real PostgreSQL for every test: an embedded one, or the server that SPANSTATS_TEST_DATABASE_URL names.

The schema is migrated once, into a template; each test gets a database of its own copied from it.
"""

import asyncio
import gc
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.metrics import QUEUE_BYTES, QUEUE_SPANS
from spanstats.store.embedded import EmbeddedServer
from spanstats.store.schema import migrate
from spanstats.store.session import Database, create_engine

from . import distributed, second_shard
from .administration import administer, connect, dismiss_administrators
from .examples import AGAIN, examples
from .installed import without_further_cases
from .memory import own_folder, store_in_memory
from .order import in_order

# Nothing in a test needs to outlive a power failure.
QUICK = {
    "shared_buffers": "128MB",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "128MB",
}

# What a developer's shell says of other servers: the tests have their own.
if not os.environ.get("SPANSTATS_TEST_DATABASE_URL"):
    for variable in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[variable]

store_in_memory()
_own_folder = own_folder()

# How long an example takes, or to think of it, says more of the machine's other work than of the code.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=examples()
)
settings.load_profile("untimed")

PATIENCE_S = 120
"""How long a test waits for a connection: many wait for few at once, and machines are busy."""

PATIENT: dict[str, Any] = {"read_timeout_s": PATIENCE_S, "write_timeout_s": PATIENCE_S}
"""Settings of an application that answers late, not with a 503, where the machine is busy."""

Fill = Callable[[AsyncEngine], Coroutine[Any, Any, object]]

_numbers = itertools.count()

_with_two_shards: set[str] = set()
"""Names of databases that have a second shard."""

# Statements of the directory, which is never distributed, and triggers for the time of a move out of a shard, which may
# not be a distributed one.
if AGAIN not in os.environ:
    distributed.refuse_in_program(exempt=frozenset({"catalog/moves.py", "catalog/moving.py"}))

if second_shard.IS_ON:
    second_shard.keep_keys_in_directory()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "database: asks for a database; given to each test that does")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    for item in items:
        if "server_url" in getattr(item, "fixturenames", ()):
            item.add_marker("database")
        if second_shard.IS_ON and (marker := item.get_closest_marker("one_database")) is not None:
            item.add_marker(pytest.mark.skip(reason=f"with one shard alone: {marker.args[0]}"))
    # Here `-m` and `-k` take their choice.
    yield
    if AGAIN in os.environ:
        selected = without_further_cases(items)
        config.hook.pytest_deselected(items=list(set(items).difference(selected)))
        items[:] = selected
    items[:] = in_order(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(exitstatus: int) -> None:
    if _own_folder is not None and exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(_own_folder, ignore_errors=True)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _nothing_waits() -> None:
    """What an earlier test left in a queue that no commit will empty is not counted."""
    QUEUE_SPANS.set(0)
    QUEUE_BYTES.set(0)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The address of a server on which tests may create databases."""
    address = os.environ.get("SPANSTATS_TEST_DATABASE_URL")
    if address:
        yield make_url(address).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
        dismiss_administrators()
        return
    directory = Path(tempfile.mkdtemp(prefix="spanstats-"))
    server = EmbeddedServer(directory, settings=QUICK)
    try:
        server.start()
        yield server.url()
    finally:
        dismiss_administrators()
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """The name of a database with the newest schema and no rows."""
    with fresh_database(server_url) as url:
        migrate(url)
        name = str(make_url(url).database)
        if second_shard.IS_ON:
            second_shard.add_second_shard(url, run_sql)
            _with_two_shards.add(name)
        yield name


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """A database of this test alone that was never migrated."""
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture
def database_url(server_url: str, template: str) -> Iterator[str]:
    """A migrated database of this test alone."""
    with fresh_database(server_url, template) as url:
        yield url


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the test's own migrated database."""
    own_engine = patient_engine(database_url)
    yield own_engine
    await own_engine.dispose()


@pytest.fixture(scope="session")
def filled_templates(server_url: str, template: str) -> Iterator[Callable[[Fill], str]]:
    """Fills a database by each function once; its name. Modules may have a `fill` in common."""
    with ExitStack() as databases:
        yield cache(lambda fill: databases.enter_context(filled_database(server_url, template, fill)))


@pytest.fixture(scope="module")
def filled_template(filled_templates: Callable[[Fill], str], request: pytest.FixtureRequest) -> str:
    """The name of a database that the module's own `fill` has filled."""
    return filled_templates(request.module.fill)


@pytest.fixture
def filled_url(server_url: str, filled_template: str) -> Iterator[str]:
    """A copy of that database, of this test alone."""
    with fresh_database(server_url, filled_template) as url:
        yield url


@pytest.fixture
async def filled(filled_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on that copy."""
    filled_engine = patient_engine(filled_url)
    yield filled_engine
    await filled_engine.dispose()


@pytest.fixture
def database(engine: AsyncEngine) -> Database:
    """The test's own migrated database."""
    return Database(engine)


def patient_engine(url: str) -> AsyncEngine:
    return create_engine(url, connect_timeout_s=PATIENCE_S, pool_timeout_s=PATIENCE_S)


@contextmanager
def filled_database(server_url: str, template: str, fill: Fill) -> Iterator[str]:
    """A database that many tests start from a copy of; yields its name."""

    async def run(url: str) -> None:
        engine = patient_engine(url)
        await fill(engine)
        await engine.dispose()

    with fresh_database(server_url, template) as url:
        asyncio.run(run(url))
        name = str(make_url(url).database)
        if template in _with_two_shards:
            _with_two_shards.add(name)
        yield name


@contextmanager
def fresh_database(server_url: str, template: str = "template0", options: str = "ENCODING 'UTF8'") -> Iterator[str]:
    """A new database, dropped at the end; yields its address, or that of its second shard where it has one."""
    name = f"spanstats_test_{os.getpid()}_{next(_numbers)}"
    # Copying files is five times faster than logging every page, and nothing here outlives a crash.
    administer(server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY {options}')
    try:
        url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
        yield second_shard.in_second(url) if template in _with_two_shards else url
    finally:
        administer(server_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def run_sql(url: str, statement: str) -> list[asyncpg.Record]:
    """Run one statement outside any engine or transaction."""

    async def run() -> list[asyncpg.Record]:
        connection = await connect(url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    return asyncio.run(run())
