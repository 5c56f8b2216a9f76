"""The HTTP server of the service without the service: a route that does nothing, and one that reads one row.

`python -m benchmarks.floor PORT DATABASE_URL` serves it.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import uvicorn

from spanstats.http1 import Http1

from .load import Request

NOTHING, ONE_ROW = "/nothing", "/row"
_ROW = "SELECT key FROM experiments WHERE tenant_id = $1 AND id = $2"
_HEAD: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
_BODY = {"type": "http.response.body", "body": b"{}"}


@contextmanager
def serving_floor(database_url: str) -> Iterator[int]:
    """The port of such a server in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.floor", str(port), database_url.replace("+asyncpg", "")]
    process = subprocess.Popen(command, env=os.environ)  # noqa: S603
    try:
        _wait_until_up(process, port)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def ask_floor(path: str) -> Request:
    return Request.make("GET", path, "")


def _wait_until_up(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if process.poll() is None and probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the server without the service does not come up")


class _Application:
    """Keeps one connection, as the service keeps those it has used."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._connection: Any = None

    async def __call__(self, scope: dict[str, Any], _receive: Any, send: Any) -> None:
        if scope["path"] == ONE_ROW:
            self._connection = self._connection or await asyncpg.connect(self._database_url)
            await self._connection.fetchrow(_ROW, 1, "none")
        await send(_HEAD)
        await send(_BODY)


if __name__ == "__main__":
    uvicorn.run(
        _Application(sys.argv[2]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http=Http1,
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
