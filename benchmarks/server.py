"""The service under test: a real `spanstats serve` with a data directory of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from spanstats.store.embedded import EmbeddedServer

from .checkout import Version

KEY = "bench-key-0123456789"


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service answers, and how its database is reached directly."""

    port: int
    database_url: str
    process: psutil.Process

    def rss_mib(self) -> float:
        """Resident memory of the largest worker, in MiB."""
        workers = [self.process, *self.process.children(recursive=True)]
        python = [w for w in workers if "python" in w.name() or "spanstats" in w.name()]
        return max(w.memory_info().rss for w in python) / 2**20


@contextmanager
def serving(directory: Path | None = None, workers: int = 1, version: Version | None = None) -> Iterator[Service]:
    """A service on a free port, of this version unless another is given.

    What it made is removed unless a directory is given.
    """
    home = directory or Path(tempfile.mkdtemp(prefix="spanstats-bench-"))
    settings = {"SPANSTATS_DATA_DIR": str(home), "SPANSTATS_WORKERS": str(workers)}
    python, environment = (version.python, version.environment) if version else (Path(sys.executable), {})
    try:
        with _process(home, python, environment | settings) as (process, port):
            # Finds the server that the service runs, and leaves it to the service.
            database = EmbeddedServer(home)
            database.start()
            try:
                yield Service(port, database.url(), psutil.Process(process.pid))
            finally:
                database.stop()
    finally:
        if directory is None:
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def serving_beside(other: Service, **settings: str) -> Iterator[Service]:
    """A second service over the database of another one, with settings of its own by the names of variables."""
    with tempfile.TemporaryDirectory(prefix="spanstats-bench-") as home:
        url = other.database_url.replace("+asyncpg", "")
        given = {"SPANSTATS_DATA_DIR": home, "SPANSTATS_DATABASE_URL": url, **settings}
        with _process(Path(home), Path(sys.executable), given) as (process, port):
            yield Service(port, other.database_url, psutil.Process(process.pid))


@contextmanager
def _process(home: Path, python: Path, settings: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {"SPANSTATS_API_KEY": KEY, "SPANSTATS_PORT": str(port), **settings}
    log = (home.parent / f"{home.name}.log").open("w+")
    command = [python, "-m", "spanstats", "serve"]
    process = subprocess.Popen(command, env=os.environ | given, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603
    try:
        _wait_until_up(process, port, Path(log.name))
        yield process, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        log.close()
        Path(log.name).unlink(missing_ok=True)


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(re.sub(r"\s+", " ", log.read_text()))
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the service does not come up")
