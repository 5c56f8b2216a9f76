"""Answers that are encoded by us, fast, and the streamed one."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any

import msgspec
from fastapi import Response
from pydantic import BaseModel
from starlette.types import Message, Receive, Scope, Send

from ..errors import Unavailable

JSON = "application/json"

_encoder = msgspec.json.Encoder(decimal_format="number")


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON of plain data, without blanks; floats in their shortest exact form."""
    return Response(_encoder.encode(content), status, dict(headers or {}), JSON)


def model_answer(content: BaseModel) -> Response:
    """The JSON of an answer that is made as its model says: FastAPI would check it, and encode it by way of a dict."""
    return Response(content.model_dump_json(), media_type=JSON)


def null_answer() -> Response:
    """What writes answer whose result no client reads."""
    return Response(b"null", media_type=JSON)


class Stream(Response):
    """JSON, or another text, sent in fragments as they are read.

    A fault, or a client too slow to take everything in `seconds`, breaks the connection: half an answer never looks
    like a whole one. What is being read for a client that is gone is given up at once. Starlette's own stream has a
    group of tasks for that, which costs as much as a statement.
    """

    def __init__(
        self,
        first: bytes,
        rest: AsyncGenerator[bytes, None],
        seconds: float,
        ended: Callable[[], None],
        media_type: str = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`first` and `rest` are the fragments. `ended` is called at the end of any answer, whole or cut."""
        # As `Response` does, which would also render a body.
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self.init_headers(headers)
        self._first = first
        self._rest = rest
        self._seconds = seconds
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises `TimeoutError`, which cuts the connection, where the answer takes too long."""
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            async with asyncio.timeout(self._seconds) as limit, aclosing(self._rest):
                gone.add_done_callback(lambda _: _expire(limit))
                await self._send(send)
        except TimeoutError:
            if not gone.done():
                raise
        finally:
            gone.cancel()
            self._ended()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send(_message(self._first))
        async for fragment in self._rest:
            await send(_message(fragment))
        await send(_message(b"", more=False))


def _expire(limit: asyncio.Timeout) -> None:
    """End what has this limit now."""
    # An answer that has ended meanwhile has no limit any more.
    with suppress(RuntimeError):
        limit.reschedule(0)


def _message(fragment: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": fragment, "more_body": more}


async def _until_gone(receive: Receive) -> None:
    """Return once the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Streams:
    """The streamed answers of a worker: only some at once, since each holds a connection as long as its client reads.

    Clients that read slowly, or not at all, so leave connections to everybody else.
    """

    def __init__(self, at_once: int, wait_s: float) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._wait_s = wait_s

    async def begin(
        self,
        fragments: AsyncGenerator[bytes, None],
        seconds: float,
        media_type: str = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> Stream:
        """Fetch the first fragment before anything is sent, so that an early fault is still a clean error.

        Raises `Unavailable` where no other stream ends in time.
        """
        try:
            async with asyncio.timeout(self._wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable("too many answers are being streamed", retry_after_s=5) from None
        try:
            return Stream(await anext(fragments), fragments, seconds, self._slots.release, media_type, headers)
        except BaseException:
            self._slots.release()
            raise
