"""Processes of the command `spanstats`, forked from one that has imported it.

Tests start a hundred services and commands, and imports are most of what such a process computes. After its imports a
process is the same, beginning with `spanstats/__main__.py`; `tests/test_cli.py` starts it as a shell does, too. Scripts
of documents find a command that is forked so in the folder that `command_in` fills.
"""

import array
import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FrameType
from typing import IO, NamedTuple, NoReturn

IMPORTED = ("spanstats.cli", "spanstats.serve", "uvicorn.lifespan.on", "uvicorn.loops.uvloop")
_MESSAGE_BYTES = 1 << 18
_FILES = 3


class Forked:
    """A process that runs `spanstats` with these arguments and variables, its output in two open files.

    It has the methods of `subprocess.Popen` that tests need.
    """

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], out: IO[bytes], err: IO[bytes]
    ) -> None:
        reading, writing = os.pipe()
        self._report = os.fdopen(reading, "rb", buffering=0)
        started = {"arguments": [*arguments], "environment": {**environment}, "folder": os.getcwd()}
        message = json.dumps(started).encode()
        with os.fdopen(writing, "wb") as report:
            socket.send_fds(_parent().control, [message], [file.fileno() for file in (out, err, report)])
        self.pid = self._number()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, as `subprocess.Popen` has it, or None while the process runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired`."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("spanstats", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._report], [], [], timeout)[0]:
            self.returncode = self._number()
            self._report.close()
        return self.returncode

    def _number(self) -> int:
        number = array.array("i", self._report.read(4))
        assert number, "the process that forks others has ended"
        return number[0]


_COMMAND = """#!{python} -IS
import array, json, os, socket, sys
reading, writing = os.pipe()
started = {{"arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}}
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as parent:
    parent.connect({address!r})
    socket.send_fds(parent, [json.dumps(started).encode()], [1, 2, writing])
os.close(writing)
with os.fdopen(reading, "rb") as report:
    number, code = array.array("i", report.read(8))
sys.exit(code if code >= 0 else 128 - code)
"""


def command_in(folder: Path) -> Path:
    """Write the command `spanstats` into the folder, for the variable PATH of a shell; it has no input. The folder."""
    command = folder / "spanstats"
    command.write_text(_COMMAND.format(python=sys.executable, address=_parent().address))
    command.chmod(0o755)
    return folder


class _Parent(NamedTuple):
    """The process that forks others."""

    control: socket.socket
    """What it is sent by this process, with which it ends."""
    address: str
    """Where it listens to other processes: no file, so nothing is left of it."""


@cache
def _parent() -> _Parent:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    address = f"\0spanstats-forks-{os.getpid()}"
    with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(address)
        listening.listen()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MESSAGE_BYTES)
        files = [theirs.fileno(), listening.fileno()]
        command = [sys.executable, "-m", __name__, *map(str, files)]
        process = subprocess.Popen(command, pass_fds=files, stdin=subprocess.DEVNULL)

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return _Parent(ours, address)


def serve(control: socket.socket, listening: socket.socket) -> None:
    """Fork a process for every message, until the other end of `control` is closed."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, _reap)
    while True:
        ready, _, _ = select.select([control, listening], [], [])
        if listening in ready:
            with listening.accept()[0] as asking:
                _fork(asking, [control, listening, asking])
        if control in ready and not _fork(control, [control, listening]):
            return


def _fork(asking: socket.socket, of_parent: Sequence[socket.socket]) -> bool:
    """Fork a process for the next message; whether there was one."""
    message, files, _, _ = socket.recv_fds(asking, _MESSAGE_BYTES, _FILES)
    if message and os.fork() == 0:
        for each in of_parent:
            each.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _run_and_report(**json.loads(message), files=files)
    for file in files:
        os.close(file)
    return bool(message)


def _reap(_signal: int, _frame: FrameType | None) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _run_and_report(arguments: list[str], environment: dict[str, str], folder: str, files: list[int]) -> None:
    """Run `spanstats` in a process of its own, and write its number and in the end its exit code."""
    *streams, report = files
    number = os.fork()
    if number:
        os.write(report, array.array("i", [number]))
        for file in streams:
            os.close(file)
        _, status = os.waitpid(number, 0)
        os.write(report, array.array("i", [os.waitstatus_to_exitcode(status)]))
        os._exit(0)
    os.close(report)
    for descriptor, file in enumerate(streams, start=1):
        os.dup2(file, descriptor)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    _run(arguments)


def _run(arguments: list[str]) -> NoReturn:
    sys.argv = ["spanstats", *arguments]
    runpy.run_module("spanstats", run_name="__main__", alter_sys=True)
    sys.exit(0)


if __name__ == "__main__":
    serve(*(socket.socket(fileno=int(number)) for number in sys.argv[1:]))
