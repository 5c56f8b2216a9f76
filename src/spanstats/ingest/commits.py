"""Group commit: requests that wait while a transaction is written share the next one. There is no timer.

A transaction begins when several turns of the event loop have brought no further write. Clients that were answered
together send their next requests together, a moment later: without these turns the first of them would have a
transaction alone. After a request that was written alone, with an empty queue at its end, the next request does not
wait, because its client is probably the only one.

Every request is answered after the commit that has its own spans. If a shared transaction fails, its requests are
written one by one, so that no request fails because of another. A cancelled request is still written.

While the database writes one transaction, this process reads and prepares the next. A second one begins beside it if
enough spans wait for it and it would not wait for the first.
"""

import asyncio
import sys
import time
from itertools import chain
from typing import Any, cast

from ..domain.keys import ScoreKey, TenantId
from ..domain.span import Span
from ..domain.standalone import Outcome, StandaloneScore
from ..errors import Unavailable
from ..metrics import COMMIT_FAILURES, COMMIT_REQUESTS, COMMIT_SECONDS, COMMIT_SPANS
from ..store.outages import TenantMoved, is_outage
from ..store.session import Database
from ..tracing import Tracing
from .batch import Write
from .group_write import GroupWriter
from .queue import Queue, QueueLimits, Waiting
from .standalone import Outcomes
from .tools import Tools
from .writers import wait_for_writers

TRANSACTIONS_AT_ONCE = 2
"""Of one `Committer`."""
_ENOUGH_FOR_SECOND = 200
"""Spans that make a second transaction at the same time worth while; fewer wait and share the next."""
_TURNS = 4
"""Turns of the event loop that bring no write, after which a transaction begins. They take some 10 us each."""
_ENOUGH_FOR_FIRST = 100
"""Spans that begin a transaction at once: the next ones are read while the database writes these."""
_NEVER = sys.maxsize
_FAILURES_IN_A_ROW = 2
"""Requests that are written alone and find the database unavailable, after which the others are not tried."""


class Committer:
    """Queues writes and commits them together; one per process."""

    def __init__(
        self,
        database: Database,
        tools: Tools,
        limits: QueueLimits | None = None,
        tracing: Tracing | None = None,
        *,
        may_move: bool = False,
    ) -> None:
        """`may_move`: whether tenants may be moved to another shard meanwhile."""
        self._database = database
        self._writer = GroupWriter(database, tools, may_move=may_move)
        self._limits = limits or QueueLimits()
        self._tracing = tracing or Tracing()
        self._queue = Queue(self._limits)
        self._running: list[list[Waiting]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._start_weight = 1
        """How much must wait before it is worth looking whether a transaction can begin."""
        self._is_due = False
        self._has_one_client = False
        self._stopping = False

    async def stop(self) -> None:
        """Write what is queued, then end; nothing is accepted any more."""
        self._stopping = True
        self._start()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def submit(self, tenant_id: TenantId, spans: list[Span], size: int = 0) -> None:
        """Return once these spans are committed. `size` is that of their request in bytes.

        Raises `InvalidInput` where the store refuses them, `Unavailable` where the queue is full or the database away.
        """
        if spans:
            await self._enqueue(Write(tenant_id, spans), len(spans), size)

    async def override(self, tenant_id: TenantId, span_id: str, fields: dict[str, Any], size: int = 0) -> None:
        """Return once these fields of the span, stored or not, are committed as its override."""
        if fields:
            await self._enqueue(Write(tenant_id, override=(span_id, fields)), 1, size)

    async def override_stored(self, tenant_id: TenantId, trace_id: str, span_id: str, fields: dict[str, Any]) -> None:
        """Return once these fields of a stored span are committed as its override. A deleted span gets none."""
        if fields:
            await self._enqueue(Write(tenant_id, stored_override=(trace_id, span_id, fields)), 1, 0)

    async def score(self, tenant_id: TenantId, score: StandaloneScore, size: int = 0) -> str:
        """The id of this score once it is committed: to its span or, if the span is not stored yet, as pending."""
        outcome = cast(Outcome, await self._enqueue(Write(tenant_id, score=score), 1, size))
        if outcome.is_pending and not score.deleted:
            # Its span may have come in a transaction that could not see it yet.
            await wait_for_writers(self._database)
            await self._enqueue(Write(tenant_id, log=score.log_id), 1, 0)
        return outcome.id

    async def _enqueue(self, write: Write, weight: int, size: int) -> Outcome | None:
        """What became of the write's score, if it has one, once it is committed."""
        await self._queue.wait_for_room(weight, size)
        if self._stopping:
            raise Unavailable("the service is stopping")
        waiting = self._queue.put(write, weight, size)
        if self._queue.weight >= self._start_weight:
            self._start_soon()
        # Cancelled with its request; the write goes on.
        return await waiting.done

    def _start_soon(self) -> None:
        """Start once no more comes; at once where nothing waits, one client writes, or `stop` waits for the rest."""
        if self._stopping or self._has_one_client or self._queue.weight == 0:
            self._start()
        elif not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._start_if_still, self._queue.weight, _TURNS)

    def _start_if_still(self, weight: int, turns: int) -> None:
        """Start once the queue has kept this weight for this number of turns of the loop; until then look again."""
        if self._queue.weight != weight:
            turns = _TURNS
        if turns == 0 or self._queue.weight >= _ENOUGH_FOR_FIRST:
            self._start()
        else:
            asyncio.get_running_loop().call_soon(self._start_if_still, self._queue.weight, turns - 1)

    def _start(self) -> None:
        """Start what can be written now."""
        self._is_due = False
        self._start_weight = _NEVER
        while len(self._running) < TRANSACTIONS_AT_ONCE:
            at_least = _ENOUGH_FOR_SECOND if self._running else 1
            group = self._queue.take(chain(*self._running), at_least)
            if not group:
                self._start_weight = at_least if self._queue.weight < at_least else self._queue.weight + at_least
                return
            self._running.append(group)
            task = asyncio.create_task(self._run(group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, group: list[Waiting]) -> None:
        try:
            self._tracing.dequeued(group)
            await self._commit(group)
        finally:
            await self._queue.forget(group)
            self._running.remove(group)
            self._has_one_client = len(group) == 1 and self._queue.weight == 0
            self._start_soon()

    async def _commit(self, group: list[Waiting]) -> Exception | None:
        """Write the group, or else its requests one by one; the error where none could be written."""
        began = time.perf_counter()
        try:
            with self._tracing.committing(group):
                outcomes = await self._writer.write([w.write for w in group])
        except Exception as error:
            COMMIT_FAILURES.inc()
            if len(group) == 1 or is_outage(error):
                for waiting in group:
                    _fail(waiting, error)
                if is_outage(error):
                    await self._fail_late(error)
                return error
            await self._one_by_one(group)
        else:
            COMMIT_SECONDS.observe(time.perf_counter() - began)
            COMMIT_REQUESTS.observe(len(group))
            COMMIT_SPANS.observe(sum(w.weight for w in group))
            for waiting in group:
                if not waiting.done.done():
                    waiting.done.set_result(_outcome(waiting.write, outcomes))
        return None

    async def _one_by_one(self, group: list[Waiting]) -> None:
        unavailable = 0
        for position, waiting in enumerate(group):
            error = await self._commit([waiting])
            is_shared = isinstance(error, Unavailable) and not isinstance(error, TenantMoved)
            unavailable = unavailable + 1 if is_shared else 0
            if error is not None and unavailable == _FAILURES_IN_A_ROW:
                # It was no request's own fault: a lock that others hold would cost each of them as long again.
                for later in group[position + 1 :]:
                    _fail(later, error)
                await self._fail_late(error)
                return

    async def _fail_late(self, error: Exception) -> None:
        """An outage that takes long to show must not cost every queued request as long again, one after another."""
        late = self._queue.take_older_than(self._limits.wait_s)
        self._tracing.dequeued(late)
        for waiting in late:
            _fail(waiting, error)
        await self._queue.forget(late)


def _outcome(write: Write, outcomes: Outcomes) -> Outcome | None:
    return None if write.score is None else outcomes[ScoreKey(write.tenant_id, write.score.id)]


def _fail(waiting: Waiting, error: Exception) -> None:
    if not waiting.done.done():
        # Each waiter gets an exception of its own: tracebacks of several tasks must not grow on one.
        own = Unavailable(str(error), error.retry_after_s) if isinstance(error, Unavailable) else error
        own = TenantMoved() if isinstance(error, TenantMoved) else own
        waiting.done.set_exception(own)
