"""Group commit: what queued while one transaction was being written goes into the next. No timer.

Every request is answered after the commit that holds its own spans. Where a shared transaction fails, its requests are
written one by one, so that none fails for another's sake. A request that was cancelled is written all the same.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from ..domain.span import Span
from ..errors import Unavailable
from ..metrics import COMMIT_FAILURES, COMMIT_REQUESTS, COMMIT_SECONDS, COMMIT_SPANS, QUEUE_BYTES, QUEUE_SPANS
from ..store.outages import ATTEMPTS, RETRYABLE, before_attempt, is_retryable, sqlstate
from ..store.session import Kind, Timeouts, transaction
from ..tracing import REQUEST, Tracing, Untraced
from .batch import PostedScore, Write, collect
from .posted import others_written
from .transaction import Tools, locks, write_batch


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How much may wait, and for how long a request waits for room."""

    spans: int = 20_000
    bytes: int = 64 * 2**20
    wait_s: float = 5.0
    spans_per_commit: int = 1_000


@dataclass(slots=True)
class _Waiting:
    write: Write
    weight: int
    size: int
    done: asyncio.Future[None]
    since: float
    request: Untraced


_ENOUGH = 2
# Statement timeout, lock timeout, deadlock, serialization failure: another request may well succeed.
_OF_ONE_REQUEST = RETRYABLE | {"57014", "55P03"}


class Committer:
    """Queues writes and commits them together; one per process."""

    def __init__(
        self,
        engine: AsyncEngine,
        timeouts: Timeouts,
        tools: Tools,
        limits: QueueLimits | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._engine = engine
        self._timeouts = timeouts
        self._tools = tools
        self._limits = limits or QueueLimits()
        self._tracing = tracing or Tracing()
        self._queue: deque[_Waiting] = deque()
        self._spans = 0
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what is queued, then end; nothing is accepted any more."""
        self._stopping = True
        self._arrived.set()
        if self._task is not None:
            await self._task

    async def submit(self, tenant_id: int, spans: list[Span], size: int = 0) -> None:
        """Return once these spans are committed. `size` is that of their request in bytes.

        Raises `InvalidInput` where the store refuses them, `Unavailable` where the queue is full or the database away.
        """
        if spans:
            await self._enqueue(Write(tenant_id, spans), len(spans), size)

    async def patch(self, tenant_id: int, span_id: str, fields: dict[str, Any], size: int = 0) -> None:
        """Return once these fields of the span, stored or not, are committed as a patch."""
        if fields:
            await self._enqueue(Write(tenant_id, patch=(span_id, fields)), 1, size)

    async def patch_placed(self, tenant_id: int, trace_id: str, span_id: str, fields: dict[str, Any]) -> None:
        """Return once these fields of a stored span are committed as a patch; one that is gone is left alone."""
        if fields:
            await self._enqueue(Write(tenant_id, placed_patch=(trace_id, span_id, fields)), 1, 0)

    async def score(self, tenant_id: int, score: PostedScore, size: int = 0) -> None:
        """Return once this score is committed, to its span or, where that is not there yet, among the early ones."""
        await self._enqueue(Write(tenant_id, score=score), 1, size)
        if score.waits and not score.deleted:
            # Its span may have come in a transaction that could not see it yet.
            await others_written(self._engine, self._timeouts)
            await self._enqueue(Write(tenant_id, log=score.log_id), 1, 0)

    async def _enqueue(self, write: Write, weight: int, size: int) -> None:
        if self._is_full(weight, size):
            await self._wait_for_room(weight, size)
        if self._stopping:
            raise Unavailable("the service is stopping")
        done = asyncio.get_running_loop().create_future()
        waiting = _Waiting(write, weight, size, done, time.monotonic(), REQUEST.get())
        self._queue.append(waiting)
        self._spans += weight
        self._bytes += size
        self._tell_depth()
        self._arrived.set()
        # Cancelled with its request; the write goes on.
        await waiting.done

    def _is_full(self, weight: int, size: int) -> bool:
        """An empty queue takes anything: what a request may hold is limited elsewhere."""
        over = self._spans + weight > self._limits.spans or self._bytes + size > self._limits.bytes
        return over and self._spans > 0

    async def _wait_for_room(self, weight: int, size: int) -> None:
        try:
            with REQUEST.get().part("ingest room"):
                async with asyncio.timeout(self._limits.wait_s), self._room:
                    await self._room.wait_for(lambda: not self._is_full(weight, size))
        except TimeoutError:
            raise Unavailable("the ingest queue is full", retry_after_s=5) from None

    def _tell_depth(self) -> None:
        QUEUE_SPANS.set(self._spans)
        QUEUE_BYTES.set(self._bytes)

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                group = self._take()
                self._tracing.dequeued(group)
                await self._commit(group)
                async with self._room:
                    self._forget(group)
                    self._tell_depth()
                    self._room.notify_all()
            if self._stopping:
                return

    def _take(self) -> list[_Waiting]:
        """From the front of the queue: one request at least, and more up to the size of a commit."""
        group = [self._queue.popleft()]
        weight = group[0].weight
        while self._queue and weight + self._queue[0].weight <= self._limits.spans_per_commit:
            weight += self._queue[0].weight
            group.append(self._queue.popleft())
        return group

    async def _commit(self, group: list[_Waiting]) -> Exception | None:
        """Write the group, or else its requests one by one; the error where none could be written."""
        began = time.perf_counter()
        try:
            with self._tracing.committing(group):
                await self._write([w.write for w in group])
        except Exception as error:
            COMMIT_FAILURES.inc()
            if len(group) == 1 or _is_outage(error):
                for waiting in group:
                    _fail(waiting, error)
                if _is_outage(error):
                    self._fail_late(error)
                return error
            await self._one_by_one(group)
        else:
            COMMIT_SECONDS.observe(time.perf_counter() - began)
            COMMIT_REQUESTS.observe(len(group))
            COMMIT_SPANS.observe(sum(w.weight for w in group))
            for waiting in group:
                if not waiting.done.done():
                    waiting.done.set_result(None)
        return None

    async def _one_by_one(self, group: list[_Waiting]) -> None:
        unavailable = 0
        for place, waiting in enumerate(group):
            error = await self._commit([waiting])
            unavailable = unavailable + 1 if isinstance(error, Unavailable) else 0
            if error is not None and unavailable == _ENOUGH:
                # It was no request's own fault: a lock that others hold would cost each of them as long again.
                for later in group[place + 1 :]:
                    _fail(later, error)
                self._fail_late(error)
                return

    def _fail_late(self, error: Exception) -> None:
        """An outage that takes long to show must not cost every queued request as long again, one after another."""
        too_old = time.monotonic() - self._limits.wait_s
        late = [w for w in self._queue if w.since < too_old]
        self._queue = deque(w for w in self._queue if w.since >= too_old)
        self._forget(late)
        self._tracing.dequeued(late)
        for waiting in late:
            _fail(waiting, error)

    def _forget(self, gone: list[_Waiting]) -> None:
        self._spans -= sum(w.weight for w in gone)
        self._bytes -= sum(w.size for w in gone)

    async def _write(self, writes: list[Write]) -> None:
        """One transaction; repeated where the database asks for it (deadlock, serialization failure)."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                batch = collect(writes)
                async with transaction(self._engine, Kind.INGEST, self._timeouts, locks(batch)) as tx:
                    news = await write_batch(tx.driver, batch, self._tools, time.time_ns() // 1000)
                self._tools.evaluators.learn(news)
            except Unavailable as error:
                if attempt == ATTEMPTS or not is_retryable(error):
                    raise
                await before_attempt(attempt)
            else:
                return


def _is_outage(error: Exception) -> bool:
    """The next request would meet the same: writing one by one would fail in the same way, only slower."""
    return isinstance(error, Unavailable) and sqlstate(error.__cause__ or error) not in _OF_ONE_REQUEST


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        # Each waiter gets an exception of its own: tracebacks of several tasks must not grow on one.
        own = Unavailable(str(error), error.retry_after_s) if isinstance(error, Unavailable) else error
        waiting.done.set_exception(own)
