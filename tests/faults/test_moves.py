"""A tenant is moved to a shard on another server and back while it is written to and read; movers are killed."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import pytest

from tests.conftest import connect, run_sql
from tests.forks import Forked
from tests.servers import Server, initialise, servers
from tests.services import PATIENCE_S, Start, run

from .test_database_away import QUICK
from .writer import Client

pytestmark = pytest.mark.one_database("it makes shards of its own")


@pytest.fixture(scope="module")
def second() -> Iterator[Server]:
    with servers(1) as [server]:
        initialise(server)
        server.start()
        yield server


class Phase(NamedTuple):
    """A moment of a move to the second shard: what holds the mover up there, in which shard, and what shows it."""

    name: str
    shard: str
    hold: str
    shows: str


WAITS = """
SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND strpos(query, '{}') > 0
"""
PHASES = (
    Phase("begins", "first", "LOCK TABLE tenant_moves IN SHARE MODE", WAITS.format("INTO tenant_moves")),
    Phase("copies", "two", "LOCK TABLE tenant_moves IN SHARE MODE", WAITS.format("INTO tenant_moves")),
    Phase("refuses writes", "first", "LOCK TABLE tenant_fences IN SHARE MODE", WAITS.format("INTO tenant_fences")),
    Phase("arrives", "first", "SELECT 1 FROM tenants FOR UPDATE", WAITS.format("UPDATE tenants")),
    Phase("erases", "first", "SELECT 1", "SELECT 1 FROM tenant_fences WHERE fence = 'gone'"),
)


@contextmanager
def held(url: str, statement: str) -> Iterator[None]:
    """A transaction that has run this statement, and stays open."""
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(connect(url))
    loop.run_until_complete(connection.execute(f"BEGIN; {statement}"))
    try:
        yield
    finally:
        loop.run_until_complete(connection.close())
        loop.close()


def held_up(url: str, shows: str, begin: Callable[[], Forked]) -> Forked:
    """A mover that is where the statement shows it; one that gave up before, as it may under load, is begun again."""
    deadline, mover = time.monotonic() + PATIENCE_S, begin()
    while not run_sql(url, shows):
        assert time.monotonic() < deadline, shows
        if mover.poll() is not None:
            mover = begin()
        time.sleep(0.05)
    return mover


def test_a_tenant_moves_under_load_and_a_mover_is_killed_in_every_phase(
    start: Start, environment: dict[str, str], database_url: str, second: Server
) -> None:
    variables = {"SPANSTATS_DATABASE_URL": database_url, "SPANSTATS_SHARDS": f"two={second.url}"}
    services = [start(**variables, **QUICK), start(**variables, **QUICK)]
    for service in services:
        service.wait_for("/readyz", 200)
    urls = {"first": database_url, "two": second.url}
    # One service writes, the other reads: what the one learns of the move, the other must know as well.
    with Client(*services) as client, open(os.devnull, "wb") as nowhere:
        for _ in range(20):
            client.goes_on()
        begin = partial(Forked, ["tenants", "move", "default", "two"], environment | variables, nowhere, nowhere)
        for phase in PHASES:
            with held(urls[phase.shard], phase.hold):
                mover = held_up(urls[phase.shard], phase.shows, begin)
                mover.send_signal(signal.SIGKILL)
                assert mover.wait() == -signal.SIGKILL, phase.name
            client.goes_on(20)
        for shard in ("two", "first"):
            moved = run(environment | variables, "tenants", "move", "default", shard)
            assert moved.returncode == 0, moved.stderr
            assert f"lives in shard {shard}" in moved.stdout
            client.goes_on(20)
        assert client.statuses <= {("write", 200), ("write", 503), ("read", 200), ("ready", 200)}
    for table in ("traces", "experiments"):
        assert run_sql(second.url, f"SELECT 1 FROM {table}") == []
    for service in services:
        assert service.stop() == 0
