"""A shard on a server of its own is killed, silent, away at the start: its tenants get 503, no others notice."""

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import run_sql
from tests.servers import Server, initialise, servers
from tests.services import NO_TLS, PATIENCE_S, Service, Start, free_port, run

from .proxy import proxy_to
from .test_database_away import LOG, QUICK

pytestmark = pytest.mark.one_database("it makes shards of its own")

STATS = "/api/parea/v1/experiment/e/stats"


@pytest.fixture(scope="module")
def second() -> Iterator[Server]:
    with servers(1) as [server]:
        initialise(server)
        server.start()
        yield server


def post(service: Service, key: str) -> httpx.Response:
    url = f"http://127.0.0.1:{service.port}/api/parea/v1/trace_log"
    return httpx.post(url, json=LOG, headers={"x-api-key": key}, timeout=30, verify=NO_TLS)


def test_one_shard_comes_to_harm_and_only_its_tenants_notice(
    start: Start, environment: dict[str, str], database_url: str, second: Server
) -> None:
    with proxy_to(second.url) as proxy:
        variables = {"SPANSTATS_DATABASE_URL": database_url, "SPANSTATS_SHARDS": f"two={proxy.url}", **QUICK}
        service = start(**variables)
        service.wait_for("/readyz", 200)
        runs = [
            run(environment | variables, "keys", "create", "k", "--tenant", n, "--shard", n) for n in ("first", "two")
        ]
        assert [done.returncode for done in runs] == [0, 0], runs
        first_key, second_key = (done.stdout.strip() for done in runs)
        assert run(environment | variables, "keys", "create", "k", "--shard", "three").returncode == 1
        assert [post(service, key).status_code for key in (first_key, second_key)] == [200, 200]
        for harm, mend in (
            (lambda: second.stop("immediate"), second.start),
            (proxy.stall, proxy.flow),
            (proxy.refuse, proxy.accept),
        ):
            harm()
            for _ in range(5):
                assert post(service, first_key).status_code == 200
                assert service.status(STATS, first_key) == 200
            answer = post(service, second_key)
            assert (answer.status_code, bool(answer.headers.get("Retry-After"))) == (503, True)
            assert service.status(STATS, second_key) == 503
            assert shards_of(service) == {"two": "away"}
            mend()
            for path, key in (("/readyz", first_key), (STATS, second_key)):
                wait_for(service, path, key)
            assert post(service, second_key).status_code == 200
        assert service.stop() == 0


def test_a_silent_shard_does_not_hold_up_those_who_ask_how_the_service_is(
    start: Start, database_url: str, second: Server
) -> None:
    run_sql(second.url, "CREATE SCHEMA silent")
    with proxy_to(second.url) as proxy:
        shards = f"silent={proxy.url}?schema=silent"
        variables = {**QUICK, "SPANSTATS_READ_TIMEOUT_S": "20", "SPANSTATS_POOL_TIMEOUT_S": "20"}
        service = start(**variables, SPANSTATS_DATABASE_URL=database_url, SPANSTATS_SHARDS=shards)
        service.wait_for("/readyz", 200)
        assert shards_of(service) == {"silent": "ready"}
        proxy.stall()
        assert shards_of(service, within_s=10) == {"silent": "away"}
        metrics = httpx.get(f"http://127.0.0.1:{service.port}/metrics", timeout=10).text
        assert 'spanstats_shard_up{shard="silent"} 0.0' in metrics
        assert 'spanstats_shard_up{shard="first"} 1.0' in metrics
        proxy.flow()
        assert shards_of(service) == {"silent": "ready"}
        assert service.stop() == 0


def test_a_service_starts_without_a_shard_and_takes_it_in_when_it_comes(
    start: Start, environment: dict[str, str], database_url: str, second: Server
) -> None:
    run_sql(second.url, "CREATE SCHEMA three")
    variables = {"SPANSTATS_DATABASE_URL": database_url, **QUICK}
    variables["SPANSTATS_SHARDS"] = f"three={second.url}?schema=three"
    second.stop()
    service = start(**variables)
    service.wait_for("/readyz", 200)
    assert shards_of(service) == {"three": "away"}
    away = run(environment | variables, "migrate")
    assert (away.returncode, "shard three" in away.stderr) == (1, True)
    second.start()
    assert run(environment | variables, "migrate").returncode == 0
    created = run(environment | variables, "keys", "create", "k", "--tenant", "t", "--shard", "three")
    wait_for(service, STATS, created.stdout.strip(), 404)
    assert shards_of(service) == {"three": "ready"}
    assert post(service, created.stdout.strip()).status_code == 200
    assert service.stop() == 0


def test_a_tenant_is_moved_while_a_shard_that_has_nothing_to_do_with_it_is_away(
    environment: dict[str, str], database_url: str, second: Server
) -> None:
    run_sql(second.url, "CREATE SCHEMA four")
    here = f"four={second.url}?schema=four"
    variables = environment | {"SPANSTATS_DATABASE_URL": database_url, "SPANSTATS_SHARDS": here}
    assert run(variables, "migrate").returncode == 0
    assert run(variables, "keys", "create", "k", "--tenant", "t", "--shard", "four").returncode == 0
    variables["SPANSTATS_SHARDS"] = f"{here} away=postgresql://127.0.0.1:{free_port()}/none"
    moved = run(variables, "tenants", "move", "t", "first")
    assert (moved.returncode, "lives in shard first" in moved.stdout) == (0, True), moved.stderr
    away = run(variables, "tenants", "move", "t", "away")
    assert (away.returncode, "shard away: " in away.stderr) == (1, True)
    none = run(variables, "tenants", "move", "t", "none")
    assert (none.returncode, "there are first, four, away" in none.stderr) == (1, True)


def shards_of(service: Service, within_s: float = 30) -> dict[str, str]:
    answer = httpx.get(f"http://127.0.0.1:{service.port}/readyz", timeout=within_s)
    assert answer.status_code == 200
    return dict(answer.json()["shards"])


def wait_for(service: Service, path: str, key: str, status: int = 200) -> None:
    """Until the path answers so to this key."""
    deadline = time.monotonic() + PATIENCE_S
    while (status_now := service.status(path, key)) != status:
        assert time.monotonic() < deadline, f"{path} answers {status_now}\n{service.err}"
        time.sleep(0.1)
