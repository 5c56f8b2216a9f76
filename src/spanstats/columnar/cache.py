"""The cache of decoded columns of stored chunks, which a process keeps in memory up to a limit. Columns are immutable.

A chunk never changes under its id, and no other chunk ever gets this id, on any server (`refresh.py`). So no entry is
ever out of date. The least recently used column is dropped first. But no column is dropped for another column of the
same question: a question with more columns than the cache can hold would then find none of them when it comes again.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .chunk import Column, Info
from .sizes import size_of

DEFAULT_BYTES = 192 * 2**20

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Kept(Generic[V]):
    """`question` is the number of the last question that used it."""

    value: V
    size: int
    question: int


class Bounded(Generic[K, V]):
    """Values by key, at most `most` bytes: the least used of earlier questions go first. Not for several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[K, _Kept[V]] = OrderedDict()
        self._question = 0
        self.size = 0

    def begin(self) -> None:
        """Begin a question: a value that it uses is not dropped for a value that it puts."""
        self._question += 1

    def get(self, key: K) -> V | None:
        """The value, now the one used last."""
        entry = self._kept.get(key)
        if entry is None:
            return None
        self._kept.move_to_end(key)
        entry.question = self._question
        return entry.value

    def put(self, key: K, value: V, size: int) -> None:
        """Keep the value, which has this size in bytes, if there is room."""
        if key in self._kept:
            self.size -= self._kept.pop(key).size
        if size > self._most:
            return
        while self.size + size > self._most:
            least = next(iter(self._kept))
            if self._question and self._kept[least].question == self._question:
                return
            self.size -= self._kept.pop(least).size
        self._kept[key] = _Kept(value, size, self._question)
        self.size += size


class ColumnCache:
    """Columns of stored chunks by id and name; `Info` has a name of its own. Absent columns are kept as absent."""

    def __init__(self, most_bytes: int = DEFAULT_BYTES) -> None:
        self._columns: Bounded[tuple[int, str], Column | Info] = Bounded(most_bytes)
        self.hits = self.misses = 0

    @property
    def size(self) -> int:
        """The size of the cache in bytes, estimated."""
        return self._columns.size

    def begin(self) -> None:
        """Begin a question."""
        self._columns.begin()

    def get(self, chunk_id: int, name: str) -> Column | Info | None:
        """The column, `None` where it is not kept."""
        column = self._columns.get((chunk_id, name))
        self.hits, self.misses = self.hits + (column is not None), self.misses + (column is None)
        return column

    def put(self, chunk_id: int, columns: Iterable[tuple[str, Column | Info]]) -> None:
        """Keep these columns."""
        for name, column in columns:
            self._columns.put((chunk_id, name), column, size_of(column))
