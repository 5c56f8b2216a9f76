"""Workers that die: each is replaced at once, whatever else is wrong at the time."""

import os
import signal
import time
from collections.abc import Callable

import psutil

from tests.services import Service, Start

from .leaks import KEY
from .proxy import proxy_to

AT_ONCE_S = 20
"""A start of a worker takes some seconds on a busy machine; a busy worker is waited for 30."""


def workers(service: Service) -> set[int]:
    return {child.pid for child in psutil.Process(service.process.pid).children() if _is_worker(child)}


def _is_worker(child: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(child.cmdline())
    except psutil.Error:
        # It has just died.
        return False


def wait_until(service: Service, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + AT_ONCE_S
    while not holds():
        assert service.process.poll() is None, service.err
        assert time.monotonic() < deadline, service.err
        time.sleep(0.05)


def serve(start: Start, url: str) -> Service:
    service = start(
        SPANSTATS_DATABASE_URL=url, SPANSTATS_API_KEY=KEY, SPANSTATS_WORKERS="2", SPANSTATS_CONNECT_TIMEOUT_S="1"
    )
    service.wait_for("/readyz", 200)
    wait_until(service, lambda: service.err.count("startup complete") == 2)
    return service


def test_a_worker_that_dies_in_an_outage_is_replaced_and_serves_after_it(start: Start, database_url: str) -> None:
    with proxy_to(database_url) as proxy:
        service = serve(start, proxy.url)
        before = workers(service)
        proxy.refuse()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(service, lambda: service.err.count("startup complete") == 4)
        assert len(workers(service) - before) == 2
        assert (service.status("/healthz"), service.status("/readyz")) == (200, 503)
        proxy.accept()
        service.wait_for("/readyz", 200)
        assert service.stop() == 0


def test_a_worker_that_is_killed_while_it_owes_an_answer_is_replaced_at_once(start: Start, database_url: str) -> None:
    service = serve(start, database_url)
    before = workers(service)
    for pid in before:
        os.kill(pid, signal.SIGSTOP)
    # The parent asks every half second.
    time.sleep(1.5)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(service, lambda: service.err.count("startup complete") == 4)
    assert len(workers(service) - before) == 2
    assert service.stop() == 0
