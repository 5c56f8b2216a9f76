"""How much memory questions reserve for their columns while they are answered, and when they release it."""

import weakref
from collections.abc import Iterable

from ..errors import Unavailable
from .selection import ChunkView
from .sizes import size_of, size_of_array

DEFAULT_BYTES = 256 * 2**20


class Memory:
    """A bounded number of bytes of columns at once, for all questions of a process together."""

    def __init__(self, most: int = DEFAULT_BYTES) -> None:
        self._most = most
        self.reserved = 0

    def begin(self) -> "Reservation":
        """The reservation of one more question, without any bytes yet."""
        return Reservation(self)

    def reserve(self, size: int, reserved_before: int) -> None:
        """Reserve these bytes. Raises `Unavailable` if there is no room."""
        if reserved_before + size > self._most:
            raise Unavailable(
                "this question needs more memory than this service gives to one: narrow the window, filter, or name "
                "fewer measures"
            )
        if self.reserved + size > self._most:
            raise Unavailable("other questions hold the memory that this one needs")
        self.reserved += size

    def release(self, size: int) -> None:
        """Release the bytes, which are not used any more."""
        self.reserved -= size


class Reservation:
    """The memory of one question. It is released once no selection refers to this any more."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._sizes: list[int] = []
        weakref.finalize(self, _release, memory, self._sizes)

    def add(self, views: Iterable[ChunkView]) -> None:
        """Reserve more bytes. Raises `Unavailable` if there is no room for them."""
        size = sum(map(_size_of_view, views))
        self._memory.reserve(size, sum(self._sizes))
        self._sizes.append(size)


def _release(memory: Memory, sizes: list[int]) -> None:
    memory.release(sum(sizes))


def _size_of_view(view: ChunkView) -> int:
    columns = sum(map(size_of, view.chunk.columns.values()))
    return columns + size_of_array(view.rows) + size_of_array(view.row_numbers)
