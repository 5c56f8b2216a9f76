"""Measures over columns: a number of each trace, or the scores of evaluators, in whole numbers of a small unit."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from .chunk import Array, Numbers
from .format import NUMBERS, scores_column
from .needs import Needs
from .selection import ChunkView, Selection

TEXT = 2
"""The kind of a score that is a text (`Scores.kinds`): it has no number."""


@dataclass(frozen=True, slots=True)
class NumberOf:
    """A column of `NUMBERS`, in its unit: picodollars, microseconds, thousandths of a token per second, or a count."""

    column: str

    def __post_init__(self) -> None:
        if self.column not in NUMBERS:
            raise ValueError(f"no such column: {self.column}")


@dataclass(frozen=True, slots=True)
class ScoresOf:
    """All scores of these evaluators in whole billionths, booleans as 0 and 1; texts are no numbers."""

    keys: frozenset[str]


Measure: TypeAlias = NumberOf | ScoresOf


def needs_of(measure: Measure) -> Needs:
    """The columns that hold the measure."""
    match measure:
        case NumberOf(column):
            return Needs(frozenset({column}))
        case ScoresOf(keys):
            return Needs(frozenset(map(scores_column, keys)))
        case _ as unreachable:
            assert_never(unreachable)


@dataclass(frozen=True, slots=True)
class MeasuredRows:
    """Values of one column in some rows of a chunk: `numbers[i]` is of the row `rows[i]` of the whole chunk."""

    view: ChunkView
    numbers: Numbers
    rows: Array | None
    """`None`: of the rows of the view, in order."""

    def of_rows(self, column: Array) -> Array:
        """The values of a column of the chunk in these rows."""
        return self.view.of(column) if self.rows is None else column[self.rows]

    @property
    def valid(self) -> Numbers:
        """The numbers without rows that have none."""
        return valid_of(self.numbers)


def each_column(selection: Selection, measure: Measure) -> Iterator[MeasuredRows]:
    """The values of the measure, column by column, without rows that have none."""
    for view in selection.each():
        if isinstance(measure, NumberOf):
            yield MeasuredRows(view, view.numbers(view.chunk.numbers(measure.column)), None)
            continue
        for key in sorted(measure.keys):
            scores = view.chunk.scores(key)
            if scores is not None:
                of_view = view.scores(scores)
                # With a score in each row, they are those of the rows of the view.
                yield MeasuredRows(view, of_view.values, None if scores.rows is None else of_view.rows)


def values(selection: Selection, measure: Measure) -> list[Numbers]:
    """All values of the measure: every row of the columns has one."""
    return [column.valid for column in each_column(selection, measure)]


def valid_of(numbers: Numbers) -> Numbers:
    """The numbers without rows that have none."""
    if numbers.valid is None:
        return numbers
    return Numbers(numbers.low, numbers.step, numbers.codes[numbers.valid])
