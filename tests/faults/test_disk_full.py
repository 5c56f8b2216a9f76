"""A disk that fills up in the midst of ingest: nothing acknowledged is lost, and room is all that it takes to go on."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanstats.store.embedded import EmbeddedServer
from tests.services import Start, data, run

from .leaks import KEY
from .traffic import Traffic
from .truth import check_store

pytestmark = pytest.mark.anyio

_MIB = 2**20

_MUST_MOUNT = "CI" in os.environ and os.geteuid() == 0
"""Where the test is never skipped."""


@pytest.fixture
def small_file_system(environment: dict[str, str], tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, in memory, under the data directory."""
    mount_point = tmp_path / "disk"
    mount_point.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=320m,mode=0755", "spanstats-test", str(mount_point)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        assert not _MUST_MOUNT, mounted.stderr
        pytest.skip(f"a file system of limited size cannot be mounted here: {mounted.stderr.strip()}")
    environment["SPANSTATS_DATA_DIR"] = str(mount_point / "data")
    yield mount_point
    subprocess.run(["umount", "--lazy", str(mount_point)], check=True)  # noqa: S607


async def test_a_full_disk_is_an_outage_that_ends_with_room(
    small_file_system: Path, start: Start, environment: dict[str, str]
) -> None:
    service = start(SPANSTATS_API_KEY=KEY)
    await asyncio.to_thread(service.wait_for, "/readyz", 200)
    ballast = small_file_system / "ballast"
    async with Traffic(service.port) as traffic:
        await traffic.until(200)
        free = os.statvfs(small_file_system)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - 3 * _MIB)
        async with asyncio.timeout(180):
            while traffic.ledger.answers[503] < 50:
                await asyncio.sleep(0.05)
        assert service.status("/healthz") == 200
        ballast.unlink()
        await traffic.until(200)
    await asyncio.to_thread(service.wait_for, "/readyz", 200)
    assert {*traffic.ledger.answers} == {200, 503}
    assert None not in traffic.ledger.waits
    assert await asyncio.to_thread(service.stop) == 0
    await asyncio.to_thread(check, environment, traffic.ledger.acknowledged)


def check(environment: dict[str, str], acknowledged: set[tuple[str, str]]) -> None:
    server = EmbeddedServer(data(environment))
    server.start()
    try:
        check_store(server.url(), acknowledged)
    finally:
        server.stop()
    assert run(environment, "rollups", "check").returncode == 0
