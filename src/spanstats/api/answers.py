"""Answers that are encoded by us, fast, and the streamed one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.types import Send

JSON = "application/json"

_encoder = msgspec.json.Encoder()


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON of plain data, without blanks; floats in their shortest exact form."""
    return Response(_encoder.encode(content), status, dict(headers or {}), JSON)


def null_answer() -> Response:
    """What writes answer whose result no client reads."""
    return Response(b"null", media_type=JSON)


class JsonStream(StreamingResponse):
    """JSON sent in pieces as they are read.

    A fault, or a client too slow to take everything in `seconds`, breaks the connection: half an answer never looks
    like a whole one.
    """

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None], seconds: float) -> None:
        super().__init__(_chained(first, rest), media_type=JSON)
        self._rest = rest
        self._seconds = seconds

    @classmethod
    async def begin(cls, pieces: AsyncGenerator[bytes, None], seconds: float) -> "JsonStream":
        """Fetch the first piece before anything is sent, so that an early fault is still a clean error."""
        return cls(await anext(pieces), pieces, seconds)

    async def stream_response(self, send: Send) -> None:
        async with asyncio.timeout(self._seconds), aclosing(self._rest):
            await super().stream_response(send)


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
