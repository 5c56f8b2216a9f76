"""Threads beside the event loop for work that would hold up everything else, and how much may wait for one."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from .errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

MANY = 1_000
"""Spans or rows from which on work on each of them is done beside the loop: on fewer it takes some milliseconds."""


async def beside_if_many(count: int, work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """What the work on `count` spans or rows returns: in a thread where they are many."""
    if count <= MANY:
        return work(*args, **options)
    return await asyncio.to_thread(work, *args, **options)


class BoundedThread:
    """One thread: more would only take the interpreter from each other, and from the loop."""

    def __init__(self, name: str, max_bytes: int = 64 * 2**20, wait_s: float = 5.0) -> None:
        """At most `max_bytes` are worked on or wait; what finds no room within `wait_s` seconds is refused."""
        self._thread = ThreadPoolExecutor(1, name)
        self._max_bytes = max_bytes
        self._wait_s = wait_s
        self._bytes = 0
        self._room = asyncio.Condition()

    async def run(self, work: Callable[[], T], size: int) -> T:
        """What the work returns, which holds `size` bytes. Raises `Unavailable` where there is no room in time."""
        if not self._has_room(size):
            await self._wait_for_room(size)
        self._bytes += size
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._bytes -= size
            async with self._room:
                self._room.notify_all()

    def _has_room(self, size: int) -> bool:
        """An idle thread takes anything: how much one request may hold is limited elsewhere."""
        return self._bytes == 0 or self._bytes + size <= self._max_bytes

    async def _wait_for_room(self, size: int) -> None:
        try:
            async with asyncio.timeout(self._wait_s), self._room:
                await self._room.wait_for(lambda: self._has_room(size))
        except TimeoutError:
            raise Unavailable("too many long bodies wait to be read", retry_after_s=5) from None

    def close(self) -> None:
        """End the thread once it has done what was given to it."""
        self._thread.shutdown(wait=False)
