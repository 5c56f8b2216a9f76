"""A streamed answer is whole or visibly broken, and never holds what it read from for longer than it may."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from spanstats.api.answers import JsonStream
from spanstats.errors import Unavailable

pytestmark = pytest.mark.anyio

SCOPE = {"type": "http", "asgi": {"spec_version": "2.4"}}


class Source:
    """Pieces, then perhaps a fault; knows whether it was closed."""

    def __init__(self, *pieces: bytes, fault: Exception | None = None) -> None:
        self._pieces = pieces
        self._fault = fault
        self.closed = False

    async def read(self) -> AsyncGenerator[bytes, None]:
        try:
            for piece in self._pieces:
                yield piece
            if self._fault is not None:
                raise self._fault
        finally:
            self.closed = True


class Connection:
    """What a client gets; a slow one takes long for every message after the first."""

    def __init__(self, slow: bool = False) -> None:
        self.messages: list[dict[str, Any]] = []
        self._slow = slow

    async def send(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        if self._slow and len(self.messages) > 1:
            await asyncio.sleep(60)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def is_complete(self) -> bool:
        return self.messages[-1].get("more_body") is False


async def receive() -> dict[str, Any]:
    await asyncio.sleep(60)
    raise AssertionError("unreachable")


async def test_all_pieces_are_sent_in_order() -> None:
    source, connection = Source(b"[1", b",2", b"]"), Connection()
    await (await JsonStream.begin(source.read(), 5))(SCOPE, receive, connection.send)
    assert (connection.body, connection.is_complete, source.closed) == (b"[1,2]", True, True)


async def test_an_early_fault_comes_before_anything_is_sent() -> None:
    with pytest.raises(Unavailable):
        await JsonStream.begin(Source(fault=Unavailable("away")).read(), 5)


async def test_a_late_fault_breaks_the_answer_off() -> None:
    source, connection = Source(b"[1", fault=Unavailable("away")), Connection()
    answer = await JsonStream.begin(source.read(), 5)
    with pytest.raises(Unavailable):
        await answer(SCOPE, receive, connection.send)
    assert (connection.body, connection.is_complete) == (b"[1", False)


@pytest.mark.parametrize("version", ["2.3", "2.4"])
async def test_a_client_that_takes_nothing_does_not_hold_the_source(version: str) -> None:
    source, connection = Source(*[b"x"] * 10), Connection(slow=True)
    answer = await JsonStream.begin(source.read(), 0.05)
    with pytest.raises((TimeoutError, ClientDisconnect)):
        await answer({"type": "http", "asgi": {"spec_version": version}}, receive, connection.send)
    assert source.closed
    assert not connection.is_complete
