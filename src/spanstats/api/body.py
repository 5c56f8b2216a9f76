"""A request's body, read and decompressed within a limit that is counted before any work is done on it."""

import asyncio

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from ..errors import invalid
from .decoding import beside_above
from .decompression import ACCEPTED, UnknownCoding, codings, decompress, too_large

_LONG_COMPRESSED = 32 * 1024
"""Undoing a shorter one takes less than a tenth of a second, for any content."""


async def read_body(request: Request, limit: int, wait_s: float | None = None) -> bytes:
    """The whole body, decompressed; each part of it may be `wait_s` seconds in coming.

    Raises `TooLarge` where it is longer than the limit in bytes, sent or decompressed; `HTTPException` 415 for an
    encoding that is not read, 408 where the body does not come; `InvalidInput` where it does not decompress.
    """
    try:
        applied = codings(request.headers.getlist("content-encoding"))
    except UnknownCoding:
        accepted = {"Accept-Encoding": ACCEPTED}
        raise HTTPException(415, f"Content-Encoding must be one of {ACCEPTED}, or identity", accepted) from None
    try:
        raw = await _read(request, limit, wait_s)
    except TimeoutError:
        raise HTTPException(408, "The rest of the body did not come in time", {"Connection": "close"}) from None
    if not applied:
        return raw
    if not raw:
        return _nothing(request)
    return await beside_above(_LONG_COMPRESSED, request, decompress, raw, applied, limit)


def _nothing(request: Request) -> bytes:
    """No coding makes nothing of something: where there should be a body, it was lost. Raises `InvalidInput`."""
    if request.method in ("GET", "HEAD", "DELETE") or not is_announced(request):
        return b""
    raise invalid("is empty, which is not what its Content-Encoding says", code="content_encoding")


def is_announced(request: Request) -> bool:
    """Whether the head of the request says that a body follows, be it an empty one (RFC 9112, 6.3)."""
    return "content-length" in request.headers or "transfer-encoding" in request.headers


async def _read(request: Request, limit: int, wait_s: float | None) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > limit):
        raise too_large(limit)
    chunks, length = [], 0
    async with asyncio.timeout(wait_s) as patience:
        is_complete = False
        while not is_complete:
            message = await request.receive()
            if message["type"] != "http.request":
                raise ClientDisconnect
            chunk, is_complete = message.get("body", b""), not message.get("more_body", False)
            length += len(chunk)
            if length > limit:
                raise too_large(limit)
            chunks.append(chunk)
            if wait_s is not None and str(length) != announced:
                patience.reschedule(asyncio.get_running_loop().time() + wait_s)
    return b"".join(chunks)
