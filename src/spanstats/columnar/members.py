"""Labels and metadata as dictionary-encoded columns, one a key, and the limits above which a key has no column."""

from array import array
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from .chunk import Texts
from .encode import narrowed
from .format import EVERY_NAME, OBJECTS, member_column

FEW_VALUES = 16_383
"""The dictionary of any chunk may have this many different values of a name."""

SHARE_OF_VALUES = 4
"""Of more values, one in this many traces may have another one: else the dictionary is larger than what it spares."""

LONGEST = 256
"""Bytes of a value as JSON text, and characters of a key."""

MOST_NAMES = 64
"""That have columns in one chunk."""

_MOST_OMITTED = 200
_MOST_BYTES = 4 * 2**20

_NULL = b"null"
_members = msgspec.json.Decoder(list[dict[str, msgspec.Raw] | None])

Key = tuple[str, str]
"""The column of `traces`, and the key of the member."""


def are_many(values: int, n: int) -> bool:
    """Whether this many different values of a name are too many for a dictionary of `n` traces."""
    return values > max(FEW_VALUES, n // SHARE_OF_VALUES)


class Members:
    """Names whose values are too many or too long have no column: they are omitted. Where even these are too many or
    too long, every name is."""

    def __init__(self) -> None:
        self._columns: dict[Key, _Member] = {}
        self._omitted: set[str] = set()
        self._bytes = 0
        self._n = 0

    def add(self, *objects: Sequence[str | None]) -> None:
        """The next traces: the labels of each, and the metadata of each, as JSON text. An empty text is too large."""
        for column, documents in zip(OBJECTS, objects, strict=True):
            if "" in documents:
                self._omit_every_name()
            if EVERY_NAME not in self._omitted:
                whole = f"[{','.join([document or 'null' for document in documents])}]"
                self._add_each(column, _members.decode(whole))
        self._n += len(objects[0])

    def omitted(self) -> tuple[str, ...]:
        """Names that traces have and that are not among `columns`, or `EVERY_NAME`."""
        many = (member_column(*key) for key, member in self._columns.items() if are_many(len(member.numbers), self._n))
        return (EVERY_NAME,) if EVERY_NAME in self._omitted else tuple(sorted({*self._omitted, *many}))

    def columns(self) -> dict[str, Texts]:
        """The columns by name."""
        few = {
            member_column(*key): member
            for key, member in self._columns.items()
            if not are_many(len(member.numbers), self._n)
        }
        return {name: few[name].column(self._n) for name in sorted(few)}

    def _add_each(self, column: str, documents: Iterable[dict[str, msgspec.Raw] | None]) -> None:
        columns = self._columns
        for row, document in enumerate(documents, start=self._n):
            if document is None:
                continue
            for key, raw in document.items():
                value = bytes(raw)
                member = columns.get((column, key))
                number = None if member is None else member.numbers.get(value)
                if member is not None and number is not None:
                    member.rows.append(row)
                    member.codes.append(number)
                elif value != _NULL and self._omitted.isdisjoint((EVERY_NAME, member_column(column, key))):
                    self._add_new((column, key), value, row)

    def _add_new(self, key: Key, value: bytes, row: int) -> None:
        member = self._columns.setdefault(key, _Member())
        if len(key[1]) > LONGEST:
            self._omit_every_name()
        elif len(self._columns) <= MOST_NAMES and len(value) <= LONGEST and self._bytes + len(value) <= _MOST_BYTES:
            member.numbers[value] = len(member.numbers) + 1
            member.rows.append(row)
            member.codes.append(member.numbers[value])
            self._bytes += len(value)
        else:
            self._omit(key)

    def _omit(self, key: Key) -> None:
        self._bytes -= sum(map(len, self._columns.pop(key).numbers))
        self._omitted.add(member_column(*key))
        if len(self._omitted) > _MOST_OMITTED:
            self._omit_every_name()

    def _omit_every_name(self) -> None:
        self._columns.clear()
        self._omitted = {EVERY_NAME}


class _Member:
    """The values of one name, numbered from 1 as they first come; in which rows there is one, and its number."""

    def __init__(self) -> None:
        self.numbers: dict[bytes, int] = {}
        self.rows = array("i")
        self.codes = array("i")

    def column(self, n: int) -> Texts:
        codes = np.zeros(n, np.uint32)
        codes[np.array(self.rows)] = np.array(self.codes)
        return Texts(narrowed(codes, len(self.numbers)), list(self.numbers))
