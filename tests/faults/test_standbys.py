"""Standbys that answer reads are killed, cut off, stopped, promoted, under load: every read is answered, none is stale.

One service writes, another reads: what the second knows of the writes of the first it has from the database alone.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from spanstats.store.schema import migrate
from tests.conftest import run_sql
from tests.servers import Server, follow, initialise, servers
from tests.services import NO_TLS, PATIENCE_S, Service, environment_in, starting

from .leaks import assert_nothing_leaked
from .proxy import Proxy, proxy_to
from .test_database_away import QUICK
from .writer import Client


class World(NamedTuple):
    """Two services on one primary; the second reads from two standbys, the first of them through a proxy."""

    writes: Service
    reads: Service
    proxy: Proxy
    primary: Server
    standbys: list[Server]

    def client(self) -> Client:
        return Client(self.writes, self.reads)

    def metric(self, name: str) -> float:
        answer = httpx.get(f"http://127.0.0.1:{self.reads.port}/metrics", verify=NO_TLS).text
        return float(next(line for line in answer.splitlines() if line.startswith(name)).split()[-1])

    def until_in_use(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (count_now := self.in_use()) != count:
            assert time.monotonic() < deadline, (count_now, self.reads.err)
            time.sleep(0.1)

    def in_use(self) -> int:
        answer = httpx.get(f"http://127.0.0.1:{self.reads.port}/readyz", verify=NO_TLS)
        assert answer.status_code == 200
        assert answer.json()["standbys"]["known"] == 2
        return int(answer.json()["standbys"]["in_use"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = tmp_path_factory.mktemp("standbys")
    with servers(3) as (primary, *standbys):
        initialise(primary)
        primary.start()
        migrate(primary.url.replace("postgresql:", "postgresql+asyncpg:"))
        for standby in standbys:
            follow(standby, primary)
            standby.start()
        with proxy_to(standbys[0].url) as proxy, starting(place, environment_in(place)) as start:
            writes = start(SPANSTATS_DATABASE_URL=primary.url, **QUICK)
            read_urls = f"{proxy.url} {standbys[1].url}"
            reads = start(
                SPANSTATS_DATABASE_URL=primary.url, SPANSTATS_READ_URLS=read_urls, SPANSTATS_READ_WAIT_S="0.3", **QUICK
            )
            for service in (writes, reads):
                service.wait_for("/readyz", 200)
            whole = World(writes, reads, proxy, primary, standbys)
            whole.until_in_use(2)
            yield whole
            for service in (writes, reads):
                assert service.stop() == 0
                assert_nothing_leaked(service.err)


def test_reads_are_answered_by_standbys_and_hold_what_another_service_wrote(world: World) -> None:
    before = world.metric('spanstats_reads_total{server="standby"}')
    with world.client() as client:
        for _ in range(20):
            client.goes_on()
    assert world.metric('spanstats_reads_total{server="standby"}') >= before + 40
    assert {code for _, code in client.statuses} == {200}


@pytest.mark.parametrize("harm", ["killed", "cut off", "silent", "late", "promoted"])
def test_a_standby_comes_to_harm_in_the_middle_of_load(world: World, harm: str) -> None:
    first = world.standbys[0]
    with world.client() as client:
        if harm == "killed":
            first.stop("immediate")
        elif harm == "cut off":
            world.proxy.refuse()
        elif harm == "silent":
            world.proxy.stall()
        elif harm == "late":
            run_sql(first.url, "SELECT pg_wal_replay_pause()")
        else:
            first.promote()
        world.until_in_use(1)
        assert world.metric('spanstats_standby_up{standby="1"}') == 0
        for _ in range(5):
            client.goes_on(20)
        if harm == "killed":
            first.start()
        elif harm == "cut off":
            world.proxy.accept()
        elif harm == "silent":
            world.proxy.flow()
        elif harm == "late":
            run_sql(first.url, "SELECT pg_wal_replay_resume()")
        else:
            first.stop("immediate")
            follow(first, world.primary)
            first.start()
        world.until_in_use(2)
        client.goes_on(20)
    assert world.metric('spanstats_standby_up{standby="1"}') == 1
    assert {code for _, code in client.statuses} == {200}


def test_without_any_standby_the_primary_answers_and_without_primary_nothing_does(world: World) -> None:
    with world.client() as client:
        for standby in world.standbys:
            standby.stop("immediate")
        world.until_in_use(0)
        client.goes_on(20)
        assert {code for _, code in client.statuses} == {200}
        for standby in world.standbys:
            standby.start()
        world.until_in_use(2)
        world.primary.stop("immediate")
        time.sleep(0.5)
        client.forget()
        time.sleep(1)
        # What was written last can be known by asking the primary alone.
        assert {code for what, code in client.statuses if what == "read"} == {503}
        world.primary.start()
        client.goes_on(30)
        world.until_in_use(2)
