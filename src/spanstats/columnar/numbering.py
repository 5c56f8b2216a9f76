"""Numbers of texts that are the same for all chunks, so that groups of several chunks are put together by number."""

from collections.abc import Sequence
from itertools import repeat
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from .format import Texts

_MOST = 200_000
"""Different texts that are remembered from one question to the next: some 30 MB."""


class Numbering:
    """Each different text has a number from 1, in the order in which they first came.

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
        if len(self._texts) > self._most:
            self._numbers, self._texts, self._known = {}, [], WeakKeyDictionary()

    def of(self, column: Texts) -> NDArray[np.int64]:
        """The number of each code of the column; that of 0, no value, is 0."""
        known = self._known.get(column)
        if known is None:
            known = self._known[column] = self._number(list(column.values))
        return known

    def _number(self, values: list[bytes]) -> NDArray[np.int64]:
        # Most are there already: to look them up outside of Python's own loop takes half the time.
        found = np.fromiter(map(self._numbers.get, values, repeat(0)), np.int64, len(values))
        for index in np.flatnonzero(found == 0).tolist():
            text = values[index]
            number = self._numbers.get(text)
            if number is None:
                self._texts.append(text)
                number = self._numbers[text] = len(self._texts)
            found[index] = number
        return np.insert(found, 0, 0)
