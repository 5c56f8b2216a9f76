"""Phases of the soak test in which the database moves, or is behind a pooler; a client reads what it wrote."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.leaks import KEY
from tests.faults.proxy import Proxy, proxy_to
from tests.faults.writer import Client
from tests.poolers import PGBOUNCER, pooling
from tests.servers import Server, primary_and_standby
from tests.services import Service, environment_in, starting

from spanstats.store.schema import migrate

_AWAY_S = 1.0
_BETWEEN_S = 2.0


def fail_over(seconds: float) -> list[str]:
    """The name of the database leads to a standby again and again, and back. Everything that is not as it must be."""
    with _servers() as (place, primary, standby, proxy), _service(place, SPANSTATS_DATABASE_URL=proxy.url) as service:
        client = Client(service)
        until = time.monotonic() + seconds
        try:
            with client:
                while time.monotonic() < until:
                    proxy.lead_to(standby.url)
                    proxy.drop()
                    time.sleep(_AWAY_S)
                    proxy.lead_to(primary.url)
                    client.goes_on()
                    time.sleep(_BETWEEN_S)
        except AssertionError as error:
            return [f"failover: {error}"]
        print(f"failover: {client.acknowledged} of {client.asked} traces acknowledged, all read back")  # noqa: T201
    return []


def pool(seconds: float) -> list[str]:
    """Servers are lent for one transaction. Everything that is not as it must be."""
    if PGBOUNCER is None:
        print("pooler: SKIPPED, pgbouncer is not installed")  # noqa: T201
        return []
    with _servers() as (place, primary, _, proxy), pooling(place, proxy.port, "transaction") as pooler:
        addresses = {"SPANSTATS_DATABASE_URL": pooler.url, "SPANSTATS_DATABASE_DIRECT_URL": primary.url}
        with _service(place, **addresses) as service:
            client = Client(service)
            try:
                with client:
                    time.sleep(seconds)
            except AssertionError as error:
                return [f"pooler: {error}"]
            print(f"pooler: {client.acknowledged} of {client.asked} traces acknowledged, all read back")  # noqa: T201
            wrong = {(what, status) for what, status in client.statuses if status != 200}
            return [f"pooler: {wrong}"] if wrong else []


@contextmanager
def _servers() -> Iterator[tuple[Path, Server, Server, Proxy]]:
    with (
        tempfile.TemporaryDirectory(prefix="spanstats-soak-") as place,
        primary_and_standby() as (primary, standby),
        proxy_to(primary.url) as proxy,
    ):
        migrate(primary.url)
        yield Path(place), primary, standby, proxy


@contextmanager
def _service(place: Path, **variables: str) -> Iterator[Service]:
    with starting(place, environment_in(place)) as begin:
        service = begin(SPANSTATS_API_KEY=KEY, **variables)
        service.wait_for("/readyz", 200)
        yield service
