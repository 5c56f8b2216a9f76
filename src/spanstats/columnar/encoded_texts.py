"""The texts of a dictionary in their stored form: as Python objects they would take about five times the memory."""

from collections.abc import Iterator, Sequence
from typing import overload

import msgspec


class EncodedTexts(Sequence[bytes]):
    """A MessagePack array of byte strings, decoded each time it is read as a whole or by index."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return len(self._data)

    def __len__(self) -> int:
        return _length(self._data)

    def __iter__(self) -> Iterator[bytes]:
        return iter(_decode(self._data))

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        return _decode(self._data)[index]


def encoded_texts(values: Sequence[bytes]) -> msgspec.Raw:
    """The MessagePack array of these."""
    return msgspec.Raw(_encode(list(values)))


_FIXED, _FIXED_END = 0x90, 0xA0
_OF_16_BITS = 0xDC


def _length(data: bytes) -> int:
    """Of an array, by its header (MessagePack specification, "array format family")."""
    if _FIXED <= data[0] < _FIXED_END:
        return data[0] - _FIXED
    return int.from_bytes(data[1:3] if data[0] == _OF_16_BITS else data[1:5], "big")


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode
