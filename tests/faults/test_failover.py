"""A name that leads to another server, and back: what was acknowledged is read, or nothing is.

The service reaches its database through a proxy, which stands for a name or an address that moves. Open connections
stay with the server that they were made to, until they are cut.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from spanstats.store.schema import migrate
from tests.conftest import run_sql
from tests.servers import Server, follow, primary_and_standby
from tests.services import Service, environment_in, starting

from .leaks import assert_nothing_leaked
from .proxy import Proxy, proxy_to
from .test_database_away import QUICK
from .writer import Client


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
    counts = run_sql(server.url, "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'spanstats'")
    return int(counts[0]["n"])
