"""Real `spanstats serve` processes for tests: started on a free port, watched, stopped.

They are forked (`tests/forks.py`), but for `start_command` and `run_command`, which start them as a shell does.
"""

import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import pytest

from .forks import Forked
from .second_shard import variables_for

SPANSTATS = (sys.executable, "-m", "spanstats")
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For `verify` of httpx: services speak plain HTTP, and to load certificates takes longer than most requests."""

PATIENCE_S = 180
SHOWN = 20_000


class Process(Protocol):
    """What `Forked` and `subprocess.Popen` have in common."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: int, /) -> None: ...


@dataclass
class Service:
    """A running `spanstats serve`; its output is in the files `out` and `err` of `place`."""

    process: Process
    port: int
    place: Path

    @property
    def out(self) -> str:
        return (self.place / "out").read_text()

    @property
    def err(self) -> str:
        return (self.place / "err").read_text()

    def status(self, path: str, key: str | None = None) -> int:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"x-api-key": key} if key else {}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def wait_for(self, path: str, status: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (status_now := self.status(path)) != status:
            assert self.process.poll() is None, self.err
            assert time.monotonic() < deadline, f"{path} answers {status_now}\n{self.err}"
            time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)

    def end(self) -> None:
        """Stop it, or kill it where it does not stop in time."""
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.stop(signal.SIGKILL)


Start = Callable[..., Service]
Launch = Callable[[Sequence[str], Mapping[str, str], IO[bytes], IO[bytes]], Process]
"""Starts `spanstats` with arguments and variables, its output in two open files."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables of a process that keeps its data in the test's own directory."""
    return environment_in(tmp_path)


def environment_in(place: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SPANSTATS_")}
    return clean | {"SPANSTATS_DATA_DIR": str(place / "data")}


@contextmanager
def starting(place: Path, environment: dict[str, str], launch: Launch = Forked) -> Iterator[Start]:
    """Starts services whose output goes below `place`, and stops those that are left.

    Their logs are printed in the end: pytest shows them where the test failed.
    """
    running: list[Service] = []

    def begin(port: int | None = None, **variables: str) -> Service:
        own = place / f"service{len(running)}"
        own.mkdir()
        port = port or free_port()
        with (own / "out").open("wb") as out, (own / "err").open("wb") as err:
            process = launch(["serve", "--port", str(port)], variables_for(environment | variables), out, err)
        running.append(Service(process, port, own))
        return running[-1]

    try:
        yield begin
    finally:
        for service in running:
            if service.process.poll() is None:
                service.end()
            sys.stderr.write(f"The log of `spanstats serve --port {service.port}`:\n{service.err[-SHOWN:]}\n")


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Start]:
    with starting(tmp_path, environment) as begin:
        yield begin


@pytest.fixture
def start_command(tmp_path: Path, environment: dict[str, str]) -> Iterator[Start]:
    """As `start`, with a new interpreter, which imports the program."""
    with starting(tmp_path, environment, _launch_command) as begin:
        yield begin


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(environment: dict[str, str], *arguments: str, launch: Launch = Forked) -> subprocess.CompletedProcess[str]:
    """The command once it has ended. Raises `subprocess.TimeoutExpired`."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = launch(arguments, variables_for(environment), out, err)
        try:
            code = process.wait(PATIENCE_S)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        return subprocess.CompletedProcess(arguments, code, _text(out), _text(err))


def run_command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """As `run`, with a new interpreter, which imports the program."""
    return run(environment, *arguments, launch=_launch_command)


def _launch_command(
    arguments: Sequence[str], environment: Mapping[str, str], out: IO[bytes], err: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*SPANSTATS, *arguments], env=environment, stdout=out, stderr=err)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def data(environment: dict[str, str]) -> Path:
    return Path(environment["SPANSTATS_DATA_DIR"])
