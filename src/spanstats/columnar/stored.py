"""Encode and decode the columns of a chunk as the bytes of the database."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from .chunk import Array, Chunk, Column, Digests, Info, Mask, Numbers, Scores, SpanSums, Texts
from .encoded_texts import EncodedTexts, encoded_texts
from .format import INFO

Data = Mapping[str, bytes]
"""Bytes by the name of the column, and those of the `Info` under `INFO`."""


class _Codes(msgspec.Struct, array_like=True):
    """`width` bytes for each of `n` codes, low byte first; none where all are 0."""

    n: int
    width: int
    data: bytes


class _Numbers(msgspec.Struct, array_like=True, tag="numbers"):
    low: int
    step: int
    codes: _Codes
    valid: bytes | None = None


class _Texts(msgspec.Struct, array_like=True, tag="texts"):
    codes: _Codes
    values: msgspec.Raw


class _Scores(msgspec.Struct, array_like=True, tag="scores"):
    values: _Numbers
    kinds: _Numbers
    rows: _Codes | None = None


class _Digests(msgspec.Struct, array_like=True, tag="digests"):
    codes: _Codes | None
    data: bytes


class _SpanSums(msgspec.Struct, array_like=True, tag="span_sums"):
    """Numbers as text: those of many spans may not fit 64 bits."""

    rows: list[tuple[str | None, str]]


class _Info(msgspec.Struct, array_like=True, tag="info"):
    n: int
    names: tuple[str, ...]
    omitted: tuple[str, ...] = ()


_DIGEST_HALF = ">u8"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Numbers | _Texts | _Scores | _Digests | _SpanSums | _Info).decode


def packed(chunk: Chunk) -> dict[str, bytes]:
    """The bytes of all columns of the chunk."""
    info = chunk.info
    columns = {name: _encode(_packed(column)) for name, column in chunk.columns.items()}
    return {INFO: _encode(_Info(info.n, info.names, info.omitted)), **columns}


def unpacked(data: bytes) -> Column | Info:
    """The column, or the `Info`, that these bytes encode."""
    match _decode(data):
        case _Info(n, names, omitted):
            return Info(n, names, omitted)
        case _Texts(codes, values):
            return Texts(_array(codes), EncodedTexts(bytes(values)))
        case _Scores(values, kinds, rows):
            return Scores(_numbers(values), _numbers(kinds), None if rows is None else _array(rows))
        case _SpanSums(rows):
            return SpanSums(tuple((value, tuple(map(int, numbers.split()))) for value, numbers in rows))
        case _Digests(codes, data):
            halves = np.frombuffer(data, _DIGEST_HALF).astype(np.uint64).reshape(-1, 2)
            return Digests(None if codes is None else _array(codes), halves)
        case numbers:
            return _numbers(numbers)


def _packed(column: Column) -> Any:
    if isinstance(column, Numbers):
        valid = None if column.valid is None else np.packbits(column.valid).tobytes()
        return _Numbers(column.low, column.step, _codes(column.codes), valid)
    if isinstance(column, Texts):
        return _Texts(_codes(column.codes), encoded_texts(column.values))
    if isinstance(column, SpanSums):
        return _SpanSums([(value, " ".join(map(str, numbers))) for value, numbers in column.rows])
    if isinstance(column, Digests):
        halves = column.values.astype(_DIGEST_HALF).tobytes()
        return _Digests(None if column.codes is None else _codes(column.codes), halves)
    rows = None if column.rows is None else _codes(column.rows)
    return _Scores(_packed(column.values), _packed(column.kinds), rows)


def _codes(codes: Array) -> _Codes:
    if codes.strides == (0,):
        return _Codes(len(codes), 0, b"")
    return _Codes(len(codes), codes.dtype.itemsize, codes.astype(codes.dtype.newbyteorder("<")).tobytes())


def _array(codes: _Codes) -> Array:
    if not codes.width:
        return np.broadcast_to(np.uint8(0), codes.n)
    return np.frombuffer(codes.data, f"<u{codes.width}")


def _numbers(numbers: _Numbers) -> Numbers:
    codes = _array(numbers.codes)
    return Numbers(numbers.low, numbers.step, codes, _bits(numbers.valid, len(codes)))


def _bits(valid: bytes | None, n: int) -> Mask | None:
    if valid is None:
        return None
    return np.unpackbits(np.frombuffer(valid, np.uint8), count=n).view(np.bool_)
