"""Content codings of a request's body, undone fragment by fragment, so that a small body cannot grow beyond the limit.

Sources: RFC 9110, 8.4 (several codings are in the order in which they were applied), RFC 8878 and 9659 (zstd).
"""

import io
import zlib
from collections.abc import Callable, Iterator, Sequence

import zstandard

from ..errors import TooLarge, invalid

_FRAGMENT = 256 * 1024
_GZIP, _ZLIB, _BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
# gzip and zstd files may be joined; more of them than this only serve to keep us busy.
_MAX_MEMBERS = 100
# What every zstd decoder of HTTP takes. A longer window serves content that is as long.
_LEAST_MAX_WINDOW = 8 * 1024 * 1024
_BLOCK_HEADER, _CHECKSUM, _RLE = 3, 4, 1
# Frames that decoders pass over, of any of sixteen kinds: some compressors put sizes or an index there.
_SKIPPED, _SKIPPED_HEADER = b"\x2a\x4d\x18", 8

_NONE = frozenset({"", "identity", "none"})
ACCEPTED = "gzip, deflate, zstd"
MAX_CODINGS = 2


class UnknownCoding(Exception):
    """A content coding that is not read here, or more of them than anybody needs."""


def codings(values: Sequence[str]) -> list[str]:
    """The codings that headers `Content-Encoding` name, in the order in which they were applied.

    Raises `UnknownCoding`.
    """
    names = [name.strip().lower() for value in values for name in value.split(",")]
    applied = [name for name in names if name not in _NONE]
    if len(applied) > MAX_CODINGS or not all(name in _READERS for name in applied):
        raise UnknownCoding
    return applied


def decompress(content: bytes, applied: Sequence[str], limit: int) -> bytes:
    """The content under these codings. Raises `TooLarge` where it, or a step to it, is too long; `InvalidInput`."""
    for coding in reversed(applied):
        content = _within(_READERS[coding](content, limit), limit)
    return content


def too_large(limit: int) -> TooLarge:
    """The refusal of a body of more than `limit` bytes, as sent or decompressed."""
    return TooLarge(f"The body must have at most {limit} bytes, also after decompression")


def _within(read: Iterator[bytes], limit: int) -> bytes:
    fragments, length = [], 0
    try:
        for fragment in read:
            length += len(fragment)
            if length > limit:
                raise too_large(limit)
            fragments.append(fragment)
    except (zlib.error, zstandard.ZstdError):
        raise invalid("is not what its Content-Encoding says", code="content_encoding") from None
    return b"".join(fragments)


def _gzip(body: bytes, _limit: int) -> Iterator[bytes]:
    return _inflate(body, _GZIP)


def _deflate(body: bytes, _limit: int) -> Iterator[bytes]:
    """Some clients send deflate bare, without the header that HTTP means by it."""
    has_header = len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return _inflate(body, _ZLIB if has_header else _BARE)


def _inflate(body: bytes, window_bits: int) -> Iterator[bytes]:
    for _ in range(_MAX_MEMBERS):
        member = zlib.decompressobj(window_bits)
        while not member.eof:
            fragment = member.decompress(body, _FRAGMENT)
            if not fragment and not member.eof:
                raise zlib.error("truncated")
            body = member.unconsumed_tail
            yield fragment
        body = member.unused_data
        if not body:
            return
        if window_bits != _GZIP:
            break
    raise zlib.error("trailing data")


def _zstd(body: bytes, limit: int) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=max(_LEAST_MAX_WINDOW, limit))
    rest = memoryview(body)
    for _ in range(_MAX_MEMBERS):
        skipped = _skipped_length(rest)
        length = skipped or _frame_length(rest)
        reader = decompressor.stream_reader(io.BytesIO(rest[skipped:length]))
        while fragment := reader.read(_FRAGMENT):
            yield fragment
        rest = rest[length:]
        if not rest:
            return
    raise zstandard.ZstdError("trailing data")


def _skipped_length(frames: memoryview) -> int:
    """Bytes of the frame that begins here where decoders pass over it, else 0.

    https://www.rfc-editor.org/rfc/rfc8878#section-3.1.2
    """
    if frames[1:4] != _SKIPPED or frames[0] >> 4 != 5:
        return 0
    end = _SKIPPED_HEADER + int.from_bytes(frames[4:_SKIPPED_HEADER], "little")
    if end > len(frames):
        raise zstandard.ZstdError("truncated")
    return end


def _frame_length(frames: memoryview) -> int:
    """Bytes of the frame that begins here; the reader takes one that is cut for one that has ended.

    https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1
    """
    end, last = zstandard.frame_header_size(frames), False
    while not last:
        header = int.from_bytes(frames[end : end + _BLOCK_HEADER], "little")
        last, block_type, size = bool(header & 1), header >> 1 & 3, header >> 3
        end += _BLOCK_HEADER + (1 if block_type == _RLE else size)
        if end > len(frames):
            raise zstandard.ZstdError("truncated")
    end += _CHECKSUM if zstandard.get_frame_parameters(frames).has_checksum else 0
    if end > len(frames):
        raise zstandard.ZstdError("truncated")
    return end


_READERS: dict[str, Callable[[bytes, int], Iterator[bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}
