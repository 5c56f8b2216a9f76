"""A connection pooler between the service and its database: it works, or is refused at the start with a sentence."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from spanstats.database import opened
from spanstats.errors import StartError
from spanstats.settings import Settings
from tests.poolers import PGBOUNCER, Pooler, pooling
from tests.servers import Server, primary_and_standby
from tests.services import Service, Start, environment_in, run, starting

from .leaks import KEY, assert_nothing_leaked
from .proxy import Proxy, proxy_to
from .test_database_away import QUICK, ask_all

_URL, _DIRECT = "SPANSTATS_DATABASE_URL", "SPANSTATS_DATABASE_DIRECT_URL"
pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")


class World(NamedTuple):
    """A service behind a pooler in transaction mode, behind a proxy that leads to one of two servers."""

    service: Service
    pooler: Pooler
    proxy: Proxy
    primary: Server
    standby: Server


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = tmp_path_factory.mktemp("pooled")
    with (
        primary_and_standby() as (primary, standby),
        proxy_to(primary.url) as proxy,
        pooling(place, proxy.port, "transaction") as pooler,
        starting(place, environment_in(place)) as begin,
    ):
        addresses = {"SPANSTATS_DATABASE_URL": pooler.url, "SPANSTATS_DATABASE_DIRECT_URL": primary.url}
        service = begin(**addresses, **QUICK | {"SPANSTATS_POOL_SIZE": "8"})
        service.wait_for("/readyz", 200)
        yield World(service, pooler, proxy, primary, standby)
        assert service.stop() == 0
        assert_nothing_leaked(service.err)
        assert " error " not in service.err


def test_the_service_works_where_a_server_is_lent_for_one_transaction(world: World) -> None:
    for _ in range(5):
        assert_served(world.service)
    _ask_often(world.service)


def test_a_standby_behind_a_pooler_is_not_read_from(world: World) -> None:
    """The connections of the service stay; it is the pooler's that lead elsewhere."""
    world.proxy.lead_to(world.standby.url)
    world.proxy.drop()
    world.service.wait_for("/readyz", 503)
    for _ in range(3):
        assert {answer.status_code for answer in ask_all(world.service)} == {503}
    world.proxy.lead_to(world.primary.url)
    world.service.wait_for("/readyz", 200)
    world.proxy.drop()
    assert_served(world.service, tries=3)


def test_an_outage_of_the_pooler_is_a_503_that_ends(world: World, tmp_path: Path) -> None:
    world.pooler.process.kill()
    world.pooler.process.wait(10)
    assert {answer.status_code for answer in ask_all(world.service)} == {503}
    with pooling(tmp_path, world.proxy.port, "transaction", world.pooler.port):
        world.service.wait_for("/readyz", 200)
        assert_served(world.service)


def test_session_mode_needs_no_setting_at_all(tmp_path: Path, start: Start, world: World) -> None:
    with pooling(tmp_path, world.primary.port, "session", size=20) as pooler:
        service = start(SPANSTATS_DATABASE_URL=pooler.url, **QUICK)
        service.wait_for("/readyz", 200)
        for _ in range(3):
            assert_served(service)
        _ask_often(service)
        assert service.stop() == 0


def test_what_cannot_work_is_refused_at_the_start(tmp_path: Path, environment: dict[str, str], world: World) -> None:
    with (
        pooling(tmp_path, world.primary.port, "transaction", life=60) as lent,
        pooling(tmp_path, world.primary.port, "statement", life=60) as shorter,
    ):
        refused = [
            ({_URL: lent.url}, _DIRECT),
            ({_URL: f"{lent.url}?pgbouncer=true"}, _DIRECT),
            ({_URL: lent.url, "SPANSTATS_DATABASE_POOLER": "session"}, "SPANSTATS_DATABASE_POOLER"),
            ({_URL: shorter.url}, "one statement"),
            ({_URL: f"{lent.url}?options=-c%20geqo%3Doff"}, "options"),
            ({_URL: lent.url, _DIRECT: lent.url}, "the server itself"),
        ]
        for variables, why in refused:
            values: dict[str, Any] = {n.removeprefix("SPANSTATS_").lower(): text for n, text in variables.items()}
            settings = Settings(**values)
            with pytest.raises(StartError, match=why) as raised, opened(settings):
                pass
            assert "\n" not in str(raised.value)
        done = run(environment | refused[0][0], "serve", "--port", "0")
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr


def assert_served(service: Service, tries: int = 1) -> None:
    """Before a first write there is nothing to be found; nothing is an outage, and nothing is a fault."""
    answers = ask_all(service)
    if tries > 1 and 503 in {answer.status_code for answer in answers}:
        time.sleep(1)
        assert_served(service, tries - 1)
        return
    assert {answer.status_code for answer in answers} <= {200, 201, 400, 404}, [answer.text for answer in answers]


def _ask_often(service: Service) -> None:
    """More at once than there are servers, again and again for longer than a server is kept."""

    def ask(_number: int) -> set[int]:
        return {service.status(path, KEY) for path in ("/readyz", "/api/v2/experiments/e/logs/summary/")}

    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            assert set().union(*pool.map(ask, range(30))) == {200}
            time.sleep(0.3)
