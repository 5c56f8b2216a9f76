"""Decode the scores of traces from the arrays that PostgreSQL sends, into a column for each evaluator.

Most traces have scores of the same evaluators: traces with equal `score_keys` are read together. An array is sent as
dimensions, a flag for nulls, the type of the elements, length and lower bound (20 bytes; 12 if empty), then each
element as its length (-1 for null) and its bytes, all in network order (PostgreSQL: `array_send`).
"""

from collections.abc import Iterator, Sequence
from struct import unpack_from

import numpy as np
from numpy.typing import NDArray

from .chunk import Scores
from .encode import narrowed, numbers_of

_HEAD = 20
_NO_VALUE = 0

ArrayBytes = bytes | None


class ScoreArrays:
    """`score_keys`, `score_values` and `score_kinds` of one trace after the other."""

    def __init__(self) -> None:
        self.n = 0
        self.by_keys: dict[bytes, list[int]] = {}
        self.values: list[ArrayBytes] = []
        self.kinds: list[ArrayBytes] = []

    def add(self, keys: Sequence[ArrayBytes], values: Sequence[ArrayBytes], kinds: Sequence[ArrayBytes]) -> None:
        """Add the arrays of the next traces."""
        for row, array in enumerate(keys, start=self.n):
            if array is not None:
                self.by_keys.setdefault(array, []).append(row)
        self.n += len(keys)
        self.values += values
        self.kinds += kinds


class _OfEvaluator:
    """The scores of one evaluator, in parts."""

    def __init__(self) -> None:
        self.rows: list[NDArray[np.int64]] = []
        self.values: list[NDArray[np.int64]] = []
        self.valid: list[NDArray[np.bool_]] = []
        self.kinds: list[NDArray[np.int64]] = []


def scores_of(arrays: ScoreArrays, n: int) -> dict[str, Scores]:
    """The scores of `n` traces by evaluator key, in the order of their traces."""
    by_name: dict[str, _OfEvaluator] = {}
    for keys, rows in arrays.by_keys.items():
        names = [key.decode() for key in _elements(keys) if key is not None]
        values, valid = _matrix([arrays.values[row] for row in rows], len(names), 8)
        kinds, _ = _matrix([arrays.kinds[row] for row in rows], len(names), 2)
        for position, name in enumerate(names):
            of_name = by_name.setdefault(name, _OfEvaluator())
            of_name.rows.append(np.array(rows, np.int64))
            of_name.values.append(values[:, position])
            of_name.valid.append(valid[:, position])
            of_name.kinds.append(kinds[:, position])
    return {name: _column(by_name[name], n) for name in sorted(by_name)}


def _column(of_evaluator: _OfEvaluator, n: int) -> Scores:
    rows = np.concatenate(of_evaluator.rows)
    # Stable: several scores of one trace stay in their order.
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    values = numbers_of(np.concatenate(of_evaluator.values)[order], np.concatenate(of_evaluator.valid)[order])
    kinds = numbers_of(np.concatenate(of_evaluator.kinds)[order])
    is_dense = len(rows) == n and bool((rows == np.arange(n)).all())
    return Scores(values, kinds, None if is_dense else narrowed(rows, n - 1))


def _matrix(arrays: list[ArrayBytes], width: int, size: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Whole numbers of `size` bytes, a row for each array; nulls, and what an array is too short for, are not valid."""
    whole = b"".join([array for array in arrays if array is not None])
    if len(whole) == len(arrays) * (_HEAD + width * (4 + size)):
        element = np.dtype({"names": ["v"], "formats": [f">i{size}"], "offsets": [4], "itemsize": 4 + size})
        row = np.dtype({"names": ["e"], "formats": [(element, (width,))], "offsets": [_HEAD]})
        return np.frombuffer(whole, row)["e"]["v"].astype(np.int64), np.ones((len(arrays), width), np.bool_)
    values = np.full((len(arrays), width), _NO_VALUE, np.int64)
    valid = np.zeros((len(arrays), width), np.bool_)
    for row_number, array in enumerate(arrays):
        for position, element_bytes in enumerate(_elements(array)):
            if element_bytes is not None:
                values[row_number, position] = int.from_bytes(element_bytes, signed=True)
                valid[row_number, position] = True
    return values, valid


def _elements(array: ArrayBytes) -> Iterator[bytes | None]:
    if array is None or len(array) < _HEAD:
        return
    (count,) = unpack_from(">i", array, 12)
    at = _HEAD
    for _ in range(count):
        (size,) = unpack_from(">i", array, at)
        at += 4
        yield None if size < 0 else array[at : at + size]
        at += max(size, 0)
