"""A name that leads to another server, and back: what was acknowledged is read, or nothing is.

The service reaches its database through a proxy, which stands for a name or an address that moves. Open connections
stay with the server that they were made to, until they are cut.
"""

import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from spanstats.store.schema import migrate
from tests.conftest import run_sql
from tests.servers import Server, follow, primary_and_standby
from tests.services import Service, environment_in, starting

from .leaks import KEY, assert_nothing_leaked
from .proxy import Proxy, proxy_to
from .test_database_away import QUICK

PATIENCE_S = 5.0
HEADERS = {"x-api-key": KEY}


class World(NamedTuple):
    """A service, and the two servers that its proxy may lead to."""

    service: Service
    proxy: Proxy
    primary: Server
    standby: Server


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = tmp_path_factory.mktemp("failover")
    with (
        primary_and_standby() as (primary, standby),
        proxy_to(primary.url) as proxy,
        starting(place, environment_in(place)) as start,
    ):
        migrate(primary.url.replace("postgresql:", "postgresql+asyncpg:"))
        service = start(SPANSTATS_DATABASE_URL=proxy.url, **QUICK)
        service.wait_for("/readyz", 200)
        yield World(service, proxy, primary, standby)
        assert service.stop() == 0
        assert_nothing_leaked(service.err)


class Client(threading.Thread):
    """Writes one trace after another, reads how many there are after each, and remembers what was answered."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._base = f"http://127.0.0.1:{service.port}"
        self._experiment = f"e{time.monotonic_ns()}"
        self._ended = threading.Event()
        self.acknowledged = 0
        self.asked = 0
        self.statuses: set[tuple[str, int]] = set()
        self.stale: list[tuple[int, int]] = []

    def run(self) -> None:
        with httpx.Client(base_url=self._base, headers=HEADERS, timeout=20) as client:
            while not self._ended.wait(0.02):
                self._write(client)
                self._read(client)
                self.statuses.add(("ready", client.get("/readyz").status_code))

    def _write(self, client: httpx.Client) -> None:
        self.asked += 1
        span = {"trace_unique_id": f"{self._experiment}-{self.asked}", "span_unique_id": "s"}
        span["metadata"] = {"experiment_id": self._experiment}  # type: ignore[assignment]
        answer = client.post("/api/v1/traces/ingest", json=[span])
        self.statuses.add(("write", answer.status_code))
        self.acknowledged += answer.status_code == 200

    def _read(self, client: httpx.Client) -> None:
        for filters in ({}, {"filters": {"cost": {"operator": "gte", "value": [0]}}}):
            answer = client.post(f"/api/v2/experiments/{self._experiment}/logs/summary/", json=filters)
            self.statuses.add(("read", answer.status_code))
            count = answer.json()["total_count"] if answer.status_code == 200 and not filters else None
            if count is not None and not self.acknowledged <= count <= self.asked:
                self.stale.append((count, self.acknowledged))

    def forget(self) -> None:
        """Look at what is answered from now on alone."""
        self.statuses.clear()

    def goes_on(self, within_s: float = PATIENCE_S) -> None:
        """Fails where no write is acknowledged within this time, or the service is not ready after it."""
        before, deadline = self.acknowledged, time.monotonic() + within_s
        while self.acknowledged == before:
            assert time.monotonic() < deadline, self.statuses
            time.sleep(0.02)

    def __enter__(self) -> "Client":
        self.start()
        self.goes_on()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join(30)
        assert self.stale == []


def test_a_standby_is_not_served_from_and_the_primary_is_found_again(world: World) -> None:
    with Client(world.service) as client:
        world.proxy.lead_to(world.standby.url)
        client.goes_on()
        # Those that are open still lead to the primary, as after a failover whose name was resolved too early.
        assert ("read", 200) in client.statuses
        world.proxy.drop()
        time.sleep(0.2)
        client.forget()
        time.sleep(1)
        assert client.statuses == {("write", 503), ("read", 503), ("ready", 503)}
        world.proxy.lead_to(world.primary.url)
        client.goes_on()
        client.forget()
        client.goes_on()
        assert client.statuses <= {("write", 200), ("read", 200), ("ready", 200)}
        assert _connections(world.standby) == 0


def test_a_promoted_standby_is_served_from_and_nothing_is_answered_by_the_old_primary(world: World) -> None:
    with Client(world.service) as client:
        world.primary.stop("immediate")
        time.sleep(0.2)
        world.standby.promote()
        world.proxy.lead_to(world.standby.url)
        client.goes_on()
        follow(world.primary, world.standby)
        world.primary.start()
        # Its name leads to the demoted one, which answers reads; then to where it belongs.
        world.proxy.lead_to(world.primary.url)
        world.proxy.drop()
        time.sleep(0.5)
        world.proxy.lead_to(world.standby.url)
        client.goes_on()


def _connections(server: Server) -> int:
    found = run_sql(server.url, "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'spanstats'")
    return int(found[0]["n"])
