"""A database that is not there, silent, busy or refusing: 503 with a time to come back, and all is well afterwards.

`/healthz` is up throughout, `/readyz` goes down and comes up again, and nothing is started anew.
"""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import httpx
import pytest
from sqlalchemy.engine import make_url

from tests.conftest import connect, fresh_database, run_sql
from tests.second_shard import first_of
from tests.services import NO_TLS, Service, Start, environment_in, free_port, run, starting

from .leaks import KEY, PASSWORD, assert_nothing_leaked
from .proxy import Proxy, proxy_to

LOG = {"trace_id": "t", "start_timestamp": "2026-01-01T00:00:00Z", "experiment_uuid": "e"}
SPAN = {"traceId": "1" * 32, "spanId": "2" * 16, "name": "s", "startTimeUnixNano": "1780000000000000000"}
EXPORT = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}
REQUESTS: list[tuple[str, str, object]] = [
    ("GET", "/readyz", None),
    ("GET", "/api/parea/v1/experiment/e/stats", None),
    ("POST", "/api/parea/v1/trace_log", LOG),
    ("PUT", "/api/parea/v1/trace_log", {"trace_id": "t", "field_name_to_value_map": {"cost": 1}}),
    ("POST", "/api/parea/v1/experiment", {"name": "e", "run_name": "r"}),
    ("GET", "/api/v2/experiments/e/logs/summary/", None),
    ("POST", "/api/request-logs/list/", {}),
    ("POST", "/api/v1/traces/ingest", [{"trace_unique_id": "t2", "span_unique_id": "s"}]),
    ("POST", "/api/v1/traces", EXPORT),
    ("POST", "/api/logs/t/scores/", {"evaluator_slug": "q", "numerical_value": 1}),
]
WRITES = [request for request in REQUESTS if request[1].endswith(("trace_log", "/ingest", "/traces", "/scores/"))]
QUICK = {
    "SPANSTATS_API_KEY": KEY,
    "SPANSTATS_READ_TIMEOUT_S": "1",
    "SPANSTATS_WRITE_TIMEOUT_S": "1",
    "SPANSTATS_CONNECT_TIMEOUT_S": "1",
    "SPANSTATS_POOL_TIMEOUT_S": "1",
    "SPANSTATS_POOL_SIZE": "4",
}


def ask(service: Service, request: tuple[str, str, object]) -> httpx.Response:
    method, path, body = request
    return httpx.request(
        method,
        f"http://127.0.0.1:{service.port}{path}",
        json=body,
        headers={"x-api-key": KEY},
        timeout=30,
        verify=NO_TLS,
    )


def ask_all(service: Service, requests: list[tuple[str, str, object]] = REQUESTS) -> list[httpx.Response]:
    """All at once, as in life."""
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(lambda request: ask(service, request), requests))


def assert_down(service: Service, requests: list[tuple[str, str, object]] = REQUESTS, within_s: float = 30) -> None:
    began = time.monotonic()
    for answer in ask_all(service, requests):
        assert answer.status_code == 503, (str(answer.url), answer.text)
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert_nothing_leaked(answer.text)
    assert time.monotonic() - began < within_s
    assert service.status("/healthz") == 200


def assert_up(service: Service) -> None:
    service.wait_for("/readyz", 200)
    deadline = time.monotonic() + 60
    while not (statuses := {a.status_code for a in ask_all(service)}) <= {200, 201, 400}:
        assert time.monotonic() < deadline, statuses
    assert service.process.poll() is None


class World(NamedTuple):
    """A service that reaches its database through a proxy alone."""

    service: Service
    proxy: Proxy
    database_url: str


@pytest.fixture(scope="module")
def world(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One service for all faults: each must leave it as good as it was."""
    place = tmp_path_factory.mktemp("away")
    with (
        fresh_database(server_url, template) as url,
        proxy_to(url) as proxy,
        starting(place, environment_in(place)) as start,
    ):
        service = start(SPANSTATS_DATABASE_URL=proxy.url, **QUICK)
        assert_up(service)
        yield World(service, proxy, url)
        assert service.stop() == 0
        assert_nothing_leaked(service.err)


def test_a_start_without_a_database_ends_in_time_with_one_line(environment: dict[str, str]) -> None:
    environment["SPANSTATS_DATABASE_URL"] = f"postgresql://u:{PASSWORD}@127.0.0.1:{free_port()}/d"
    environment["SPANSTATS_DATABASE_WAIT_S"] = "1"
    began = time.monotonic()
    done = run(environment, "serve", "--port", str(free_port()))
    assert time.monotonic() - began < 30
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert "cannot be used" in line
    assert "SPANSTATS_DATABASE_URL" in line
    assert_nothing_leaked(line)


def test_a_start_waits_for_a_database_that_comes_late(start: Start, database_url: str) -> None:
    with proxy_to(database_url) as proxy:
        proxy.refuse()
        service = start(SPANSTATS_DATABASE_URL=proxy.url, **QUICK)
        time.sleep(1)
        assert service.process.poll() is None
        proxy.accept()
        assert_up(service)
        assert service.stop() == 0


def test_refused_dropped_and_silent_connections_are_outages_that_end(world: World) -> None:
    world.proxy.drop()
    assert_up(world.service)
    world.proxy.refuse()
    assert_down(world.service)
    world.proxy.accept()
    assert_up(world.service)
    world.proxy.stall()
    assert_down(world.service)
    world.proxy.flow()
    assert_up(world.service)


def test_a_connection_lost_in_the_midst_of_a_request_is_a_503(world: World) -> None:
    with ThreadPoolExecutor(1) as pool:
        with _locked(world.database_url):
            posted = pool.submit(ask_all, world.service, WRITES)
            _wait_for_a_waiting_write(world.database_url)
            world.proxy.drop()
        answers = posted.result(30)
    assert {answer.status_code for answer in answers} <= {200, 201, 503}, [a.text for a in answers]
    assert 503 in {answer.status_code for answer in answers}
    assert_up(world.service)


def test_locks_that_are_held_too_long_are_a_503(world: World) -> None:
    with _locked(world.database_url):
        assert_down(world.service, [request for request in WRITES if not request[1].endswith("/scores/")])
        world.service.wait_for("/readyz", 200)
    assert_up(world.service)


def test_an_exhausted_pool_is_a_503(world: World) -> None:
    with _locked(first_of(world.database_url), "api_keys"), ThreadPoolExecutor(16) as pool:
        # Every look-up of another key takes one of the four connections, and waits.
        path = "/api/parea/v1/experiment/e/stats"
        statuses = list(pool.map(lambda n: world.service.status(path, f"k{n}"), range(16)))
        assert set(statuses) == {503}
        assert world.service.status("/healthz") == 200
    assert_up(world.service)


def test_a_read_only_database_is_a_503_for_writes_until_it_is_not(world: World, server_url: str) -> None:
    name = make_url(world.database_url).database
    run_sql(server_url, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    world.proxy.drop()
    assert_down(world.service, WRITES)
    assert ask(world.service, ("GET", "/api/v2/experiments/e/logs/summary/", None)).status_code == 200
    world.service.wait_for("/readyz", 503)
    run_sql(server_url, f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    assert_up(world.service)


@contextmanager
def _locked(database_url: str, table: str = "traces") -> Iterator[None]:
    """Another session holds the table, as a migration or a careless console would."""
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(connect(database_url))
    loop.run_until_complete(connection.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
    try:
        yield
    finally:
        loop.run_until_complete(connection.close())
        loop.close()


def _wait_for_a_waiting_write(database_url: str) -> None:
    """A rebuild of rollups may wait as well, which nobody is told of."""
    deadline = time.monotonic() + 60
    waiting = (
        "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() "
        "AND query LIKE '%INSERT INTO traces%'"
    )
    while run_sql(database_url, waiting)[0]["n"] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
