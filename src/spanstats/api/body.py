"""A request's body, read and decompressed within a limit that is counted before any work is done on it."""

import asyncio
import zlib
from collections.abc import Iterator

from fastapi import HTTPException, Request

from ..errors import TooLarge, invalid

_PIECE = 256 * 1024
_GZIP, _ZLIB, _BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
# gzip files may be joined; more members than this only serve to keep us busy.
_MAX_MEMBERS = 100

_UNCOMPRESSED = frozenset({"", "identity"})
_KNOWN = _UNCOMPRESSED | {"gzip", "x-gzip", "deflate"}


async def read_body(request: Request, limit: int, wait_s: float | None = None) -> bytes:
    """The whole body, decompressed; each part of it may be `wait_s` seconds in coming.

    Raises `TooLarge` where it is longer than the limit in bytes, sent or decompressed; `HTTPException` 415 for an
    encoding other than gzip and deflate, 408 where the body does not come; `InvalidInput` where it does not decompress.
    """
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in _KNOWN:
        raise HTTPException(415, "Content-Encoding must be gzip or deflate", {"Accept-Encoding": "gzip, deflate"})
    try:
        sent = await _read(request, limit, wait_s)
    except TimeoutError:
        raise HTTPException(408, "The rest of the body did not come in time", {"Connection": "close"}) from None
    if encoding in _UNCOMPRESSED or not sent:
        return sent
    return _decompress(sent, _GZIP if encoding.endswith("gzip") else _ZLIB if _has_zlib_header(sent) else _BARE, limit)


def is_announced(request: Request) -> bool:
    """Whether the head of the request says that a body follows, be it an empty one (RFC 9112, 6.3)."""
    return "content-length" in request.headers or "transfer-encoding" in request.headers


async def _read(request: Request, limit: int, wait_s: float | None) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > limit):
        raise _too_large(limit)
    chunks, length = [], 0
    async with asyncio.timeout(wait_s) as patience:
        async for chunk in request.stream():
            length += len(chunk)
            if length > limit:
                raise _too_large(limit)
            chunks.append(chunk)
            if wait_s is not None and str(length) != announced:
                patience.reschedule(asyncio.get_running_loop().time() + wait_s)
    return b"".join(chunks)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body must have at most {limit} bytes, also after decompression")


def _decompress(sent: bytes, window_bits: int, limit: int) -> bytes:
    pieces, length = [], 0
    try:
        for piece in _inflate(sent, window_bits):
            length += len(piece)
            if length > limit:
                raise _too_large(limit)
            pieces.append(piece)
    except zlib.error:
        raise invalid("is not what its Content-Encoding says", kind="content_encoding") from None
    return b"".join(pieces)


def _inflate(sent: bytes, window_bits: int) -> Iterator[bytes]:
    """The content in pieces of limited size, however well it was compressed. Raises `zlib.error`."""
    for _ in range(_MAX_MEMBERS):
        member = zlib.decompressobj(window_bits)
        while not member.eof:
            piece = member.decompress(sent, _PIECE)
            if not piece and not member.eof:
                raise zlib.error("truncated")
            sent = member.unconsumed_tail
            yield piece
        sent = member.unused_data
        if not sent:
            return
        if window_bits != _GZIP:
            break
    raise zlib.error("trailing data")


def _has_zlib_header(sent: bytes) -> bool:
    """Some clients send deflate bare, without the header that HTTP means by it."""
    return len(sent) > 1 and sent[0] & 0x0F == 8 and int.from_bytes(sent[:2], "big") % 31 == 0
