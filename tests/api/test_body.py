"""Reading and decompressing a request's body within its limit."""

import asyncio
import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
import zstandard
from fastapi import HTTPException, Request
from hypothesis import given
from hypothesis import strategies as st

from spanstats.api.body import read_body
from spanstats.errors import InvalidInput, TooLarge
from spanstats.threads import BoundedThread

pytestmark = pytest.mark.anyio

LIMIT = 100_000
TOOLS: Any = SimpleNamespace(decoding=None)


@pytest.fixture(autouse=True)
def decoding() -> Iterator[None]:
    """The thread in which long compressed bodies are read."""
    with closing(BoundedThread("decoding")) as TOOLS.decoding:
        yield


def sent(*chunks: bytes, encoding: str | None = None, length: int | None = None) -> Request:
    """A request whose body arrives in these chunks."""
    headers = [(b"content-encoding", encoding.encode())] if encoding is not None else []
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    messages = iter(
        [{"type": "http.request", "body": c, "more_body": True} for c in chunks]
        + [{"type": "http.request", "body": b"", "more_body": False}]
    )

    async def receive() -> dict:
        return next(messages)

    state = {"resources": TOOLS}
    return Request({"type": "http", "headers": headers, "method": "POST", "path": "/", "state": state}, receive)


def bare_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(content)


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "X-GZip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd,
    "ZStd": zstd,
    "identity": bytes,
    "none": bytes,
    "": bytes,
    "Identity, gzip": gzip.compress,
    "gzip,": gzip.compress,
    "deflate, gzip": lambda content: gzip.compress(zlib.compress(content)),
    "gzip, zstd": lambda content: zstd(gzip.compress(content)),
}


@pytest.mark.parametrize("encoding", ENCODERS)
async def test_content_comes_out_as_it_went_in(encoding: str) -> None:
    content = b'{"a": 1}' * 1000
    assert await read_body(sent(ENCODERS[encoding](content), encoding=encoding), LIMIT) == content


async def test_deflate_without_its_header_is_read() -> None:
    assert await read_body(sent(bare_deflate(b"abc" * 500), encoding="deflate"), LIMIT) == b"abc" * 500


async def test_encodings_in_several_headers_are_undone_from_the_last() -> None:
    request = sent(gzip.compress(zlib.compress(b"content")))
    request.scope["headers"] += [(b"content-encoding", b"deflate"), (b"content-encoding", b"gzip")]
    assert await read_body(request, LIMIT) == b"content"


async def test_zstd_without_content_size_or_in_several_frames_is_read() -> None:
    streamed = zstandard.ZstdCompressor().compressobj()
    frame = streamed.compress(b"one " * 300) + streamed.flush()
    assert await read_body(sent(frame + zstd(b"two"), encoding="zstd"), LIMIT) == b"one " * 300 + b"two"


@pytest.mark.parametrize("kind", [b"\x50", b"\x5f"])
async def test_zstd_frames_that_decoders_pass_over_are_passed_over(kind: bytes) -> None:
    skipped = kind + b"\x2a\x4d\x18" + b"\x05\0\0\0" + b"index"
    content = skipped + zstd(b"one ") + skipped + zstd(b"two") + skipped
    assert await read_body(sent(content, encoding="zstd"), LIMIT) == b"one two"
    for cut in (1, 6, len(skipped) - 3):
        with pytest.raises(InvalidInput):
            await read_body(sent(content[:-cut], encoding="zstd"), LIMIT)


@pytest.mark.parametrize("level", [1, 3, 19, 22])
async def test_zstd_of_any_level_is_read(level: int) -> None:
    content = b"".join(b"%d " % number for number in range(10_000))
    compressed = zstandard.ZstdCompressor(level=level).compress(content)
    assert await read_body(sent(compressed, encoding="zstd"), LIMIT) == content


async def test_a_zstd_window_over_all_limits_is_refused_without_its_memory() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    frame = compressor.compress(b"small") + compressor.flush()
    assert zstandard.get_frame_parameters(frame).window_size == 2**27
    with pytest.raises(InvalidInput):
        await read_body(sent(frame, encoding="zstd"), LIMIT)


async def test_a_bomb_inside_of_a_bomb_is_refused() -> None:
    with pytest.raises(TooLarge):
        await read_body(sent(zstd(gzip.compress(bytes(LIMIT * 1000))), encoding="gzip, zstd"), LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "gzip, zstd"])
async def test_an_announced_body_of_no_bytes_is_none_that_was_compressed(encoding: str) -> None:
    with pytest.raises(InvalidInput):
        await read_body(sent(encoding=encoding, length=0), LIMIT)


async def test_joined_gzip_members_are_one_body() -> None:
    joined = gzip.compress(b"one ") + gzip.compress(b"two")
    assert await read_body(sent(joined, encoding="gzip"), LIMIT) == b"one two"


async def test_endless_empty_members_are_refused() -> None:
    with pytest.raises(InvalidInput):
        await read_body(sent(gzip.compress(b"") * 1000, encoding="gzip"), LIMIT)


@pytest.mark.parametrize("encoding", [None, "gzip"])
async def test_no_body_is_an_empty_one(encoding: str | None) -> None:
    assert await read_body(sent(encoding=encoding), LIMIT) == b""


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
async def test_the_limit_is_the_last_size_that_is_taken(size: int) -> None:
    request = sent(b"x" * (size - 10), b"y" * 10)
    if size <= LIMIT:
        assert len(await read_body(request, LIMIT)) == size
    else:
        with pytest.raises(TooLarge):
            await read_body(request, LIMIT)


async def test_an_announced_length_over_the_limit_is_refused_unread() -> None:
    async def never() -> dict:
        raise AssertionError("the body was read")

    request = sent(length=LIMIT + 1)
    request._receive = never
    with pytest.raises(TooLarge):
        await read_body(request, LIMIT)


async def test_a_length_that_lies_does_not_raise_the_limit() -> None:
    with pytest.raises(TooLarge):
        await read_body(sent(b"x" * (LIMIT + 1), length=5), LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
async def test_a_bomb_is_refused_without_being_inflated(encoding: str) -> None:
    bomb = ENCODERS[encoding](b"\0" * 50_000_000)
    assert len(bomb) < LIMIT
    with pytest.raises(TooLarge):
        await read_body(sent(bomb, encoding=encoding), LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
async def test_truncated_content_is_refused(encoding: str) -> None:
    whole = ENCODERS[encoding](b'{"a": 1}' * 1000)
    for cut in (1, len(whole) // 2, len(whole) - 1):
        with pytest.raises(InvalidInput):
            await read_body(sent(whole[:cut], encoding=encoding), LIMIT)


async def test_content_that_is_not_compressed_is_refused() -> None:
    with pytest.raises(InvalidInput):
        await read_body(sent(b'{"a": 1}', encoding="gzip"), LIMIT)


@pytest.mark.parametrize("encoding", ["br", "gzip, br", "gzip, gzip, gzip", "gzip;q=1", "*", "compress"])
async def test_other_encodings_are_415(encoding: str) -> None:
    with pytest.raises(HTTPException) as caught:
        await read_body(sent(b"abc", encoding=encoding), LIMIT)
    assert caught.value.status_code == 415


@given(
    st.binary(max_size=500), st.integers(0, 600), st.binary(max_size=3), st.sampled_from(["gzip", "deflate", "zstd"])
)
def test_damaged_content_is_read_as_the_original_or_refused(
    content: bytes, place: int, damage: bytes, encoding: str
) -> None:
    compressed = ENCODERS[encoding](content)
    damaged = compressed[:place] + damage + compressed[place + len(damage) :]
    try:
        read_back = asyncio.run(read_body(sent(damaged, encoding=encoding), LIMIT))
    except InvalidInput:
        return
    # Both formats end in a checksum; an empty body is no damaged one, and bare deflate has no checksum.
    assert read_back == content or not damaged or place < 2
