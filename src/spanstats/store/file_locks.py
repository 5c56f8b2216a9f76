"""Locks on files, which the kernel drops when a process dies."""

import fcntl
import time
from pathlib import Path
from typing import IO

from .account import EmbeddedServerError

_POLL_S = 0.05


def locked(path: Path, how: int, patience_s: float) -> IO[bytes]:
    """The open file `path`, locked; waits at most `patience_s`. Closing it unlocks.

    Raises `EmbeddedServerError`.
    """
    file = path.open("ab")
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.close()
                raise EmbeddedServerError(
                    f"another process is starting or stopping the server in {path.parent}"
                ) from None
            time.sleep(_POLL_S)
        else:
            return file
