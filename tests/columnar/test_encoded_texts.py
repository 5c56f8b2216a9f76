"""Texts that stay as they are stored until they are read."""

import sys

from hypothesis import example, given
from hypothesis import strategies as st

from spanstats.columnar.chunk import Chunk, Info, Texts
from spanstats.columnar.encode import texts_of
from spanstats.columnar.sizes import size_of
from spanstats.columnar.stored import packed, unpacked


def stored(values: list[bytes]) -> Texts:
    chunk = Chunk(Info(len(values), ()), {"name": texts_of(values)})
    column = unpacked(packed(chunk)["name"])
    assert isinstance(column, Texts)
    return column


def many(n: int) -> list[bytes]:
    return [b'"user %d"' % i for i in range(n)]


@given(st.lists(st.binary(), unique=True))
@example(many(15))
@example(many(16))
@example(many(65_535))
@example(many(65_536))
def test_they_are_what_was_stored(values: list[bytes]) -> None:
    column = stored(values)
    assert len(column.values) == len(values)
    assert list(column.values) == values
    assert [column.values[i] for i in range(min(3, len(values)))] == values[:3]
    assert (
        packed(Chunk(Info(len(values), ()), {"name": column}))["name"]
        == packed(Chunk(Info(len(values), ()), {"name": texts_of(values)}))["name"]
    )


def test_they_take_less_memory_than_objects() -> None:
    values = many(10_000)
    as_objects = sum(map(sys.getsizeof, values)) + 8 * len(values)
    assert 2 * len(values) * 8 < size_of(stored(values)) < as_objects // 2
    assert size_of(texts_of(values)) > 0.9 * as_objects
