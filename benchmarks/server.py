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
def serving(directory: Path | None = None, workers: int = 1, python: Path = Path(sys.executable)) -> Iterator[Service]:
    """A service on a free port, of the version that this interpreter is installed with.

    What it made is removed unless a directory is given.
    """
    home = directory or Path(tempfile.mkdtemp(prefix="spanstats-bench-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"SPANSTATS_DATA_DIR": str(home), "SPANSTATS_API_KEY": KEY, "SPANSTATS_PORT": str(port)}
    settings["SPANSTATS_WORKERS"] = str(workers)
    command = [python, "-m", "spanstats", "serve"]
    log = (home.parent / f"{home.name}.log").open("w+")
    process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603
    try:
        _wait_until_up(process, port, Path(log.name))
        # Finds the server that the service runs, and leaves it to the service.
        database = EmbeddedServer(home)
        database.start()
        try:
            yield Service(port, database.url(), psutil.Process(process.pid))
        finally:
            database.stop()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        log.close()
        if directory is None:
            shutil.rmtree(home, ignore_errors=True)
            Path(log.name).unlink()


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(re.sub(r"\s+", " ", log.read_text()))
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the service does not come up")
