"""Which answers are compressed: those long enough, for whoever takes gzip."""

import zlib

import pytest
from starlette.types import Message, Receive, Scope, Send

from spanstats.api.compression import MINIMUM_BYTES, Compression

pytestmark = pytest.mark.anyio


async def answered(parts: list[bytes], accepted: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """The headers and the body as they are sent, of an answer in these parts."""
    messages: list[Message] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        head = [(b"content-type", b"application/json")]
        head += [(b"content-length", str(len(parts[0])).encode())] if len(parts) == 1 else []
        await send({"type": "http.response.start", "status": 200, "headers": head})
        for place, part in enumerate(parts, 1):
            await send({"type": "http.response.body", "body": part, "more_body": place < len(parts)})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        messages.append(message)

    await Compression(app)({"type": "http", "headers": [(b"accept-encoding", accepted)]}, receive, send)
    assert [m["type"] for m in messages] == ["http.response.start", *["http.response.body"] * len(parts)]
    return dict(messages[0]["headers"]), b"".join(m["body"] for m in messages[1:])


@pytest.mark.parametrize("accepted", [b"gzip, deflate", b"identity"])
async def test_a_small_answer_goes_as_it_is(accepted: bytes) -> None:
    small = b"x" * (MINIMUM_BYTES - 1)
    headers, body = await answered([small], accepted)
    assert body == small
    assert headers == {b"content-type": b"application/json", b"content-length": str(len(small)).encode()}


@pytest.mark.parametrize("parts", [[b"x" * MINIMUM_BYTES], [b"[", b"x" * 5000, b"", b"]"]])
async def test_a_large_or_streamed_answer_is_compressed_for_who_takes_gzip(parts: list[bytes]) -> None:
    headers, body = await answered(parts, b"gzip")
    assert zlib.decompress(body, 16 + zlib.MAX_WBITS) == b"".join(parts)
    assert headers[b"content-encoding"] == b"gzip"
    assert headers[b"vary"].lower() == b"accept-encoding"
    assert headers.get(b"content-length", str(len(body)).encode()) == str(len(body)).encode()


async def test_a_large_answer_goes_as_it_is_where_gzip_is_not_taken() -> None:
    headers, body = await answered([b"x" * 5000], b"br")
    assert body == b"x" * 5000
    assert b"content-encoding" not in headers
    assert headers[b"vary"].lower() == b"accept-encoding"
