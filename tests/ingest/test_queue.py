"""What is taken from the queue, beside what, and in which order."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.span import Span
from spanstats.ingest.batch import Write, is_span_key, touched_keys
from spanstats.ingest.queue import Queue, QueueLimits, Waiting
from tests.examples import examples

from .test_commits import spans, trace_locked
from .worlds import START, TENANT, committer, rows, stored_traces

pytestmark = [pytest.mark.anyio, pytest.mark.one_version("the queue is that of the process")]


def loose(span_id: str, trace: str) -> Span:
    return Span(trace_id=trace, span_id=span_id, by_span_id=True, start_us=START)


def put(queue: Queue, *batch: Span) -> Waiting:
    return queue.put(Write(TENANT, list(batch)), len(batch), 0)


async def test_nothing_is_taken_that_would_wait_for_what_is_being_written() -> None:
    queue = Queue(QueueLimits())
    first = put(queue, *spans("a", 2))
    busy = queue.take()
    assert busy == [first]
    same, mixed, other = put(queue, *spans("a")), put(queue, *spans("b"), *spans("a", 3)), put(queue, *spans("b", 4))
    patch = queue.put(Write(TENANT, override=("a-0", {"name": "n"})), 1, 0)
    # `other` repeats a span of `mixed`, and must not pass it.
    assert queue.take(busy) == [patch]
    assert queue.take() == [same, mixed, other]
    assert queue.weight == 0


async def test_another_trace_of_a_request_that_stays_is_free() -> None:
    queue = Queue(QueueLimits())
    busy = [put(queue, *spans("a"))]
    assert queue.take() == busy
    put(queue, *spans("a", 2), *spans("b"))
    free = put(queue, Span(trace_id="b", span_id="another"))
    assert queue.take(busy) == [free]


async def test_an_update_of_a_span_that_is_found_by_its_id_never_passes_the_span() -> None:
    queue = Queue(QueueLimits())
    busy = [put(queue, loose("root", "root"))]
    assert queue.take() == busy
    span, update = put(queue, loose("child", "root")), put(queue, loose("child", "child"))
    assert queue.take(busy) == []
    assert queue.take() == [span, update]


async def test_too_little_is_left_where_it_is() -> None:
    queue = Queue(QueueLimits())
    waiting = [put(queue, *spans(f"t{n}")) for n in range(9)]
    assert queue.take((), at_least=10) == []
    assert queue.weight == 9
    waiting.append(put(queue, *spans("t9")))
    assert queue.take((), at_least=10) == waiting


@settings(max_examples=examples(75))
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=4), max_size=25), st.data()
)
def test_two_at_once_never_meet_and_no_span_overtakes_itself(
    requests: list[list[tuple[int, int]]], data: st.DataObject
) -> None:
    """Random requests over few traces, written by two at once that end in any order."""

    async def write_all() -> None:
        queue = Queue(QueueLimits(spans_per_commit=6))
        for request in requests:
            put(queue, *(Span(trace_id=f"t{t}", span_id=f"{t}-{s}", by_span_id=s == 0) for t, s in request))
        arrived = list(queue._waiting)
        running: list[list[Waiting]] = []
        in_order: list[Waiting] = []
        while queue.weight or running:
            busy = [w for group in running for w in group]
            group = queue.take(busy) if len(running) < 2 else []
            assert sum(w.weight for w in group) <= 6
            met = [touched_keys(w.write) for w in busy]
            assert all(m.isdisjoint(touched_keys(w.write)) for w in group for m in met)
            in_order += group
            running += [group] if group else []
            if not group or data.draw(st.booleans()):
                running.pop(data.draw(st.integers(0, len(running) - 1)))
        assert len(in_order) == len(arrived)
        for key in {t for w in arrived for t in touched_keys(w.write) if is_span_key(t)}:
            order = [[id(w) for w in part if key in touched_keys(w.write)] for part in (arrived, in_order)]
            assert order[0] == order[1]

    asyncio.run(write_all())


async def test_a_large_request_does_not_wait_for_a_transaction_that_it_does_not_meet(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, spans("held"))
        async with trace_locked(engine, "held"):
            blocked = asyncio.create_task(writer.submit(TENANT, spans("held", 2)))
            await asyncio.sleep(0.05)
            small = asyncio.create_task(writer.submit(TENANT, spans("small")))
            again = asyncio.create_task(writer.submit(TENANT, spans("held", 300)))
            await asyncio.sleep(0.05)
            async with asyncio.timeout(5):
                await asyncio.gather(writer.submit(TENANT, spans("large", 300)), small)
            assert not blocked.done()
            assert not again.done()
        await asyncio.gather(blocked, again)
    assert {t: row["n_spans"] for t, row in (await stored_traces(engine)).items()} == {
        "held": 300, "small": 1, "large": 300,
    }  # fmt: skip
    # The first, those beside it in one, and the two that met.
    assert await rows(engine, "SELECT count(DISTINCT xmin::text) AS n FROM traces") == [{"n": 2}]
