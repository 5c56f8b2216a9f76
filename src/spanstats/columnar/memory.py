"""How much memory the questions that are being answered hold, and its end."""

import weakref
from collections.abc import Iterable

from ..errors import Unavailable
from .format import Array, Chunk, Column, Digests, Numbers, Scores, SpanSums, Texts
from .selection import Part

DEFAULT_BYTES = 256 * 2**20

_BYTES_OF_TEXT = 48
"""Of a short text of a dictionary, about."""


class Memory:
    """A bounded number of bytes of columns at once, for all questions of a process together."""

    def __init__(self, most: int = DEFAULT_BYTES) -> None:
        self._most = most
        self.held = 0

    def begin(self) -> "Held":
        """What one more question will hold."""
        return Held(self)

    def take(self, size: int, held_before: int) -> None:
        """Raises `Unavailable` where there is no room."""
        if held_before + size > self._most:
            raise Unavailable(
                "this question needs more memory than this service gives to one: narrow the window, filter, or name "
                "fewer measures"
            )
        if self.held + size > self._most:
            raise Unavailable("other questions hold the memory that this one needs")
        self.held += size

    def give_back(self, size: int) -> None:
        """No one has it any more."""
        self.held -= size


class Held:
    """What one question holds. It is given back once no selection refers to this any more."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._sizes: list[int] = []
        weakref.finalize(self, _give_back, memory, self._sizes)

    def add(self, parts: Iterable[Part]) -> None:
        """Raises `Unavailable` where there is no room for these."""
        size = sum(map(_size_of_part, parts))
        self._memory.take(size, sum(self._sizes))
        self._sizes.append(size)


def _give_back(memory: Memory, sizes: list[int]) -> None:
    memory.give_back(sum(sizes))


def _size_of_part(part: Part) -> int:
    return _of_chunk(part.chunk) + _size(part.rows) + _size(part.row_numbers)


def _of_chunk(chunk: Chunk) -> int:
    return sum(map(_of_column, chunk.columns.values()))


def _of_column(column: Column) -> int:
    """About how many bytes its arrays and its dictionary take."""
    match column:
        case Numbers(_, _, codes, valid):
            return _size(codes) + _size(valid)
        case Texts(codes, different):
            return _size(codes) + _BYTES_OF_TEXT * len(different)
        case Scores(values, kinds, rows):
            return _of_column(values) + _of_column(kinds) + _size(rows)
        case SpanSums():
            return 0
        case Digests(codes, digests):
            return _size(codes) + digests.nbytes


def _size(array: Array | None) -> int:
    return 0 if array is None or array.strides == (0,) else array.nbytes
