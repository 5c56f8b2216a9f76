"""Acknowledged means stored, whatever dies in the midst of ingest."""

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from spanstats.store.embedded import EmbeddedServer
from tests.services import Service, Start, data, run

from .leaks import KEY
from .traffic import Traffic
from .truth import check_store

pytestmark = pytest.mark.anyio

SPANS = 200


def serve(start: Start, **variables: str) -> Service:
    service = start(SPANSTATS_API_KEY=KEY, **variables)
    service.wait_for("/readyz", 200)
    return service


def check(environment: dict[str, str], acknowledged: set[tuple[str, str]]) -> None:
    """The store is sound, and so are its rollups."""
    server = EmbeddedServer(data(environment))
    server.start()
    try:
        check_store(server.url(), acknowledged)
    finally:
        server.stop()
    checked = run(environment, "rollups", "check")
    assert checked.returncode == 0, checked.stderr


def postmaster(directory: Path) -> int:
    return int((directory / "postgres" / "postmaster.pid").read_text().split()[0])


@pytest.mark.usefixtures("prepared")
async def test_what_was_acknowledged_is_there_after_database_and_service_were_killed(
    start: Start, environment: dict[str, str]
) -> None:
    first = serve(start)
    async with Traffic(first.port) as traffic:
        for _ in range(2):
            await traffic.until(SPANS)
            os.kill(postmaster(data(environment)), signal.SIGKILL)
        await traffic.until(SPANS)
        assert {*traffic.ledger.answers} == {200, 503}
        assert traffic.ledger.waits == {"1"}
        assert first.status("/healthz") == 200
        first.stop(signal.SIGKILL)
        traffic.stop()
    assert traffic.ledger.answers[None] > 0
    second = serve(start)
    async with Traffic(second.port) as again:
        await again.until(SPANS)
    assert {*again.ledger.answers} == {200}
    assert second.stop() == 0
    await asyncio.to_thread(check, environment, traffic.ledger.acknowledged | again.ledger.acknowledged)


@pytest.mark.usefixtures("prepared")
async def test_a_stopped_service_answers_what_it_was_asked(start: Start, environment: dict[str, str]) -> None:
    service = serve(start, SPANSTATS_WORKERS="2", SPANSTATS_GRACE_PERIOD_S="15")
    async with Traffic(service.port) as traffic:
        await traffic.until(SPANS)
        # A worker that is killed is replaced, and the other one goes on meanwhile.
        psutil.Process(service.process.pid).children()[-1].kill()
        await traffic.until(SPANS)
        lost = traffic.ledger.answers[None]
        in_flight = traffic.stop()
        service.process.send_signal(signal.SIGTERM)
        assert in_flight > 0
    assert service.process.wait(60) == 0
    assert {*traffic.ledger.answers} <= {200, 503, None}
    # Requests that were still on the wire when the socket closed are lost; what was read is answered.
    assert traffic.ledger.answers[None] - lost < in_flight
    await asyncio.to_thread(check, environment, traffic.ledger.acknowledged)
