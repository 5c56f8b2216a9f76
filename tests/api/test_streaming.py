"""A streamed answer is whole or visibly broken, and never holds what it read from for longer than it may."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.types import Message

from spanstats.api.answers import Streams
from spanstats.errors import Unavailable

pytestmark = pytest.mark.anyio

SCOPE = {"type": "http", "asgi": {"spec_version": "2.3"}}


class Source:
    """Fragments, then perhaps a fault; knows whether it was closed."""

    def __init__(self, *fragments: bytes, fault: Exception | None = None) -> None:
        self._fragments = fragments
        self._fault = fault
        self.closed = False

    async def read(self) -> AsyncGenerator[bytes, None]:
        try:
            for fragment in self._fragments:
                yield fragment
            if self._fault is not None:
                raise self._fault
        finally:
            self.closed = True


class Connection:
    """What a client gets; a slow one takes long for every message after the first."""

    def __init__(self, slow: bool = False) -> None:
        self.messages: list[Message] = []
        self._slow = slow

    async def send(self, message: Message) -> None:
        self.messages.append(message)
        if self._slow and len(self.messages) > 1:
            await asyncio.sleep(60)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def is_complete(self) -> bool:
        return self.messages[-1].get("more_body") is False


async def receive() -> Message:
    await asyncio.sleep(60)
    raise AssertionError("unreachable")


async def test_all_fragments_are_sent_in_order() -> None:
    source, connection = Source(b"[1", b",2", b"]"), Connection()
    await (await Streams(1, 0.1).begin(source.read(), 5))(SCOPE, receive, connection.send)
    assert (connection.body, connection.is_complete, source.closed) == (b"[1,2]", True, True)


async def test_an_early_fault_comes_before_anything_is_sent() -> None:
    with pytest.raises(Unavailable):
        await Streams(1, 0.1).begin(Source(fault=Unavailable("away")).read(), 5)


async def test_a_late_fault_breaks_the_answer_off() -> None:
    source, connection = Source(b"[1", fault=Unavailable("away")), Connection()
    answer = await Streams(1, 0.1).begin(source.read(), 5)
    with pytest.raises(Unavailable):
        await answer(SCOPE, receive, connection.send)
    assert (connection.body, connection.is_complete) == (b"[1", False)


async def test_a_client_that_takes_nothing_does_not_hold_the_source() -> None:
    source, connection = Source(*[b"x"] * 10), Connection(slow=True)
    answer = await Streams(1, 0.1).begin(source.read(), 0.05)
    with pytest.raises(TimeoutError):
        await answer(SCOPE, receive, connection.send)
    assert source.closed
    assert not connection.is_complete


async def test_nothing_more_is_read_for_a_client_that_is_gone() -> None:
    source, connection, left = Source(*[b"x"] * 1_000_000), Connection(), asyncio.Event()

    async def leave() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        await connection.send(message)
        await asyncio.sleep(0)
        if len(connection.messages) == 10:
            left.set()

    await (await Streams(1, 0.1).begin(source.read(), 30))(SCOPE, leave, send)
    assert source.closed
    assert 10 <= len(connection.messages) < 20
    assert not connection.is_complete


async def test_a_client_that_leaves_does_not_hold_what_is_being_read() -> None:
    reads, closed, left = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def never_read() -> AsyncGenerator[bytes, None]:
        try:
            yield b"["
            reads.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def leave() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    streams, connection = Streams(1, 0.1), Connection()
    task = asyncio.create_task((await streams.begin(never_read(), 60))(SCOPE, leave, connection.send))
    await reads.wait()
    left.set()
    await asyncio.wait_for(task, 10)
    assert closed.is_set()
    assert not connection.is_complete
    # The next one finds room.
    await sent(streams, Source(b"[", b"]"), Connection())


async def test_an_answer_may_end_as_its_client_leaves() -> None:
    loop, faults, left = asyncio.get_running_loop(), list[object](), asyncio.Event()
    loop.set_exception_handler(lambda _loop, context: faults.append(context))

    async def leave() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message.get("more_body") is False:
            left.set()
            await asyncio.sleep(0)

    await (await Streams(1, 0.1).begin(Source(b"[", b"]").read(), 5))(SCOPE, leave, send)
    await asyncio.sleep(0.01)
    assert faults == []


async def sent(streams: Streams, source: Source, connection: Connection, seconds: float = 5) -> None:
    await (await streams.begin(source.read(), seconds))(SCOPE, receive, connection.send)


async def test_slow_clients_hold_as_many_sources_as_they_may_and_no_more() -> None:
    streams, sources = Streams(2, 0.1), [Source(*[b"x"] * 10) for _ in range(2)]
    slow = [asyncio.create_task(sent(streams, source, Connection(slow=True), 0.5)) for source in sources]
    await asyncio.sleep(0.05)
    waiting = Source(b"[]")
    with pytest.raises(Unavailable, match="streamed") as refused:
        await sent(streams, waiting, Connection())
    assert refused.value.retry_after_s > 0
    assert not waiting.closed
    await asyncio.gather(*slow, return_exceptions=True)
    assert all(source.closed for source in sources)
    for _ in range(3):
        await sent(streams, Source(b"[", b"]"), Connection())


async def test_whatever_ends_a_stream_makes_room_for_the_next() -> None:
    streams = Streams(1, 0.1)
    for fault in (Source(fault=Unavailable("away")), Source(b"[", fault=Unavailable("away"))):
        with pytest.raises(Unavailable, match="away"):
            await sent(streams, fault, Connection())
    gone = asyncio.create_task(sent(streams, Source(*[b"x"] * 10), Connection(slow=True)))
    await asyncio.sleep(0.05)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)

    async def left() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    # The client left before the stream has begun.
    answer = await streams.begin(Source(b"[", b"]").read(), 5)
    await answer(SCOPE, left, Connection().send)
    await sent(streams, Source(b"[]"), Connection())
