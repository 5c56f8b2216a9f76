"""A tenant is moved to a shard on another server and back while it is written to and read; movers are killed."""

import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.servers import Server, initialise, servers
from tests.services import SPANSTATS, Start, run

from .test_database_away import QUICK
from .writer import Client

pytestmark = pytest.mark.one_database("it makes shards of its own")


@pytest.fixture(scope="module")
def second() -> Iterator[Server]:
    with servers(1) as [server]:
        initialise(server)
        server.start()
        yield server


def test_a_tenant_moves_under_load_and_every_mover_but_the_last_is_killed(
    start: Start, environment: dict[str, str], database_url: str, second: Server
) -> None:
    variables = {"SPANSTATS_DATABASE_URL": database_url, "SPANSTATS_SHARDS": f"two={second.url}"}
    services = [start(**variables, **QUICK), start(**variables, **QUICK)]
    for service in services:
        service.wait_for("/readyz", 200)
    move = [*SPANSTATS, "tenants", "move", "default"]
    # One service writes, the other reads: what the one learns of the move, the other must know as well.
    with Client(*services) as client:
        for _ in range(20):
            client.goes_on()
        for shard in ("two", "first"):
            for tenths in (12, 16, 20):
                mover = subprocess.Popen([*move, shard], env=environment | variables, stderr=subprocess.DEVNULL)
                time.sleep(tenths / 10)
                mover.send_signal(signal.SIGKILL)
                mover.wait()
                client.goes_on(10)
            moved = run(environment | variables, "tenants", "move", "default", shard)
            assert moved.returncode == 0, moved.stderr
            assert f"lives in shard {shard}" in moved.stdout
            client.goes_on(10)
        assert client.statuses <= {("write", 200), ("write", 503), ("read", 200), ("ready", 200)}
    for service in services:
        assert service.stop() == 0
