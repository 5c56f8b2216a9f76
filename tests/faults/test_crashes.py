"""Acknowledged means stored, whatever dies in the midst of ingest."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from spanstats.store.embedded import EmbeddedServer
from tests.services import Service, Start, data, run

from .leaks import KEY
from .traffic import Traffic
from .truth import check_store

pytestmark = pytest.mark.anyio

SPANS = 1_000


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


async def test_a_killed_service_has_kept_what_it_acknowledged(start: Start, environment: dict[str, str]) -> None:
    first = serve(start)
    async with Traffic(first.port) as traffic:
        await traffic.until(SPANS)
        first.stop(signal.SIGKILL)
        traffic.stop()
    acknowledged = traffic.ledger.acknowledged
    assert traffic.ledger.answers[None] > 0
    second = serve(start)
    async with Traffic(second.port) as again:
        await again.until(SPANS)
    assert second.stop() == 0
    assert {*again.ledger.answers} == {200}
    await asyncio.to_thread(check, environment, acknowledged | again.ledger.acknowledged)


async def test_a_killed_database_has_kept_what_was_acknowledged(start: Start, environment: dict[str, str]) -> None:
    service = serve(start)
    async with Traffic(service.port) as traffic:
        for _ in range(2):
            await traffic.until(SPANS)
            os.kill(postmaster(data(environment)), signal.SIGKILL)
        await traffic.until(SPANS)
    assert service.status("/readyz") == 200
    assert {*traffic.ledger.answers} == {200, 503}
    assert traffic.ledger.waits == {"1"}
    assert service.stop() == 0
    await asyncio.to_thread(check, environment, traffic.ledger.acknowledged)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_stopped_service_answers_what_it_was_asked(
    start: Start, environment: dict[str, str], workers: str
) -> None:
    service = serve(start, SPANSTATS_WORKERS=workers, SPANSTATS_GRACE_PERIOD_S="15")
    async with Traffic(service.port) as traffic:
        await traffic.until(SPANS)
        in_flight = traffic.stop()
        service.process.send_signal(signal.SIGTERM)
        assert in_flight > 0
    assert service.process.wait(20) == 0
    # Requests on the wire when the socket closed are lost; none that was read is without an answer.
    assert {*traffic.ledger.answers} <= {200, 503, None}
    await asyncio.to_thread(check, environment, traffic.ledger.acknowledged)
