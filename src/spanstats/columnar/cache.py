"""Decoded columns that a process keeps: immutable, of chunks that are stored, of a bounded size.

What a chunk holds never changes under its id, so nothing here is ever out of date; what is used least goes first.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from .format import Column, Info
from .stored import size_of

DEFAULT_BYTES = 192 * 2**20

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """Values by key; the least used ones go where all are more than `most` together. Not for several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.size = 0

    def get(self, key: K) -> V | None:
        """The value, now the one used last."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep the value, which has this size in bytes."""
        if key in self._kept:
            self.size -= self._kept.pop(key)[1]
        self._kept[key] = value, size
        self.size += size
        while self.size > self._most:
            _, (_, size_gone) = self._kept.popitem(last=False)
            self.size -= size_gone


class ColumnCache:
    """Columns of stored chunks by id and name; `Info` stands under its own name. Absent columns are kept as absent."""

    def __init__(self, most_bytes: int = DEFAULT_BYTES) -> None:
        self._columns: Bounded[tuple[int, str], Column | Info] = Bounded(most_bytes)
        self.hits = self.misses = 0

    @property
    def size(self) -> int:
        """Bytes, about."""
        return self._columns.size

    def get(self, chunk_id: int, name: str) -> Column | Info | None:
        """The column, `None` where it is not kept."""
        found = self._columns.get((chunk_id, name))
        self.hits, self.misses = self.hits + (found is not None), self.misses + (found is None)
        return found

    def put(self, chunk_id: int, columns: Iterable[tuple[str, Column | Info]]) -> None:
        """Keep these."""
        for name, column in columns:
            self._columns.put((chunk_id, name), column, size_of(column))
