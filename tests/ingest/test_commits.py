"""Group commit: what shares a transaction, what is answered when, and what one request may do to another."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.span import Span
from spanstats.errors import InvalidInput, Unavailable
from spanstats.ingest import trace_rows
from spanstats.ingest.commits import Committer
from spanstats.ingest.queue import QueueLimits
from spanstats.store.session import Database, Kind, Timeouts

from .worlds import START, TENANT, assert_traces_equal_their_spans, committer, new_tools, rows, stored_traces

pytestmark = [pytest.mark.anyio, pytest.mark.one_version("other tests make the same statements")]
WITH_THE_FIRST = "SELECT count(*) AS n FROM spans WHERE xmin = (SELECT xmin FROM spans WHERE trace_id = 't0')"
WRITES_OF = "SELECT count(DISTINCT xmin::text) AS n FROM spans"


def spans(trace: str, count: int = 1) -> list[Span]:
    return [Span(trace_id=trace, span_id=f"{trace}-{n}", start_us=START, end_us=START + 1) for n in range(count)]


@contextlib.asynccontextmanager
async def trace_locked(engine: AsyncEngine, trace_id: str) -> AsyncIterator[None]:
    """Holds every writer of this trace up."""
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute("SELECT FROM traces WHERE trace_id = $1 FOR UPDATE", trace_id)
        yield


async def test_requests_that_queue_during_a_commit_share_the_next_one(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, spans("held"))
        async with trace_locked(engine, "held"):
            waiting = [asyncio.create_task(writer.submit(TENANT, spans("held", 2)))]
            await asyncio.sleep(0.05)
            waiting += [asyncio.create_task(writer.submit(TENANT, spans(f"t{n}"))) for n in range(50)]
            await asyncio.sleep(0.05)
            assert not any(task.done() for task in waiting)
        await asyncio.gather(*waiting)
    assert await rows(engine, WRITES_OF) == [{"n": 3}]


async def test_requests_that_come_within_a_few_turns_of_the_loop_share_a_transaction(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        for round_ in range(3):
            waiting = []
            for number in range(10):
                waiting.append(asyncio.create_task(writer.submit(TENANT, spans(f"t{round_}-{number}"))))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            await asyncio.gather(*waiting)
    assert await rows(engine, WRITES_OF) == [{"n": 3}]


async def test_a_client_that_writes_alone_does_not_wait_for_others(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, spans("first"))
        # Its transaction begins at once, and the other's only after it.
        first, second = (asyncio.create_task(writer.submit(TENANT, spans(name))) for name in ("second", "third"))
        await asyncio.gather(first, second)
    assert await rows(engine, WRITES_OF) == [{"n": 3}]


async def test_two_clients_share_transactions_from_their_second_write_on(engine: AsyncEngine) -> None:
    async def write(client: str) -> None:
        for number in range(5):
            await writer.submit(TENANT, spans(f"{client}-{number}"))

    async with committer(engine) as writer:
        await writer.submit(TENANT, spans("alone"))
        await asyncio.gather(write("a"), write("b"))
    (written,) = await rows(engine, WRITES_OF)
    # One alone, the first of `a`, then both together, and the last of `b`.
    assert written["n"] <= 8


async def test_a_transaction_begins_though_more_keeps_coming(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        waiting: list[asyncio.Task[None]] = []
        while not any(task.done() for task in waiting):
            waiting.append(asyncio.create_task(writer.submit(TENANT, spans(f"t{len(waiting)}"))))
            await asyncio.sleep(0)
            assert len(waiting) < 100_000
        await asyncio.gather(*waiting)
    assert len(await stored_traces(engine)) == len(waiting)
    (first,) = await rows(engine, WITH_THE_FIRST)
    assert 100 <= first["n"] < 200


async def test_an_answer_comes_after_its_commit(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        for number in range(20):
            await writer.submit(TENANT, spans(f"t{number}"))
            assert f"t{number}" in await stored_traces(engine)


async def test_a_refused_request_does_not_fail_those_that_shared_its_commit(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_rows, "MAX_SPANS_OF_TRACE", 3)
    async with committer(engine) as writer:
        requests = [spans("a"), spans("too-long", 4), spans("b"), spans("c", 3)]
        results = await asyncio.gather(*(writer.submit(TENANT, r) for r in requests), return_exceptions=True)
    assert [type(r) for r in results] == [type(None), InvalidInput, type(None), type(None)]
    assert set(await stored_traces(engine)) == {"a", "b", "c"}


async def test_a_full_queue_refuses_after_its_wait_and_takes_again_when_there_is_room(engine: AsyncEngine) -> None:
    limits = QueueLimits(spans=10, wait_s=0.1)
    async with committer(engine, limits) as writer:
        await writer.submit(TENANT, spans("held"))
        async with trace_locked(engine, "held"):
            waiting = [asyncio.create_task(writer.submit(TENANT, spans("held", 2)))]
            waiting += [asyncio.create_task(writer.submit(TENANT, spans(f"t{n}"))) for n in range(8)]
            await asyncio.sleep(0.02)
            with pytest.raises(Unavailable, match="queue is full") as refused:
                await writer.submit(TENANT, spans("late"))
        assert refused.value.retry_after_s > 0
        await asyncio.gather(*waiting)
        await writer.submit(TENANT, spans("late"))
    assert "late" in await stored_traces(engine)


async def test_the_queue_counts_bytes_too(engine: AsyncEngine) -> None:
    async with committer(engine, QueueLimits(bytes=1_000, wait_s=0.05)) as writer:
        await writer.submit(TENANT, spans("held"), size=5_000)
        async with trace_locked(engine, "held"):
            waiting = asyncio.create_task(writer.submit(TENANT, spans("held", 2), size=900))
            await asyncio.sleep(0.02)
            with pytest.raises(Unavailable):
                await writer.submit(TENANT, spans("other"), size=200)
        await waiting


async def test_spans_of_a_client_that_hung_up_are_committed(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, spans("held"))
        async with trace_locked(engine, "held"):
            gone = asyncio.create_task(writer.submit(TENANT, spans("held", 3)))
            await asyncio.sleep(0.02)
            gone.cancel()
        await writer.submit(TENANT, spans("next"))
    assert (await stored_traces(engine))["held"]["n_spans"] == 3


async def test_stopping_writes_what_is_queued_and_refuses_what_comes_later(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        queued = [asyncio.create_task(writer.submit(TENANT, spans(f"t{n}"))) for n in range(30)]
        await asyncio.sleep(0)
        await writer.stop()
        await asyncio.gather(*queued)
        with pytest.raises(Unavailable):
            await writer.submit(TENANT, spans("late"))
    assert len(await stored_traces(engine)) == 30


async def test_a_deadlock_is_retried_inside(engine: AsyncEngine) -> None:
    """Another client locks two traces against the key order; PostgreSQL ends one of the two transactions."""
    async with committer(engine) as writer:
        await writer.submit(TENANT, spans("a") + spans("b"))
        async with Database(engine).transaction(Kind.WRITE) as other:
            await other.driver.execute("SET LOCAL deadlock_timeout = '5s'")
            await other.driver.execute("SELECT FROM traces WHERE trace_id = 'b' FOR UPDATE")
            posted = asyncio.create_task(writer.submit(TENANT, spans("a", 2) + spans("b", 2)))
            await asyncio.sleep(0.2)
            await other.driver.execute("SELECT FROM traces WHERE trace_id = 'a' FOR UPDATE")
        await posted
    await assert_traces_equal_their_spans(engine)
    assert {t["n_spans"] for t in (await stored_traces(engine)).values()} == {2}


async def test_an_outage_fails_the_request_as_unavailable_and_the_next_one_is_served(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, spans("held"))
        async with trace_locked(engine, "held"):
            posted = asyncio.create_task(writer.submit(TENANT, spans("held", 2)))
            await asyncio.sleep(0.1)
            async with engine.connect() as connection:
                await connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    " AND datname = current_database()"
                )
            with pytest.raises(Unavailable, match="database is away"):
                await posted
        await writer.submit(TENANT, spans("held", 3))
    assert (await stored_traces(engine))["held"]["n_spans"] == 3


async def test_a_lock_that_others_hold_costs_no_request_more_than_a_few_timeouts(engine: AsyncEngine) -> None:
    quick = Committer(Database(engine, Timeouts(write_s=0.3)), new_tools(), QueueLimits(wait_s=0.1))
    await quick.submit(TENANT, spans("first"))
    async with engine.connect() as connection:
        await connection.exec_driver_sql("BEGIN")
        await connection.exec_driver_sql("LOCK TABLE traces IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(5):
            posts = [quick.submit(TENANT, spans(f"t{n}")) for n in range(40)]
            results = await asyncio.gather(*posts, return_exceptions=True)
        assert {type(result) for result in results} == {Unavailable}
        await connection.exec_driver_sql("ROLLBACK")
    await quick.submit(TENANT, spans("last"))
    await quick.stop()
    assert set(await stored_traces(engine)) == {"first", "last"}
