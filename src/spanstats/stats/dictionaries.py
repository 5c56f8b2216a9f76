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

MOST_VALUES = 4_095
"""Different values of a name in one chunk: with more, to look at all would take as long as to read the traces."""

LONGEST = 256
"""Bytes of a value as JSON text, and characters of a key."""

MOST_NAMES = 64
"""That have dictionaries in one chunk."""

_MOST_UNLISTED = 1_000
_MOST_BYTES = 4 * 2**20

TOO_LARGE = ""
"""Stands for labels or metadata that are not looked into."""

# So many traces are held at a time, with labels and metadata of at most so many bytes, as they are stored.
_AT_ONCE = 256
_MOST_BYTES_OF_TRACE = 8_192


def _as_text(column: str) -> str:
    is_large = f"pg_column_size({column}) > {_MOST_BYTES_OF_TRACE}"
    return f"CASE WHEN {is_large} THEN '{TOO_LARGE}' WHEN jsonb_typeof({column}) = 'object' THEN {column}::text END"


# $1 the experiment, $2 and $3 the stretch, $4 how many traces a chunk has. Aggregates take the rows as they come.
_READ = f"""
SELECT chunk, array_agg(name) AS names, array_agg(labels) AS labels, array_agg(metadata) AS metadata FROM (
    SELECT number / $4::int AS chunk, number % $4::int / {_AT_ONCE} AS part, to_jsonb(name)::text AS name,
        {_as_text("labels")} AS labels, {_as_text("metadata")} AS metadata
    FROM (
        SELECT name, labels, metadata, (row_number() OVER (ORDER BY start_time, trace_id) - 1)::int AS number
        FROM traces WHERE experiment_key = $1 AND start_time >= $2 AND start_time < $3
    ) numbered ORDER BY chunk, part, number
) in_order GROUP BY chunk, part ORDER BY chunk, part
"""

_PREFIXES = "labels.", "metadata."
_NULL = b"null"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Dictionaries:
    """Those of one chunk, trace by trace. Names whose values are too many or too long have none: they are `unlisted`,
    and where even these are too many that is `None`, and nothing is listed."""

    def __init__(self) -> None:
        self._columns: dict[tuple[str, str], _Column] = {}
        self._unlisted: set[str] = set()
        self._all_unlisted = False
        self._bytes = 0
        self._place = 0

    def add(self, names: Iterable[str | None], labels: Iterable[str | None], metadata: Iterable[str | None]) -> None:
        """The next traces: each one's name, labels and metadata as JSON text."""
        for name, *documents in zip(names, labels, metadata, strict=True):
            if name is not None:
                self._put("", "name", name.encode())
            for prefix, document in zip(_PREFIXES, documents, strict=True):
                if document == TOO_LARGE:
                    self._all_unlisted = True
                elif document is not None and not self._all_unlisted:
                    for key, value in _members.decode(document).items():
                        self._put(prefix, key, bytes(value))
            self._place += 1

    @property
    def unlisted(self) -> list[str] | None:
        """Names that traces have and that are not among `rows`; `None`: any may be."""
        return None if self._all_unlisted else sorted(self._unlisted)

    def rows(self) -> list[dict[str, Any]]:
        """`name`, its `listed` values as JSON text, and the `bits` of the numbers."""
        named = {prefix + key: column for (prefix, key), column in self._columns.items()}
        return [] if self._all_unlisted else [{"name": n, **named[n].row(self._place)} for n in sorted(named)]

    def _put(self, prefix: str, key: str, value: bytes) -> None:
        """A member that is null is none."""
        column = self._columns.get((prefix, key))
        number = None if column is None else column.numbers.get(value)
        if column is not None and number is not None:
            column.places.append(self._place)
            column.found.append(number)
        elif value != _NULL and prefix + key not in self._unlisted:
            self._put_new(prefix, key, value)

    def _put_new(self, prefix: str, key: str, value: bytes) -> None:
        column = self._columns.setdefault((prefix, key), _Column())
        is_short = len(key) <= LONGEST and len(value) <= LONGEST
        are_few = len(column.numbers) < MOST_VALUES and len(self._columns) <= MOST_NAMES
        if is_short and are_few and self._bytes + len(value) <= _MOST_BYTES:
            column.numbers[value] = len(column.numbers) + 1
            column.places.append(self._place)
            column.found.append(column.numbers[value])
            self._bytes += len(value)
        else:
            del self._columns[prefix, key]
            self._bytes -= sum(map(len, column.numbers))
            self._unlisted.add(prefix + key)
            self._all_unlisted |= len(self._unlisted) > _MOST_UNLISTED


async def dictionaries_of(
    driver: Driver, experiment_key: int, start_us: int, end_us: int, most: int
) -> AsyncGenerator[Dictionaries, None]:
    """Those of each chunk of `most` traces of a stretch of time."""
    chunk, made = 0, Dictionaries()
    async for part in driver.cursor(_READ, experiment_key, start_us, end_us, most, prefetch=1):
        if part["chunk"] != chunk:
            yield made
            chunk, made = part["chunk"], Dictionaries()
        # With many names it takes some milliseconds, in which others want to go on.
        await asyncio.to_thread(made.add, part["names"], part["labels"], part["metadata"])
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
        return {"listed": [value.decode() for value in self.numbers], "bits": slices_of(of_traces.tobytes())}
