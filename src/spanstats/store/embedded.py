"""Find or start the embedded PostgreSQL server, watch it, and stop it.

The server outlives a parent that is killed: the next start finds the server by its `postmaster.pid`. A process that
uses the server holds a shared lock on `server.lock` in the data directory, and the last process to leave stops the
server. The kernel releases the locks of a killed process.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO
from urllib.parse import quote

from ..stopping import uninterrupted
from . import cluster
from .account import Account, EmbeddedServerError, account, as_account
from .file_locks import locked
from .postmaster import Postmaster, forget_stale, is_postmaster
from .server_log import START_LOG, last_words

_POLL_S = 0.05
_STOP_S = 60.0
_PASSING = ("already exists", "still in use")


class EmbeddedServer:
    """One PostgreSQL server in `directory`, reachable through a Unix socket alone.

    `patience_s` bounds the wait for a start, crash recovery included; `settings` are PostgreSQL's own, as in its
    configuration file. Not for use by several threads at once.
    """

    def __init__(self, directory: Path, patience_s: float = 120, settings: Mapping[str, str] | None = None) -> None:
        self.directory = directory.expanduser().resolve()
        self._settings = settings or {}
        self._patience_s = patience_s
        self._process: subprocess.Popen[bytes] | None = None
        self._killed: int | None = None
        self._users: IO[bytes] | None = None
        self._claim: IO[bytes] | None = None
        self._socket_directory: Path | None = None

    def claim(self) -> None:
        """Be the only service on this directory, until `stop`. Raises `EmbeddedServerError`."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._claim = locked(self.directory / "service.lock", fcntl.LOCK_EX, 0)
        except EmbeddedServerError:
            raise EmbeddedServerError(
                f"another spanstats serves from {self.directory}: stop it, or set another SPANSTATS_DATA_DIR"
            ) from None

    def start(self) -> None:
        """Find the running server or start one, and wait until it answers. Raises `EmbeddedServerError`.

        Called again after the server died, it starts it again.
        """
        if self._users is not None:
            self._start()
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._users = locked(self.directory / "server.lock", fcntl.LOCK_SH, self._patience_s)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        with locked(self.directory / "start.lock", fcntl.LOCK_EX, self._patience_s):
            deadline = time.monotonic() + self._patience_s
            while not self._answering():
                self._start_process(deadline)

    def url(self) -> str:
        """The address of the database. It has an empty password, so that no password file is read."""
        if self._socket_directory is None:
            raise EmbeddedServerError("the embedded server was not started")
        return f"postgresql+asyncpg://postgres:@/postgres?host={quote(str(self._socket_directory))}"

    def alive(self) -> bool:
        """Whether the server process is there and takes connections (it may still be in recovery)."""
        if self._process is not None and self._process.poll() is not None:
            return False
        state = Postmaster.of(self._data)
        return state is not None and state.listening()

    def stop(self) -> None:
        """Stop the server, unless another process uses it still. Open transactions are rolled back."""
        with uninterrupted():
            self._stop()

    def _stop(self) -> None:
        if self._users is not None:
            with self._users as users:
                self._users = None
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._stop_process()
                    self._remove_socket_directory()
                except BlockingIOError:
                    pass
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    @property
    def _data(self) -> Path:
        return self.directory / "postgres"

    def _postmaster(self) -> Postmaster | None:
        """What the lock file names, unless it is a server of ours that was killed.

        A child that this had just begun may hold its socket for a moment, and does not answer.
        """
        state = Postmaster.of(self._data)
        if state is not None and self._process is not None and state.pid == self._process.pid:
            self._killed = None if is_postmaster(state.pid, self._data) else state.pid
        return None if state is None or state.pid == self._killed else state

    def _answering(self) -> bool:
        state = self._postmaster()
        if state is None or not state.ready or not state.listening():
            return False
        self._socket_directory = state.socket_directory
        return True

    def _start_process(self, deadline: float) -> None:
        """Start the server once and wait; returns where another try, or another look, may help."""
        state = self._postmaster()
        if (state is None or not state.listening()) and self._ended():
            owner = account()
            data = cluster.prepare(self.directory, owner, self._settings)
            sockets = cluster.socket_directory(data, owner)
            forget_stale(data, sockets)
            with uninterrupted():
                self._process = self._spawn(data, sockets, owner)
        while not self._answering():
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"PostgreSQL did not start in {self._patience_s:.0f} s{last_words(self.directory, self._data)}"
                )
            if self._process is not None and self._process.poll() is not None:
                # A killed server may be there for a moment still, or its backends hold its memory: worth another try.
                words = last_words(self.directory, self._data)
                if not words.endswith(_PASSING):
                    raise EmbeddedServerError(f"PostgreSQL does not start{words}")
                self._process = None
                time.sleep(_POLL_S * 10)
                return
            time.sleep(_POLL_S)

    def _ended(self) -> bool:
        """Whether no earlier process of ours is left; one that was killed may need a moment to be gone."""
        if self._process is not None:
            try:
                self._process.wait(1)
            except subprocess.TimeoutExpired:
                return False
        return True

    def _spawn(self, data: Path, sockets: Path, owner: Account) -> subprocess.Popen[bytes]:
        command = [str(cluster.BINARIES / "postgres"), "-D", str(data), "-k", str(sockets), "-h", "", "-p", "5432"]
        with (self.directory / START_LOG).open("wb") as log:
            # Its own session: Ctrl-C in a terminal must reach the service first.
            return subprocess.Popen(  # noqa: S603
                command,
                env=cluster.ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_account(owner),
            )

    def _stop_process(self) -> None:
        for how, patience_s in ((signal.SIGINT, _STOP_S), (signal.SIGQUIT, 10.0)):
            pid = self._running()
            if pid is None:
                return
            with suppress(ProcessLookupError):
                os.kill(pid, how)
            deadline = time.monotonic() + patience_s
            while self._running() is not None and time.monotonic() < deadline:
                time.sleep(_POLL_S)

    def _remove_socket_directory(self) -> None:
        if self._socket_directory is not None and self._socket_directory != self._data:
            with suppress(OSError):
                self._socket_directory.rmdir()

    def _running(self) -> int | None:
        """The process id of the server, also while it starts or stops."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid
        state = Postmaster.of(self._data)
        return state.pid if state is not None and is_postmaster(state.pid, self._data) else None
