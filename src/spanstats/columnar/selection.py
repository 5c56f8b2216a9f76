"""A selection: the traces of a question as rows of chunks, all of one snapshot."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from .chunk import Array, Chunk, Mask, Numbers, Scores
from .numbering import Numbering

Check = Callable[[], None]
"""Called now and then by what takes long; raises where there is no time left."""


# A share of the rows.
_FEW = 0.5


def no_limit() -> None:
    """The `Check` that never raises."""


@dataclass(frozen=True, slots=True)
class ChunkView:
    """The selected rows of a chunk: all of them where `rows` is `None`.

    `row_numbers` of these rows are there where they are few: to take them is faster than to look at each row.
    """

    chunk: Chunk
    rows: Mask | None = None
    row_numbers: Array | None = None

    @property
    def n(self) -> int:
        if self.row_numbers is not None:
            return len(self.row_numbers)
        return self.chunk.n if self.rows is None else int(np.count_nonzero(self.rows))

    def of(self, column: Array) -> Array:
        """The values of a column in these rows."""
        return column if self.rows is None else column[self._indexes(self.rows)]

    def numbers(self, numbers: Numbers) -> Numbers:
        """The column of these rows alone."""
        if self.rows is None:
            return numbers
        return _taken(numbers, self._indexes(self.rows), self.n)

    def scores(self, scores: Scores) -> Scores:
        """The scores of these rows alone; `rows` stay numbers of rows of the whole chunk."""
        if self.rows is None:
            return scores
        if scores.rows is None:
            indexes = rows = np.flatnonzero(self.rows) if self.row_numbers is None else self.row_numbers
        else:
            indexes = np.flatnonzero(self.rows[scores.rows])
            rows = scores.rows[indexes]
        return Scores(_taken(scores.values, indexes, len(rows)), _taken(scores.kinds, indexes, len(rows)), rows)

    def _indexes(self, rows: Mask) -> Array:
        return rows if self.row_numbers is None else self.row_numbers


def view_of(chunk: Chunk, rows: Mask) -> ChunkView:
    """The view of the chunk that has these rows."""
    row_numbers = np.flatnonzero(rows)
    return ChunkView(chunk, rows, row_numbers if len(row_numbers) < _FEW * chunk.n else None)


def _taken(numbers: Numbers, indexes: Array, n: int) -> Numbers:
    """The column of these `n` rows."""
    valid = None if numbers.valid is None else numbers.valid[indexes]
    if numbers.codes.strides == (0,):
        return Numbers(numbers.low, numbers.step, np.broadcast_to(np.uint8(0), n), valid)
    return Numbers(numbers.low, numbers.step, numbers.codes[indexes], valid)


@dataclass(frozen=True, slots=True)
class Selection:
    """The traces of one arm, view by view. `check` is called between views."""

    views: Sequence[ChunkView]
    check: Check = field(default=no_limit, compare=False)
    reservation: object = field(default=None, compare=False, repr=False)
    """Its memory is released once the selection is not used any more."""
    numbering: Numbering = field(default_factory=Numbering, compare=False, repr=False)
    """Numbers of the texts in its chunks, perhaps of those of other selections too."""

    def each(self) -> Iterator[ChunkView]:
        """The views that have rows."""
        for view in self.views:
            self.check()
            if view.n:
                yield view

    @property
    def n(self) -> int:
        """The number of selected traces."""
        return sum(view.n for view in self.views)


def evaluators_in(selections: Iterable[Selection]) -> list[str]:
    """The keys of all evaluators that have scores in the chunks, sorted."""
    return sorted({key for s in selections for view in s.views for key in view.chunk.evaluators()})
