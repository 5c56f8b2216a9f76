"""The dimensions by which traces are grouped: which columns they read, and which keys they have."""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from ..domain.window import MINUTE_US
from .chunk import Chunk
from .format import START_MICROSECOND, START_MINUTE, scores_column
from .needs import STARTS, Needs

Key: TypeAlias = object
"""A JSON value; `None` where a trace has none."""


@dataclass(frozen=True, slots=True)
class ByText:
    """A dictionary-encoded column: `status`, `model`, `name`, `labels.<key>`, `metadata.<key>`; or another column of
    `traces`, which no stored chunk has."""

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
class ByTime:
    """The start of the trace, microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class ByStart:
    """Buckets of time: key i is that of starts from `edges[i]` up to `edges[i + 1]`, microseconds since 1970.

    Starts outside of the edges have no key.
    """

    edges: tuple[int, ...]


Dimension: TypeAlias = ByText | ByNumber | ByScore | ByTime | ByStart


def needs_of(dimension: Dimension) -> Needs:
    """The columns that the dimension looks at."""
    match dimension:
        case ByText(column) | ByNumber(column):
            return Needs(frozenset({column}))
        case ByScore(key):
            return Needs(frozenset({scores_column(key)}))
        case ByTime() | ByStart():
            return STARTS
        case _ as unreachable:
            assert_never(unreachable)


def starts_of(chunk: Chunk) -> NDArray[np.int64]:
    """When each trace of the chunk starts, microseconds since 1970."""
    return chunk.numbers(START_MINUTE).values() * MINUTE_US + chunk.numbers(START_MICROSECOND).values()
