"""The queue of writes that wait for a commit: bounded in spans and bytes, in order of arrival within every trace."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from ..domain.standalone import Outcome
from ..errors import Unavailable
from ..metrics import QUEUE_BYTES, QUEUE_SPANS
from ..tracing import REQUEST, Untraced
from .batch import TouchedKey, Write, is_span_key, touched_keys


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How much may wait, and for how long a request waits for room."""

    spans: int = 20_000
    bytes: int = 64 * 2**20
    wait_s: float = 5.0
    spans_per_commit: int = 1_000


@dataclass(slots=True, eq=False)
class Waiting:
    """One request's write, `done` once it is committed. `size` is that of the request in bytes."""

    write: Write
    weight: int
    size: int
    done: asyncio.Future[Outcome | None]
    since: float
    request: Untraced
    _touches: frozenset[TouchedKey] | None = None

    @property
    def touches(self) -> frozenset[TouchedKey]:
        """The keys that no other transaction of this process may write at the same time; rarely read."""
        if self._touches is None:
            self._touches = touched_keys(self.write)
        return self._touches


class Queue:
    """The waiting writes, and the writes that were taken, until `forget`. Both count against the limits."""

    def __init__(self, limits: QueueLimits) -> None:
        self._limits = limits
        self._waiting: deque[Waiting] = deque()
        self._spans = 0
        self._bytes = 0
        self.weight = 0
        """Spans, overrides and scores that wait."""
        self._room = asyncio.Condition()

    async def wait_for_room(self, weight: int, size: int) -> None:
        """Return once there is room for this write. Raises `Unavailable` if there is none in time."""
        if self._is_full(weight, size):
            await self._wait(weight, size)

    def put(self, write: Write, weight: int, size: int) -> Waiting:
        """Append a write for which there is room."""
        done = asyncio.get_running_loop().create_future()
        waiting = Waiting(write, weight, size, done, time.monotonic(), REQUEST.get())
        self._waiting.append(waiting)
        self._spans += weight
        self._bytes += size
        self.weight += weight
        QUEUE_SPANS.inc(weight)
        QUEUE_BYTES.inc(size)
        return waiting

    def _is_full(self, weight: int, size: int) -> bool:
        """An empty queue takes anything: what a request may hold is limited elsewhere."""
        over = self._spans + weight > self._limits.spans or self._bytes + size > self._limits.bytes
        return over and self._spans > 0

    async def _wait(self, weight: int, size: int) -> None:
        try:
            with REQUEST.get().part("ingest room"):
                async with asyncio.timeout(self._limits.wait_s), self._room:
                    await self._room.wait_for(lambda: not self._is_full(weight, size))
        except TimeoutError:
            raise Unavailable("the ingest queue is full", retry_after_s=5) from None

    def take(self, busy: Iterable[Waiting] = (), at_least: int = 0) -> list[Waiting]:
        """Take writes from the front, up to the size of a commit; none if they have less than `at_least`.

        A write stays if it touches a key of the `busy` writes. No later write with one of its spans passes it.
        """
        blocked = set[TouchedKey]().union(*(w.touches for w in busy))
        group: list[Waiting] = []
        passed: list[Waiting] = []
        looked = weight = 0
        for waiting in self._waiting:
            looked += waiting.weight
            if looked > self._limits.spans_per_commit and (group or passed):
                break
            if blocked and not blocked.isdisjoint(waiting.touches):
                blocked |= {key for key in waiting.touches if is_span_key(key)}
                passed.append(waiting)
            else:
                weight += waiting.weight
                group.append(waiting)
        return self._remove(group, passed, weight) if weight >= at_least else []

    def _remove(self, group: list[Waiting], passed: list[Waiting], weight: int) -> list[Waiting]:
        for _ in range(len(group) + len(passed)):
            self._waiting.popleft()
        self._waiting.extendleft(reversed(passed))
        self.weight -= weight
        return group

    def take_older_than(self, seconds: float) -> list[Waiting]:
        """Take all writes that have waited for longer."""
        too_old = time.monotonic() - seconds
        late = [w for w in self._waiting if w.since < too_old]
        self._waiting = deque(w for w in self._waiting if w.since >= too_old)
        self.weight -= sum(w.weight for w in late)
        return late

    async def forget(self, group: Iterable[Waiting]) -> None:
        """Forget these writes, which makes room for others."""
        for waiting in group:
            self._spans -= waiting.weight
            self._bytes -= waiting.size
            QUEUE_SPANS.dec(waiting.weight)
            QUEUE_BYTES.dec(waiting.size)
        async with self._room:
            self._room.notify_all()
