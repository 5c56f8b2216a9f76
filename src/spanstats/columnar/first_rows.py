"""Which traces come first in the order of a number: their starts, from columns, so that few rows are read to sort."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .dimensions import starts_of
from .format import Chunk, Mask, scores_column
from .needs import STARTS, Needs
from .selection import Part, Selection

_MOST = 20_000
"""Traces that share a value with the last one that is wanted; with more of them, rows are read to sort anyway."""

_Values = NDArray[np.int64]


def needs_of(column: str, *, is_score: bool) -> Needs:
    """The columns that `starts_of_first` looks at."""
    return STARTS | Needs(frozenset({scores_column(column) if is_score else column}))


def starts_of_first(
    selection: Selection, column: str, count: int, *, descending: bool, is_score: bool = False
) -> list[int] | None:
    """Starts, in microseconds since 1970, among which are those of the first `count` traces, whatever decides between
    equal values. Traces without a value come last.

    With `is_score` the column is an evaluator's key, and the value its first score in the trace. `None` where fewer
    traces have a value, or too many share one.
    """
    best = np.empty(0, np.int64)
    for values, _ in _each(selection, column, descending=descending, is_score=is_score):
        best = _first(np.concatenate((best, _first(values, count))), count)
    if len(best) < count:
        return None
    last, starts = best.max(), list[int]()
    for values, of_values in _each(selection, column, descending=descending, is_score=is_score):
        starts += of_values[values <= last].tolist()
        if len(starts) > count + _MOST:
            return None
    return sorted(set(starts))


def _first(values: _Values, count: int) -> _Values:
    return values if len(values) <= count else np.partition(values, count - 1)[:count]


def _each(selection: Selection, column: str, *, descending: bool, is_score: bool) -> Iterator[tuple[_Values, _Values]]:
    """Of each part the values of its traces that have one, turned so that the least is the first, and their starts."""
    for part in selection.each():
        values, has = _first_scores(part.chunk, column) if is_score else _numbers(part.chunk, column)
        wanted = has & _rows(part)
        # The complement orders as the negative does, and every value has one.
        yield (~values[wanted] if descending else values[wanted]), starts_of(part.chunk)[wanted]


def _rows(part: Part) -> Mask:
    return np.ones(part.chunk.n, np.bool_) if part.rows is None else part.rows


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
