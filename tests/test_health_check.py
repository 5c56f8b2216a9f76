"""The health check of the image: cheap, patient, and right about a service that is ready, unready, slow or gone."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.documentation import ROOT
from tests.services import Start, environment, free_port, start

__all__ = ["environment", "start"]

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash, which the image has")


def declared() -> tuple[dict[str, str], list[str]]:
    """(options, command) of the image's health check."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    [line] = re.findall(r"^HEALTHCHECK (.*)$", text, re.MULTILINE)
    options, command = line.split(" CMD ", 1)
    return dict(option.removeprefix("--").split("=") for option in options.split()), json.loads(command)


def check(port: int) -> int:
    variables = {"PATH": os.environ["PATH"], "SPANSTATS_PORT": str(port)}
    return subprocess.run(declared()[1], env=variables, capture_output=True, timeout=30, check=False).returncode


@contextmanager
def answering(status: int, after_s: float = 0) -> Iterator[int]:
    """The port of a server that answers with this status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(after_s)
            self.send_response(status if self.path == "/readyz" else 418)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def test_a_service_that_is_ready_is_healthy_and_one_that_is_gone_is_not(start: Start) -> None:
    service = start(SPANSTATS_API_KEY="k")
    service.wait_for("/readyz", 200)
    assert check(service.port) == 0
    assert service.stop() == 0
    assert check(service.port) != 0


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (500, False), (404, False)])
def test_only_a_service_that_says_so_is_healthy(status: int, healthy: bool) -> None:
    with answering(status) as port:
        assert (check(port) == 0) is healthy


def test_a_service_that_is_slow_to_answer_is_healthy() -> None:
    with answering(200, after_s=4) as port:
        assert check(port) == 0


def test_where_nothing_listens_nothing_is_healthy() -> None:
    assert check(free_port()) != 0


def test_no_interpreter_is_started_and_a_busy_service_has_time() -> None:
    options, command = declared()
    assert command[0] == "bash"
    assert not any("python" in part or "spanstats" in part.lower().replace("$spanstats_port", "") for part in command)
    # Longer than a request waits for a connection of the pool, and a statement for its answer.
    assert int(options["timeout"].removesuffix("s")) > 5 + 10
    assert int(options["retries"]) > 3
