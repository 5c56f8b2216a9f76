"""Dictionary encoding of what clients name: the trace's own name, its labels and its metadata.

Of each name the different values are numbered, and the numbers of the traces are sliced like any number. A filter then
looks once at each different value, not at each trace (`filters/value_masks.py`).
"""

import asyncio
from array import array
from collections.abc import AsyncGenerator, Iterable
from sys import byteorder
from typing import Any

import msgspec

from ..store.session import Driver
from .bits import slices_of
from .pieces import Stretch

MOST_VALUES = 4_095
"""Different values of a name in one chunk: with more, to look at all would take as long as to read the traces."""

LONGEST = 256
"""Bytes of a value as JSON text, and characters of a key."""

MOST_NAMES = 64
"""That have dictionaries in one chunk."""

ANY_NAME = ""
"""Stands for all names, where nothing is listed."""

_MOST_UNLISTED = 200
_MOST_BYTES = 4 * 2**20

# So many traces are held at a time, with labels and metadata of at most so many bytes each.
_AT_ONCE = 256
_MOST_BYTES_OF_TRACE = 8_192

TOO_LARGE = ""
"""Stands for labels or metadata that are not looked into."""


def _as_text(column: str) -> str:
    """What is stored as more, is not even unpacked."""
    is_large = f"pg_column_size({column}) > {_MOST_BYTES_OF_TRACE}"
    return f"CASE WHEN {is_large} THEN '' WHEN jsonb_typeof({column}) = 'object' THEN {column}::text END AS {column}"


def _if_short(column: str) -> str:
    return f"CASE WHEN octet_length({column}) > {_MOST_BYTES_OF_TRACE} THEN '' ELSE {column} END"


# $1 the experiment, $2 and $3 the stretch. Nothing is unpacked before it is sorted.
_READ = f"""
SELECT name, {_if_short("labels")}, {_if_short("metadata")} FROM (
    SELECT to_jsonb(name)::text AS name, {_as_text("labels")}, {_as_text("metadata")} FROM (
        SELECT name, labels, metadata FROM traces
        WHERE experiment_key = $1 AND start_time >= $2 AND start_time < $3 ORDER BY start_time, trace_id OFFSET 0
    ) in_order OFFSET 0
) texts
"""

_PREFIXES = "labels.", "metadata."
_NULL = b"null"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Dictionaries:
    """Those of one chunk, trace by trace. Names whose values are too many or too long have none: they are `unlisted`.
    Where even these are too many or too long, nothing is listed."""

    def __init__(self) -> None:
        self._columns: dict[tuple[str, str], _Column] = {}
        self._unlisted: set[str] = set()
        self._bytes = 0
        self._place = 0

    def add(self, traces: Iterable[tuple[str | None, str | None, str | None]]) -> None:
        """The next traces: each one's name, labels and metadata as JSON text."""
        for name, *documents in traces:
            if name is not None:
                self._put("", "name", name.encode())
            for prefix, document in zip(_PREFIXES, documents, strict=True):
                if document == TOO_LARGE:
                    self._list_nothing()
                elif document is not None and ANY_NAME not in self._unlisted:
                    for key, value in _members.decode(document).items():
                        self._put(prefix, key, bytes(value))
            self._place += 1

    @property
    def unlisted(self) -> list[str]:
        """Names that traces have and that are not among `rows`, or `ANY_NAME`."""
        return sorted(self._unlisted)

    def rows(self) -> list[dict[str, Any]]:
        """`name`, its `n` `listed` values as JSON text, and the `bits` of the numbers."""
        named = {prefix + key: column for (prefix, key), column in self._columns.items()}
        return [{"name": name, **named[name].row(self._place)} for name in sorted(named)]

    def _put(self, prefix: str, key: str, value: bytes) -> None:
        """A member that is null is none."""
        column = self._columns.get((prefix, key))
        number = None if column is None else column.numbers.get(value)
        if column is not None and number is not None:
            column.places.append(self._place)
            column.found.append(number)
        elif value != _NULL and self._unlisted.isdisjoint((ANY_NAME, prefix + key)):
            self._put_new(prefix, key, value)

    def _put_new(self, prefix: str, key: str, value: bytes) -> None:
        column = self._columns.setdefault((prefix, key), _Column())
        are_few = len(column.numbers) < MOST_VALUES and len(self._columns) <= MOST_NAMES
        if len(key) > LONGEST:
            self._list_nothing()
        elif are_few and len(value) <= LONGEST and self._bytes + len(value) <= _MOST_BYTES:
            column.numbers[value] = len(column.numbers) + 1
            column.places.append(self._place)
            column.found.append(column.numbers[value])
            self._bytes += len(value)
        else:
            self._leave_out(prefix, key)

    def _leave_out(self, prefix: str, key: str) -> None:
        self._bytes -= sum(map(len, self._columns.pop((prefix, key)).numbers))
        self._unlisted.add(prefix + key)
        if len(self._unlisted) > _MOST_UNLISTED:
            self._list_nothing()

    def _list_nothing(self) -> None:
        self._columns.clear()
        self._unlisted = {ANY_NAME}


async def dictionaries_of(
    driver: Driver, experiment_key: int, stretch: Stretch, most: int
) -> AsyncGenerator[Dictionaries, None]:
    """Those of one chunk of `most` traces after the other, without end."""
    cursor = await driver.cursor(_READ, experiment_key, *stretch)
    while True:
        made, left = Dictionaries(), most
        while left and (part := await cursor.fetch(min(left, _AT_ONCE))):
            # With many names it takes some milliseconds, in which others want to go on.
            await asyncio.to_thread(made.add, part)
            left -= len(part)
        yield made


class _Column:
    """The values of one name, numbered from 1 as they first come; at which places there is one, and its number."""

    def __init__(self) -> None:
        self.numbers: dict[bytes, int] = {}
        self.places = array("i")
        self.found = array("q")

    def row(self, n: int) -> dict[str, Any]:
        of_traces = array("q", bytes(8 * n))
        for place, number in zip(self.places, self.found, strict=True):
            of_traces[place] = number
        if byteorder == "little":
            of_traces.byteswap()
        return {
            "n": len(self.numbers),
            "listed": [value.decode() for value in self.numbers],
            "bits": slices_of(of_traces.tobytes()),
        }
