"""A chunk of traces: its columns as arrays. Row i of every column is the same trace. Columns are immutable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .format import EVERY_NAME, ITEM_KEY, MEMBERS, SCORES, TEXTS, scores_column

Array: TypeAlias = NDArray[Any]

Mask: TypeAlias = NDArray[np.bool_]
"""One boolean for each row of a chunk."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Whole numbers: row i is `low + step * codes[i]`, or nothing where `valid[i]` is false (its code is 0 then).

    `codes` are unsigned, of 1, 2, 4 or 8 bytes; a broadcast zero where all are equal. `valid` is `None` where every
    row has a value.
    """

    low: int
    step: int
    codes: Array
    valid: Mask | None = None

    def values(self) -> NDArray[np.int64]:
        """The numbers; `low` where there is none."""
        # Modulo 2 ** 64, which is exact: every value fits 64 bits.
        scaled = self.codes.astype(np.uint64) * np.uint64(self.step) + np.uint64(self.low % 2**64)
        return scaled.view(np.int64)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Texts:
    """JSON values as text: row i has `values[codes[i] - 1]`, or none where its code is 0."""

    codes: Array
    values: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one evaluator: score i belongs to the trace in row `rows[i]`, or in row i where `rows` is `None`.

    `values` are whole billionths, nothing for text and numbers out of range; `kinds` are 0 number, 1 boolean, 2 text.
    """

    values: Numbers
    kinds: Numbers
    rows: Array | None = None


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests of 16 bytes: row i has `values[codes[i] - 1]`, or none where its code is 0.

    Where `codes` is `None`, row i has `values[i]`, or none where that is all zeros. A digest is two whole numbers, the
    bytes of each in network order.
    """

    codes: Array | None
    values: NDArray[np.uint64]

    def rows(self) -> NDArray[np.uint64]:
        """The digest of each row; two zeros where it has none."""
        if self.codes is None:
            return self.values
        digests: NDArray[np.uint64] = np.concatenate([np.zeros((1, 2), np.uint64), self.values])[self.codes]
        return digests


@dataclass(frozen=True, slots=True)
class SpanSums:
    """Whole numbers for each value of a column of `spans`, as `span_sums.py` has them."""

    rows: tuple[tuple[str | None, tuple[int, ...]], ...]


Column: TypeAlias = Numbers | Texts | Scores | Digests | SpanSums


@dataclass(frozen=True, slots=True)
class Info:
    """`n` traces; the names of all columns; names that traces have and that have no column, or `EVERY_NAME`."""

    n: int
    names: tuple[str, ...]
    omitted: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether the columns hold all values of this name, even if no trace has one."""
        if name.startswith(SCORES):
            return True
        if name in TEXTS or name.startswith(MEMBERS):
            return name not in self.omitted and EVERY_NAME not in self.omitted
        return name in self.names


@dataclass(frozen=True, slots=True)
class Chunk:
    """Columns of the same traces. A name that is absent is a column without any value."""

    info: Info
    columns: Mapping[str, Column] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return self.info.n

    def numbers(self, name: str) -> Numbers:
        """A column of `NUMBERS`."""
        column = self.columns[name]
        assert isinstance(column, Numbers)
        return column

    def texts(self, name: str) -> Texts | None:
        """A dictionary-encoded column; `None` where no trace has a value."""
        column = self.columns.get(name)
        assert column is None or isinstance(column, Texts)
        return column

    def item_keys(self) -> Digests:
        """The item of each trace."""
        column = self.columns[ITEM_KEY]
        assert isinstance(column, Digests)
        return column

    def scores(self, evaluator_key: str) -> Scores | None:
        """The scores of the evaluator; `None` where no trace has any."""
        column = self.columns.get(scores_column(evaluator_key))
        assert column is None or isinstance(column, Scores)
        return column

    def evaluators(self) -> list[str]:
        """The keys of all evaluators whose scores are here."""
        return [name.removeprefix(SCORES) for name in self.columns if name.startswith(SCORES)]
