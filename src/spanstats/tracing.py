"""What the service reports of its own work to a tracing back end. Here that is nothing: `otel/` overrides all of it.

Which of the two it is, is chosen once, at the start; what is traced calls the same methods either way.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol

_NOTHING = nullcontext()


class Untraced:
    """A request that is not traced, and work that runs for no request."""

    __slots__ = ()

    @property
    def trace_id(self) -> str | None:
        """The trace that the request's spans are in, 32 hexadecimal digits; `None` where there are none."""
        return None

    def part(self, name: str) -> AbstractContextManager[None]:
        """Around something that runs in this process and is a part of the request."""
        return _NOTHING

    def statement(self, name: str) -> AbstractContextManager[None]:
        """Around a statement that the database runs for the request."""
        return _NOTHING


_UNTRACED = Untraced()

REQUEST: ContextVar[Untraced] = ContextVar("spanstats_traced_request", default=_UNTRACED)
"""The request that this task serves, as far as it is traced."""


class Queued(Protocol):
    """A write that waits for its commit, since a moment of the monotonic clock."""

    @property
    def request(self) -> Untraced: ...
    @property
    def weight(self) -> int: ...
    @property
    def since(self) -> float: ...


class Tracing:
    """Traces of one process; these are none."""

    middleware: Sequence[Callable[..., Any]] = ()
    """ASGI middleware that goes around all other."""

    def dequeued(self, group: Iterable[Queued]) -> None:
        """These have left the queue just now."""

    def committing(self, group: Sequence[Queued]) -> AbstractContextManager[None]:
        """Around one transaction that writes these."""
        return _NOTHING

    def stop(self) -> None:
        """Send what is left, within seconds."""
