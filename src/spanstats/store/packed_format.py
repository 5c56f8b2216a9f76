"""The format of packed payloads: the payloads of a trace's spans, compressed together, because spans repeat texts.

The bytes are a zstd frame of a MessagePack list. The frame names the dictionary that it was compressed with, which must
be kept for as long as rows may need it. The texts of the root are stored beside the bytes. What spans repeat of them is
left out first (`packed_repeats.py`).
"""

from collections.abc import Collection
from functools import cache
from importlib.resources import files

import msgspec
import zstandard

from .packed_repeats import Texts, left_out, marks, put_back

_DICTIONARY = 1
# 9 % fewer bytes than level 3, for 12 us more a span, once. Level 15 saves 2 % more for three times the time.
_LEVEL = 9
_MOST_BYTES = 2**28


class Payload(msgspec.Struct, array_like=True):
    """What is packed of a row of `span_payloads`; JSON documents as the text that the database has."""

    span_id: str
    input: str | None = None
    output: str | None = None
    target: str | None = None
    attributes: str | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Payload]).decode


def pack(payloads: Collection[Payload], of_root: Texts = ()) -> bytes:
    """These payloads, compressed; `of_root` are the JSON texts of their root. May be called by any thread."""
    strings = marks(of_root)
    shortened = [
        Payload(p.span_id, left_out(p.input, strings), left_out(p.output, strings), p.target, p.attributes)
        for p in payloads
    ]
    compressor = zstandard.ZstdCompressor(level=_LEVEL, dict_data=_dictionary(_DICTIONARY), write_checksum=False)
    return compressor.compress(_encode(shortened))


def unpack(packed: bytes, of_root: Texts = ()) -> list[Payload]:
    """The payloads that were packed with these texts of their root. Not for several threads at once."""
    number = zstandard.get_frame_parameters(packed).dict_id
    payloads = _decode(_decompressor(number).decompress(packed, max_output_size=_MOST_BYTES))
    if strings := marks(of_root):
        for payload in payloads:
            payload.input = put_back(payload.input, strings)
            payload.output = put_back(payload.output, strings)
    return payloads


@cache
def _decompressor(dictionary: int) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(dict_data=_dictionary(dictionary))


@cache
def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    dictionary = zstandard.ZstdCompressionDict(files(__package__).joinpath(f"payloads-{number}.zdict").read_bytes())
    dictionary.precompute_compress(level=_LEVEL)
    return dictionary
