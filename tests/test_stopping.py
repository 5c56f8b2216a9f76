"""SIGTERM ends a start at any of its moments, with exit code 0 and nothing left running."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import fresh_database
from .faults.proxy import proxy_to
from .services import PATIENCE_S, Process, Start, data, environment, free_port, start

__all__ = ["environment", "start"]

PARTS = 5


def handles_sigterm(process: Process) -> bool:
    """Until the interpreter has come to the program, the kernel ends it."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return True
    caught = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def stopped_after(start: Start, wait_s: float, **variables: str) -> None:
    """SIGTERM ends a start that would wait for its database longer than a test is patient."""
    patient = {"SPANSTATS_GRACE_PERIOD_S": "5", "SPANSTATS_DATABASE_WAIT_S": "3600"}
    service = start(SPANSTATS_API_KEY="k", **patient, **variables)
    while not handles_sigterm(service.process):
        time.sleep(0.005)
    time.sleep(wait_s)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(PATIENCE_S) == 0, service.err
    assert "Traceback" not in service.err
    assert "Exception ignored" not in service.err


@pytest.mark.parametrize("kind", ["embedded", "named"])
def test_a_start_ends_at_any_moment(start: Start, environment: dict[str, str], server_url: str, kind: str) -> None:
    """Each of so many parts of a start is met once; the data is made anew each time, as that takes longest."""
    began = time.monotonic()
    with _database(server_url, kind) as variables:
        whole = start(SPANSTATS_API_KEY="k", **variables)
        whole.wait_for("/healthz", 200)
        took_s = time.monotonic() - began
        assert whole.stop() == 0
    for part in range(PARTS):
        with _database(server_url, kind) as variables:
            folder = data(environment).with_name(f"data{part}")
            stopped_after(start, took_s * part / PARTS, SPANSTATS_DATA_DIR=str(folder), **variables)
            assert not (folder / "postgres" / "postmaster.pid").exists()


@contextmanager
def _database(server_url: str, kind: str) -> Iterator[dict[str, str]]:
    """Variables that name a new, empty database, or none."""
    if kind == "embedded":
        yield {}
        return
    with fresh_database(server_url) as url:
        yield {"SPANSTATS_DATABASE_URL": url}


def test_a_start_that_waits_for_its_database_ends(start: Start) -> None:
    url = f"postgresql://u:p@127.0.0.1:{free_port()}/d"
    stopped_after(start, 2, SPANSTATS_DATABASE_URL=url)


def test_a_start_whose_database_is_silent_ends(start: Start, database_url: str) -> None:
    with proxy_to(database_url) as proxy:
        proxy.stall()
        stopped_after(start, 2, SPANSTATS_DATABASE_URL=proxy.url)


def test_a_signal_that_is_swallowed_is_heard_again(environment: dict[str, str], empty_database_url: str) -> None:
    """As a destructor or a handler of every error may do."""
    deaf = """
import os, runpy, signal, sys, time
import spanstats.serve as serve
def migrate(_url):
    os.kill(os.getpid(), signal.SIGTERM)
    until = time.monotonic() + 3600
    for _ in range(3):
        try:
            while time.monotonic() < until:
                time.sleep(0.01)
        except BaseException:
            continue
serve.migrate = migrate
sys.argv = ["spanstats", "serve", "--port", "0"]
runpy.run_module("spanstats", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", deaf],
        env=environment | {"SPANSTATS_DATABASE_URL": empty_database_url},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("spanstats.cli", "SIGTERM"),
        ("spanstats.cli", "SIGINT"),
        ("spanstats.serve", "SIGTERM"),
        ("spanstats.api.health", "SIGTERM"),
    ],
)
def test_a_stop_signal_while_the_program_is_imported_ends_a_service_well(
    environment: dict[str, str], module: str, name: str
) -> None:
    at_import = """
import os, runpy, signal, sys
class Stop:
    def find_spec(self, name, *_):
        if name == "{module}":
            os.kill(os.getpid(), signal.{name})
sys.meta_path.insert(0, Stop())
sys.argv = ["spanstats", "serve"]
runpy.run_module("spanstats", run_name="__main__")
"""
    code = at_import.replace("{name}", name).replace("{module}", module)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
