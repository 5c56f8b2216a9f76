"""By what traces are grouped: each dimension gives a code to each row of a chunk, and a key to each code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..domain.window import MINUTE_US
from .format import NUMBERS, START_MICROSECOND, START_MINUTE, Chunk, scores_column
from .needs import STARTS, Needs
from .selection import Selection

Key: TypeAlias = object
"""A JSON value; `None` where a trace has none."""

Codes: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ByText:
    """A dictionary-encoded column: `status`, `model`, `name`, `labels.<key>`, `metadata.<key>`."""

    column: str


@dataclass(frozen=True, slots=True)
class ByNumber:
    """A column of `NUMBERS`: each different number is a key."""

    column: str


@dataclass(frozen=True, slots=True)
class ByScore:
    """The first score of the evaluator in the trace, in billionths."""

    key: str


@dataclass(frozen=True, slots=True)
class ByStart:
    """Buckets of time: key i is that of starts from `edges[i]` up to `edges[i + 1]`, microseconds since 1970.

    Starts outside of the edges have no key.
    """

    edges: tuple[int, ...]


Dimension: TypeAlias = ByText | ByNumber | ByScore | ByStart


def needs_of(dimension: Dimension) -> Needs:
    """The columns that the dimension looks at."""
    match dimension:
        case ByText(column) | ByNumber(column):
            return Needs(frozenset({column}))
        case ByScore(key):
            return Needs(frozenset({scores_column(key)}))
        case ByStart():
            return STARTS
        case _ as unreachable:
            assert_never(unreachable)


@dataclass(frozen=True, slots=True)
class Coded:
    """`keys` without repeats, the first of which is `None`; `codes[i]` are places among them for all rows of the chunk
    of part i."""

    keys: list[Key]
    codes: list[Codes]


def coded(selection: Selection, dimension: Dimension) -> Coded:
    """The key of every row of every chunk, one after the other."""
    match dimension:
        case ByText(column):
            return _by_text(selection, column)
        case ByNumber(column):
            return _by_value([_numbers(part.chunk, column) for part in selection.parts])
        case ByScore(key):
            return _by_value([_first_scores(part.chunk, key) for part in selection.parts])
        case ByStart(edges):
            return _by_start(selection, edges)
        case _ as unreachable:
            assert_never(unreachable)


def _by_text(selection: Selection, column: str) -> Coded:
    places: dict[bytes, int] = {}
    codes: list[Codes] = []
    for part in selection.parts:
        selection.check()
        texts = part.chunk.texts(column)
        if texts is None:
            codes.append(np.zeros(part.chunk.n, np.int64))
            continue
        mapped = [0, *(places.setdefault(value, len(places) + 1) for value in texts.values)]
        codes.append(np.array(mapped, np.int64)[texts.codes])
    return Coded([None, *map(msgspec.json.decode, places)], codes)


def _by_value(columns: Sequence[tuple[NDArray[np.int64], NDArray[np.bool_]]]) -> Coded:
    """Of each chunk the values of all rows, and which rows have one."""
    present = [np.unique(values[valid]) for values, valid in columns]
    keys = np.unique(np.concatenate(present)) if present else np.empty(0, np.int64)
    codes = [np.where(valid, np.searchsorted(keys, values) + 1, 0) for values, valid in columns]
    return Coded([None, *(int(key) for key in keys)], codes)


def _numbers(chunk: Chunk, name: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    assert name in NUMBERS
    numbers = chunk.numbers(name)
    return numbers.values(), np.ones(chunk.n, np.bool_) if numbers.valid is None else numbers.valid


def _first_scores(chunk: Chunk, key: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    values, valid = np.zeros(chunk.n, np.int64), np.zeros(chunk.n, np.bool_)
    scores = chunk.scores(key)
    if scores is None:
        return values, valid
    rows = np.arange(chunk.n) if scores.rows is None else scores.rows
    has = np.ones(len(rows), np.bool_) if scores.values.valid is None else scores.values.valid
    first, places = np.unique(rows[has], return_index=True)
    values[first], valid[first] = scores.values.values()[has][places], True
    return values, valid


def starts_of(chunk: Chunk) -> NDArray[np.int64]:
    """When each trace of the chunk starts, microseconds since 1970."""
    return chunk.numbers(START_MINUTE).values() * MINUTE_US + chunk.numbers(START_MICROSECOND).values()


def _by_start(selection: Selection, edges: tuple[int, ...]) -> Coded:
    bounds = np.array(edges, np.int64)
    codes = []
    for part in selection.parts:
        selection.check()
        found = np.searchsorted(bounds, starts_of(part.chunk), side="right")
        codes.append(np.where(found == len(bounds), 0, found).astype(np.int64))
    return Coded([None, *edges[:-1]], codes)
