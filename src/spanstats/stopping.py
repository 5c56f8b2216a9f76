"""How a start is ended by SIGTERM or SIGINT at any of its steps, and which steps must not be interrupted.

The handler raises `SystemExit` wherever the program is, or at the next turn of a running event loop. What it meets
there may swallow that: a destructor, a handler of every error. So the signal is sent again, until the start is over.
"""

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_AGAIN_S = 0.3


class _State:
    """Of this process: there is one handler."""

    requested = threading.Event()
    starting = False
    n_blocks = 0
    """How many `uninterrupted` blocks are running."""


def exit_on_signals() -> None:
    """Leave through the `finally` blocks with exit code 0 on SIGTERM and SIGINT."""
    for name in _SIGNALS:
        signal.signal(name, _leave)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    _State.requested.set()
    if not _State.starting:
        _ignore()
    if not _State.n_blocks:
        _exit()


def _exit() -> None:
    """Raise `SystemExit` here, or at the loop's next turn: the driver's compiled callbacks may crash of an exception.

    Once the start is over no second signal comes, so what the loop may no longer turn to is not left to it.
    """
    try:
        loop = asyncio.get_running_loop() if _State.starting else None
    except RuntimeError:
        loop = None
    if loop is None:
        sys.exit(0)
    loop.call_soon_threadsafe(sys.exit, 0)


def _ignore() -> None:
    """From here on there is only the database to stop: no second signal may cut that short."""
    for name in _SIGNALS:
        signal.signal(name, signal.SIG_IGN)


def was_requested() -> bool:
    """Whether a signal came."""
    return _State.requested.is_set()


@contextmanager
def starting() -> Iterator[None]:
    """A block that ends soon after a signal, by `SystemExit`, though it was swallowed inside."""
    over = threading.Event()
    _State.starting = True
    threading.Thread(target=_insist, args=(threading.get_ident(), over), daemon=True).start()
    try:
        yield
    finally:
        _State.starting = False
        over.set()
        if _State.requested.is_set():
            _ignore()
            sys.exit(0)


def _insist(thread: int, over: threading.Event) -> None:
    while not over.wait(_AGAIN_S):
        if _State.requested.is_set() and not _State.n_blocks:
            signal.pthread_kill(thread, signal.SIGTERM)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A block that no signal cuts short; one that came meanwhile is heard at its end."""
    _State.n_blocks += 1
    try:
        yield
    finally:
        _State.n_blocks -= 1
    if not _State.n_blocks and _State.requested.is_set() and _State.starting:
        sys.exit(0)
