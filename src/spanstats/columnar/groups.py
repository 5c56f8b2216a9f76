"""Group traces by one or two dimensions. Each chunk counts by its own codes, which lead to the groups of all chunks."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .chunk import Array, Numbers
from .coding import Coded, Keys, coded
from .dimensions import Dimension, Key
from .measures import Measure, each_column, valid_of
from .selection import ChunkView, Selection

Counted = NDArray[np.int64]

_MOST_COMBINED = 2**17
"""Combinations of two codes of a chunk that are counted whether any row has them or not."""

_MOST_FLAGS = 2**22
"""Keys for each of which there is a flag, whether any row has it or not."""


@dataclass(frozen=True, slots=True, eq=False)
class ViewGroups:
    """Row i of the chunk is in the group `groups[codes[i]]`. Codes of no selected row lead to any group."""

    view: ChunkView
    codes: Array
    groups: NDArray[np.intp]
    counts: Counted
    """How many selected rows have each code."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupedColumn:
    """Values of one column in selected rows of a view, each of which has one, and the codes of these rows."""

    by: ViewGroups
    numbers: Numbers
    codes: Array
    is_every_row: bool

    def counts(self) -> Counted:
        """How many values each code has."""
        return self.by.counts if self.is_every_row else counts_by(self.codes, len(self.by.groups))


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Groups that have traces: `counts[g]` is how many; group g has in dimension d the key whose number is
    `numbers[d][g]`."""

    selection: Selection
    views: Sequence[ViewGroups]
    counts: Counted
    keys: Sequence[Keys]
    numbers: Sequence[Counted]

    def __len__(self) -> int:
        return len(self.counts)

    def keys_of(self, group_numbers: Sequence[int] | NDArray[np.intp]) -> list[list[Key]]:
        """For each dimension the keys of these groups."""
        rows = np.array(group_numbers, np.intp)
        return [keys.decoded(numbers[rows].tolist()) for keys, numbers in zip(self.keys, self.numbers, strict=True)]

    def each(self, measure: Measure) -> Iterator[GroupedColumn]:
        """The values of the measure, column by column."""
        by_view = {id(by.view): by for by in self.views}
        for column in each_column(self.selection, measure):
            by, valid = by_view[id(column.view)], column.numbers.valid
            codes = column.of_rows(by.codes)
            is_every_row = valid is None and column.rows is None
            yield GroupedColumn(by, valid_of(column.numbers), codes if valid is None else codes[valid], is_every_row)


def group(selection: Selection, dimensions: Sequence[Dimension]) -> Groups:
    """The selected traces by these dimensions (none: one group, if there are traces)."""
    each = [coded(selection, dimension) for dimension in dimensions]
    selection.numbering.end()
    sizes = [len(keys) for keys, _ in each]
    joined = [_joined(view.chunk.n, [codes[i] for _, codes in each], sizes) for i, view in enumerate(selection.views)]
    counts = []
    for view, of_view in zip(selection.views, joined, strict=True):
        selection.check()
        counts.append(counts_by(view.of(of_view.codes), len(of_view.keys)))
    keys_and_rows = [(of_view.keys, n) for of_view, n in zip(joined, counts, strict=True)]
    used, indexes = _used(keys_and_rows, math.prod(sizes))
    views = [
        ViewGroups(view, of_view.codes, groups, n)
        for view, of_view, groups, n in zip(selection.views, joined, indexes, counts, strict=True)
    ]
    return Groups(selection, views, _added(views, len(used)), [keys for keys, _ in each], _split(used, sizes))


def _added(views: Sequence[ViewGroups], size: int) -> Counted:
    """The counts of all views by group."""
    total = np.zeros(size, np.int64)
    for by in views if size else ():
        np.add.at(total, by.groups, by.counts)
    return total


def counts_by(codes: Array, size: int) -> Counted:
    """How many rows have each of the codes."""
    return np.array([len(codes)]) if size == 1 else np.bincount(codes, minlength=size)


def _used(each: Sequence[tuple[Counted, Counted]], size: int) -> tuple[Counted, list[NDArray[np.intp]]]:
    """Of keys below the size and their rows: the keys that have rows, ascending, and the index of each key among them.

    For a key without rows the index is arbitrary.
    """
    if size <= _MOST_FLAGS:
        has = np.zeros(size, np.bool_)
        for keys, rows in each:
            has[keys[rows > 0]] = True
        index = np.cumsum(has) - 1
        return np.flatnonzero(has), [np.maximum(index[keys], 0) for keys, _ in each]
    used = np.unique(np.concatenate([keys[rows > 0] for keys, rows in each])) if each else np.empty(0, np.int64)
    last = max(len(used) - 1, 0)
    return used, [np.minimum(np.searchsorted(used, keys), last) for keys, _ in each]


def _joined(n: int, codes: Sequence[Coded], sizes: Sequence[int]) -> Coded:
    """The codes of all dimensions as one."""
    if not codes:
        return Coded(np.broadcast_to(np.uint8(0), n), np.zeros(1, np.int64))
    joined = codes[0]
    for of_dimension, size in zip(codes[1:], sizes[1:], strict=True):
        joined = _combined(joined, of_dimension, size)
    return joined


def _combined(a: Coded, b: Coded, size: int) -> Coded:
    """Two codes of each row as one. There are `size` keys of the second dimension."""
    if len(a.keys) == 1 or len(b.keys) == 1:
        return Coded(a.codes if len(b.keys) == 1 else b.codes, (a.keys[:, np.newaxis] * size + b.keys).ravel())
    codes = a.codes.astype(np.int64) * len(b.keys) + b.codes
    if len(a.keys) * len(b.keys) <= _MOST_COMBINED:
        return Coded(codes, (a.keys[:, np.newaxis] * size + b.keys).ravel())
    used, narrow = np.unique(codes, return_inverse=True)
    return Coded(narrow.ravel(), a.keys[used // len(b.keys)] * size + b.keys[used % len(b.keys)])


def _split(joined: Counted, sizes: Sequence[int]) -> list[Counted]:
    """The numbers of the keys of each dimension."""
    numbers = []
    for size in reversed(sizes):
        joined, of_dimension = np.divmod(joined, size)
        numbers.append(of_dimension)
    return numbers[::-1]
