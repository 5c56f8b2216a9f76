"""The first traces in the order of a number, against a plain sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.columnar import first_rows
from spanstats.columnar.encode import numbers_of
from spanstats.columnar.first_rows import starts_of_first
from spanstats.columnar.format import START_MICROSECOND, START_MINUTE, Chunk, Info
from spanstats.columnar.selection import Part, Selection

values = st.lists(st.none() | st.integers(-(2**62), 2**62) | st.integers(0, 3), min_size=1, max_size=30)


def chunk_of(found: list[int | None], minute: int) -> Chunk:
    """A trace for each value, a microsecond apart from the beginning of the minute."""
    n = len(found)
    has = np.array([v is not None for v in found])
    columns = {
        "latency_us": numbers_of(np.array([v or 0 for v in found], np.int64), has),
        START_MINUTE: numbers_of(np.full(n, minute, np.int64), np.ones(n, np.bool_)),
        START_MICROSECOND: numbers_of(np.arange(n, dtype=np.int64), np.ones(n, np.bool_)),
    }
    return Chunk(Info(n, tuple(columns)), columns)


@given(st.lists(values, max_size=4), st.integers(1, 40), st.booleans())
def test_the_first_traces_are_among_those_that_start_then(
    chunks: list[list[int | None]], count: int, descending: bool
) -> None:
    selection = Selection([Part(chunk_of(found, minute)) for minute, found in enumerate(chunks)])
    found = starts_of_first(selection, "latency_us", count, descending=descending)
    known = [(v, m * 60_000_000 + i) for m, vs in enumerate(chunks) for i, v in enumerate(vs) if v is not None]
    if len(known) < count:
        assert found is None
        return
    ordered = sorted(v for v, _ in known)
    ordered = ordered[::-1] if descending else ordered
    last = ordered[count - 1]
    assert found == sorted(start for v, start in known if (v >= last if descending else v <= last))


def test_rows_that_are_not_meant_do_not_come_first() -> None:
    part = Part(chunk_of([5, 1, 3, 2], 0), np.array([True, False, True, True]))
    assert starts_of_first(Selection([part]), "latency_us", 2, descending=False) == [2, 3]


def test_too_many_equal_values_tell_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_rows, "_MOST", 3)
    selection = Selection([Part(chunk_of([7] * 10, 0))])
    assert starts_of_first(selection, "latency_us", 2, descending=True) is None
