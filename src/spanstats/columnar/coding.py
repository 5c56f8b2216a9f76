"""Codes of the rows of a chunk by a dimension: small whole numbers of one chunk, each of which leads to a key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import msgspec
import numpy as np
from numpy.typing import NDArray

from .chunk import Array, Chunk, Numbers
from .dimensions import ByNumber, ByScore, ByStart, ByText, ByTime, Dimension, Key, starts_of
from .encode import narrowed, numbers_of
from .selection import Selection

_SMALL = 2
"""Bytes of codes for each of which there is a key, whether any row has it or not."""


@dataclass(frozen=True, slots=True)
class Coded:
    """Rows of a chunk by code: row i has the key whose number is `keys[codes[i]]`."""

    codes: Array
    keys: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a dimension by number; that of 0 is `None`, no value."""

    stored: Sequence[Any]
    decode: Callable[[Sequence[Any]], Sequence[Key]]

    def __len__(self) -> int:
        return len(self.stored) + 1

    def decoded(self, numbers: Sequence[int]) -> list[Key]:
        """The keys of these numbers, as JSON values or as the dimension has them."""
        if 0 not in numbers:
            return [*self.decode([self.stored[number - 1] for number in numbers])]
        values = iter(self.decode([self.stored[number - 1] for number in numbers if number]))
        return [next(values) if number else None for number in numbers]


def coded(selection: Selection, dimension: Dimension) -> tuple[Keys, list[Coded]]:
    """The keys of the dimension, and the codes of all rows of each view's chunk."""
    match dimension:
        case ByText(column):
            return _by_text(selection, column)
        case ByNumber(column):
            return _by_number(selection, lambda chunk: chunk.numbers(column))
        case ByScore(key):
            return _by_number(selection, lambda chunk: _first_scores(chunk, key))
        case ByTime():
            return _by_number(selection, lambda chunk: numbers_of(starts_of(chunk)))
        case ByStart(edges):
            return _by_start(selection, edges)
        case _ as unreachable:
            assert_never(unreachable)


def _by_text(selection: Selection, column: str) -> tuple[Keys, list[Coded]]:
    numbering, by_view = selection.numbering, []
    for view in selection.views:
        selection.check()
        texts = view.chunk.texts(column)
        by_view.append(_no_texts(view.chunk.n) if texts is None else Coded(texts.codes, numbering.of(texts)))
    return Keys(numbering.texts, _decoded), by_view


def _no_texts(n: int) -> Coded:
    return Coded(np.broadcast_to(np.uint8(0), n), np.zeros(1, np.int64))


def _decoded(values: Sequence[bytes]) -> list[Key]:
    """JSON texts as values, all at once."""
    keys: list[Key] = msgspec.json.decode(b"[" + b",".join(values) + b"]")
    return keys


def _by_number(selection: Selection, numbers_in: Callable[[Chunk], Numbers]) -> tuple[Keys, list[Coded]]:
    """Each different number is a key."""
    each = []
    for view in selection.views:
        selection.check()
        each.append(_coded(numbers_in(view.chunk)))
    keys = np.unique(np.concatenate([values for _, values in each])) if each else np.empty(0, np.int64)
    return Keys(keys.tolist(), list), [
        # After the codes of values comes that of rows without one.
        Coded(codes, np.append(np.searchsorted(keys, values) + 1, 0))
        for codes, values in each
    ]


def _coded(numbers: Numbers) -> tuple[Array, NDArray[np.int64]]:
    """Of each row its code; the number of each code but the last one, which is that of rows without a number."""
    codes, different = numbers.codes, np.zeros(1, np.int64)
    if codes.dtype.itemsize > _SMALL:
        different, codes = np.unique(codes, return_inverse=True)
    elif codes.strides != (0,):
        different = np.arange(int(codes.max(initial=0)) + 1)
    if numbers.valid is not None:
        codes = np.where(numbers.valid, codes, len(different))
    return codes.ravel(), Numbers(numbers.low, numbers.step, different.astype(np.uint64)).values()


def _first_scores(chunk: Chunk, key: str) -> Numbers:
    """The first score of each trace that is a number."""
    scores = chunk.scores(key)
    if scores is None:
        return Numbers(0, 1, np.zeros(chunk.n, np.uint8), np.zeros(chunk.n, np.bool_))
    if scores.rows is None:
        return scores.values
    has = np.ones(len(scores.rows), np.bool_) if scores.values.valid is None else scores.values.valid
    rows, positions = np.unique(scores.rows[has], return_index=True)
    values, valid = np.zeros(chunk.n, np.int64), np.zeros(chunk.n, np.bool_)
    values[rows], valid[rows] = scores.values.values()[has][positions], True
    return numbers_of(values, valid)


def _by_start(selection: Selection, edges: tuple[int, ...]) -> tuple[Keys, list[Coded]]:
    bounds = np.array(edges, np.int64)
    # Code c is between the edges c - 1 and c; before the first and after the last one there is no key.
    keys = np.append(np.arange(len(bounds)), 0)
    by_view = []
    for view in selection.views:
        selection.check()
        by_view.append(Coded(narrowed(_buckets(starts_of(view.chunk), bounds), len(bounds)), keys))
    return Keys(edges[:-1], list), by_view


def _buckets(starts: NDArray[np.int64], bounds: NDArray[np.int64]) -> NDArray[np.intp]:
    """How many bounds are at or before each start."""
    if (starts[1:] < starts[:-1]).any():
        return np.searchsorted(bounds, starts, side="right")
    # Stored chunks are in order of start: there are fewer bounds to look for.
    ends = np.searchsorted(starts, bounds, side="left")
    return np.repeat(np.arange(len(bounds) + 1), np.diff(ends, prepend=0, append=len(starts)))
