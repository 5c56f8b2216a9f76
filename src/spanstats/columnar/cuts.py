"""The rows of a stored chunk that count for a question: in the window, in valid minutes, matching the predicate."""

from collections.abc import Sequence

import numpy as np

from ..domain.window import MINUTE_US
from .chunk import Chunk, Mask
from .dimensions import starts_of
from .format import MANY_MODELS, START_MINUTE
from .needs import STARTS, Needs
from .segments import Segment
from .snapshot import ColumnSnapshot, StoredChunk


def is_cut(chunk: StoredChunk, snapshot: ColumnSnapshot) -> bool:
    """Whether only some of the chunk's rows may count, for their start alone: then `STARTS` are needed."""
    return not _is_inside(chunk.segment, snapshot.window) or bool(_invalid_in(chunk.segment, snapshot.invalid))


def needs_of(chunk: StoredChunk, snapshot: ColumnSnapshot) -> Needs:
    """Columns that are needed to cut the chunk."""
    return STARTS if is_cut(chunk, snapshot) else Needs()


def rows_that_count(chunk: Chunk, segment: Segment, snapshot: ColumnSnapshot) -> Mask:
    """The rows of a cut chunk that start in the window and in valid minutes. Rows are in order of start."""
    rows = np.ones(chunk.n, np.bool_)
    if not _is_inside(segment, snapshot.window):
        starts = starts_of(chunk)
        first, end = np.searchsorted(starts, snapshot.window)
        rows[:first] = False
        rows[end:] = False
    invalid = _invalid_in(segment, snapshot.invalid)
    if invalid:
        minutes = np.array(invalid) // MINUTE_US
        of_rows = chunk.numbers(START_MINUTE).values()
        lows, highs = np.searchsorted(of_rows, minutes, "left"), np.searchsorted(of_rows, minutes, "right")
        for low, high in zip(lows, highs, strict=True):
            rows[low:high] = False
    return rows


def has_traces_of_several_models(chunk: Chunk) -> bool:
    """Whether spans of any trace of the chunk name different models."""
    flags = chunk.numbers(MANY_MODELS)
    return flags.low > 0 or bool(flags.codes.any())


def _is_inside(segment: Segment, window: Segment) -> bool:
    return window[0] <= segment[0] and segment[1] <= window[1]


def _invalid_in(segment: Segment, invalid: Sequence[int]) -> Sequence[int]:
    """Of ascending minutes those in the segment."""
    if not invalid:
        return ()
    first, end = np.searchsorted(np.array(invalid, np.int64), segment)
    return invalid[first:end]
