"""Columns of numbers and texts turned into bit strings, a character for each trace."""

from collections.abc import Hashable, Sequence

MOST_VALUES = 255
"""Of which `ones_of_values` makes bit strings: a value's place fits a byte."""

_BYTES = 8


def slices_of(numbers: bytes) -> list[str]:
    """Of numbers of eight bytes in network order: the lowest bits of all, the next ones, up to the highest in use."""
    planes = (numbers[_BYTES - 1 - byte :: _BYTES] for byte in range(_BYTES))
    every = [plane.translate(ones).decode() for plane in planes for ones in _ONE_WHERE_BIT]
    highest = max((place for place, bits in enumerate(every) if "1" in bits), default=-1)
    return every[: highest + 1]


def ones_of_values(column: Sequence[Hashable], values: Sequence[Hashable]) -> list[str]:
    """For each of at most `MOST_VALUES` values, who has it; what is not among them is nobody's."""
    place = {value: place for place, value in enumerate(values, start=1)}
    places = bytes(place.get(value, 0) for value in column)
    return [places.translate(_ONE_WHERE[number]).decode() for number in range(1, len(values) + 1)]


def _table(ones: Sequence[bool]) -> bytes:
    return bytes(ord("1") if one else ord("0") for one in ones)


_ONE_WHERE_BIT = [_table([bool(byte >> bit & 1) for byte in range(256)]) for bit in range(8)]
_ONE_WHERE = [_table([byte == value for byte in range(256)]) for value in range(MOST_VALUES + 1)]
