"""The socket that the service listens on."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import StartError
from .settings import Settings


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """The socket, bound and not listening yet. Raises `StartError`."""
    try:
        family, socket_type, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket_type)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise _not_ours(host, port, error) from error
    with listener:
        yield listener


def listen(listener: socket.socket, settings: Settings) -> None:
    """Let requests come. Raises `StartError`."""
    # Only now: before that no request waits here for a database that is still starting.
    try:
        listener.listen(2048)
    except OSError as error:
        raise _not_ours(settings.host, settings.port, error) from error


def _not_ours(host: str, port: int, error: OSError) -> StartError:
    return StartError(
        f"cannot listen on {host} port {port} ({error.strerror}): choose another: --host, --port or SPANSTATS_PORT"
    )
