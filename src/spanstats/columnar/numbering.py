"""Numbers of texts that are the same in all chunks, so that groups of several chunks are joined by number."""

import re
from collections.abc import Sequence
from itertools import repeat
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from .chunk import Texts

_MOST = 200_000
"""Different texts that are remembered from one question to the next: some 30 MB."""


_NUMBER_OR_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"|([0-9]+)(\.[0-9]*[1-9])?(?:\.?0+)?')
"""In the JSON text of a `jsonb`, which has no exponents and keeps the zeros after a point."""


class Numbering:
    """Each different JSON value has a number from 1, in the order in which they first came. 1 and 1.0 are one value.

    What a chunk's texts are numbered is remembered as long as the column is. Not for several threads.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._numbers: dict[bytes, int] = {}
        self._texts: list[bytes] = []
        self._known: WeakKeyDictionary[Texts, NDArray[np.int64]] = WeakKeyDictionary()

    @property
    def texts(self) -> Sequence[bytes]:
        """The texts by number, less 1. It grows with each new column; what is in it never changes."""
        return self._texts

    def end(self) -> None:
        """The question has all its numbers: of too many texts nothing is kept for the next one."""
        if len(self._numbers) > self._most:
            self._numbers, self._texts, self._known = {}, [], WeakKeyDictionary()

    def of(self, column: Texts) -> NDArray[np.int64]:
        """The number of each code of the column; that of 0, no value, is 0."""
        numbers = self._known.get(column)
        if numbers is None:
            numbers = self._known[column] = self._number(list(column.values))
        return numbers

    def _number(self, values: list[bytes]) -> NDArray[np.int64]:
        # Most are there already: to look them up outside of Python's own loop takes half the time.
        numbers = np.fromiter(map(self._numbers.get, values, repeat(0)), np.int64, len(values))
        for index in np.flatnonzero(numbers == 0).tolist():
            text = values[index]
            numbers[index] = self._numbers.get(text) or self._number_new(text)
        return np.insert(numbers, 0, 0)

    def _number_new(self, text: bytes) -> int:
        shortest = without_zeros(text)
        number = self._numbers.get(shortest)
        if number is None:
            self._texts.append(shortest)
            number = self._numbers[shortest] = len(self._texts)
        self._numbers[text] = number
        return number


def without_zeros(text: bytes) -> bytes:
    """The JSON text with each number in its shortest form."""
    if b"." not in text or text.startswith(b'"'):
        return text
    return _NUMBER_OR_STRING.sub(_shortened, text)


def _shortened(match: re.Match[bytes]) -> bytes:
    return match[0] if match[1] is None else match[1] + (match[2] or b"")
