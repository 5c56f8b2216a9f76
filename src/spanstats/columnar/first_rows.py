"""Find the traces that come first in the order of a number, from columns: their starts, so that few rows are sorted.

The order is by value, with traces without a value last, and then by start. `descending` reverses values and starts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .chunk import Chunk, Mask
from .dimensions import starts_of
from .format import scores_column
from .needs import STARTS, Needs
from .selection import ChunkView, Selection

_Values = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Position:
    """A position in the order: a value, `None` for traces without one, and a start, microseconds since 1970."""

    value: int | None
    start: int


@dataclass(frozen=True, slots=True)
class _Rows:
    """Values and starts of traces, turned so that the least is the first."""

    values: _Values
    starts: _Values

    def where(self, rows: Mask | NDArray[np.intp]) -> "_Rows":
        return _Rows(self.values[rows], self.starts[rows])

    def first(self, count: int) -> "_Rows":
        """The first `count` in any order, found without sorting all."""
        if len(self.values) <= count:
            return self
        last = np.partition(self.values, count - 1)[count - 1]
        before, ties = np.flatnonzero(self.values < last), np.flatnonzero(self.values == last)
        lacking = count - len(before)
        if lacking < len(ties):
            ties = ties[np.argpartition(self.starts[ties], lacking - 1)[:lacking]]
        return self.where(np.concatenate((before, ties)))

    def and_also(self, others: "_Rows") -> "_Rows":
        return _Rows(np.concatenate((self.values, others.values)), np.concatenate((self.starts, others.starts)))


_NONE = _Rows(np.empty(0, np.int64), np.empty(0, np.int64))


def needs_of(column: str, *, is_score: bool) -> Needs:
    """The columns that `starts_of_first` looks at."""
    return STARTS | Needs(frozenset({scores_column(column) if is_score else column}))


def starts_of_first(
    selection: Selection,
    column: str,
    count: int,
    *,
    descending: bool,
    is_score: bool = False,
    behind: Position | None = None,
) -> list[int]:
    """Starts, in microseconds since 1970, that include the starts of the first `count` traces, in any order of
    traces with equal value and start. With `behind`: of the traces at this position, and of the first after it.

    With `is_score` the column is an evaluator's key, and the value its first score in the trace.
    """
    valued, without = _NONE, _NONE
    for view in selection.each():
        values, has = _first_scores(view.chunk, column) if is_score else _numbers(view.chunk, column)
        starts, rows = starts_of(view.chunk), _rows(view)
        # The complement orders as the negative does, and every value has one.
        each = _Rows(~values, ~starts) if descending else _Rows(values, starts)
        of_view, rest = each.where(has & rows), each.where(~has & rows)
        if behind is not None:
            of_view, rest = _behind(behind, of_view, rest, descending=descending)
        valued = valued.and_also(of_view.first(count)).first(count)
        if len(valued.starts) < count:
            without = _by_start(without.and_also(_by_start(rest, count)), count)
    lacking = count - len(valued.starts)
    first_starts = np.concatenate((valued.starts, _by_start(without, lacking).starts if lacking else _NONE.starts))
    distinct = set((~first_starts if descending else first_starts).tolist())
    return sorted(distinct if behind is None else distinct | {behind.start})


def _by_start(rows: _Rows, count: int) -> _Rows:
    """The first of traces without a value."""
    return _Rows(np.zeros(len(rows.starts), np.int64), rows.starts).first(count)


def _behind(position: Position, valued: _Rows, without: _Rows, *, descending: bool) -> tuple[_Rows, _Rows]:
    """The traces that follow the position: of those with a value, and of those without one."""
    start = ~position.start if descending else position.start
    if position.value is None:
        return _NONE, without.where(without.starts > start)
    value = ~position.value if descending else position.value
    is_tie = (valued.values == value) & (valued.starts > start)
    return valued.where(is_tie | (valued.values > value)), without


def _rows(view: ChunkView) -> Mask:
    return np.ones(view.chunk.n, np.bool_) if view.rows is None else view.rows


def _numbers(chunk: Chunk, column: str) -> tuple[_Values, Mask]:
    numbers = chunk.numbers(column)
    return numbers.values(), np.ones(chunk.n, np.bool_) if numbers.valid is None else numbers.valid


def _first_scores(chunk: Chunk, key: str) -> tuple[_Values, Mask]:
    """The first score of each trace, which has no value where it is text."""
    values, has = np.zeros(chunk.n, np.int64), np.zeros(chunk.n, np.bool_)
    scores = chunk.scores(key)
    if scores is None:
        return values, has
    rows = np.arange(chunk.n) if scores.rows is None else scores.rows
    first, positions = np.unique(rows, return_index=True)
    values[first] = scores.values.values()[positions]
    has[first] = True if scores.values.valid is None else scores.values.valid[positions]
    return values, has
