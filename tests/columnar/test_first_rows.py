"""The first traces in the order of a number, against a plain sort."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spanstats.columnar.chunk import Chunk, Info
from spanstats.columnar.encode import numbers_of
from spanstats.columnar.first_rows import Position, starts_of_first
from spanstats.columnar.format import START_MICROSECOND, START_MINUTE
from spanstats.columnar.selection import ChunkView, Selection

values = st.lists(st.none() | st.integers(-(2**62), 2**62) | st.integers(0, 3), min_size=1, max_size=30)


def chunk_of(values: list[int | None], minute: int) -> Chunk:
    """A trace for each value, a microsecond apart from the beginning of the minute."""
    n = len(values)
    has = np.array([v is not None for v in values])
    columns = {
        "latency_us": numbers_of(np.array([v or 0 for v in values], np.int64), has),
        START_MINUTE: numbers_of(np.full(n, minute, np.int64), np.ones(n, np.bool_)),
        START_MICROSECOND: numbers_of(np.arange(n, dtype=np.int64), np.ones(n, np.bool_)),
    }
    return Chunk(Info(n, tuple(columns)), columns)


@st.composite
def positions(draw: st.DrawFn) -> Position:
    return Position(
        draw(st.none() | st.integers(0, 3)), draw(st.integers(0, 3)) * 60_000_000 + draw(st.integers(0, 30))
    )


@given(st.lists(values, max_size=4), st.integers(1, 40), st.booleans(), st.none() | positions())
def test_the_first_traces_are_among_those_that_start_then(
    chunks: list[list[int | None]], count: int, descending: bool, behind: Position | None
) -> None:
    selection = Selection([ChunkView(chunk_of(actual, minute)) for minute, actual in enumerate(chunks)])
    actual = starts_of_first(selection, "latency_us", count, descending=descending, behind=behind)
    sign = -1 if descending else 1

    def order(value: int | None, start: int) -> tuple[bool, int, int]:
        return value is None, sign * (value or 0), sign * start

    every = [(v, minute * 60_000_000 + i) for minute, vs in enumerate(chunks) for i, v in enumerate(vs)]
    ordered = sorted(every, key=lambda row: order(*row))
    following = [row for row in ordered if behind is None or order(*row) > order(behind.value, behind.start)]
    at_position = set() if behind is None else {behind.start}
    assert actual == sorted({start for _, start in following[:count]} | at_position)


def test_rows_that_are_not_meant_do_not_come_first() -> None:
    view = ChunkView(chunk_of([5, 1, 3, 2], 0), np.array([True, False, True, True]))
    assert starts_of_first(Selection([view]), "latency_us", 2, descending=False) == [2, 3]


def test_of_equal_values_no_more_are_named_than_are_wanted() -> None:
    selection = Selection([ChunkView(chunk_of([7] * 10, minute)) for minute in (1, 0)])
    assert starts_of_first(selection, "latency_us", 2, descending=True) == [60_000_008, 60_000_009]
    assert starts_of_first(selection, "latency_us", 2, descending=False) == [0, 1]
