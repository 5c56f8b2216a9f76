"""The chunks and invalid minutes of an experiment in a window, read in one snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.keys import ExperimentKey
from ..domain.times import MAX_TIME_US
from ..domain.window import MINUTE_US, Window
from ..store.session import Driver
from .segments import Segment

# $1 the experiment, $2 and $3 the window.
_CHUNKS = """
SELECT id, start_time, end_time, n, format FROM column_chunks
WHERE experiment_key = $1 AND start_time < $3 AND end_time > $2 ORDER BY start_time, number
"""
_INVALID = """
SELECT minute FROM rollup_marks
WHERE experiment_key = $1 AND minute > $2::timestamptz - interval '1 minute' AND minute < $3
UNION
SELECT minute FROM column_invalidations
WHERE experiment_key = $1 AND minute > $2::timestamptz - interval '1 minute' AND minute < $3
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A stored chunk: its id, segment, number of traces, and the version of its format."""

    id: int
    segment: Segment
    n: int
    format: int


@dataclass(frozen=True, slots=True)
class ColumnSnapshot:
    """`window` as from, to (exclusive); chunks that overlap it; minutes of it that are invalid, ascending."""

    window: Segment
    chunks: Sequence[StoredChunk]
    invalid: Sequence[int]


async def read_snapshot(driver: Driver, experiment_key: ExperimentKey, window: Window) -> ColumnSnapshot:
    """The chunks and invalid minutes in the snapshot of the transaction."""
    return await with_invalid(driver, experiment_key, window, await read_chunks(driver, experiment_key, window))


async def read_chunks(driver: Driver, experiment_key: ExperimentKey, window: Window) -> list[StoredChunk]:
    """The chunks alone."""
    return [
        StoredChunk(row["id"], (row["start_time"], row["end_time"]), row["n"], row["format"])
        for row in await driver.fetch(_CHUNKS, experiment_key, *_bounds(window))
    ]


async def with_invalid(
    driver: Driver, experiment_key: ExperimentKey, window: Window, chunks: Sequence[StoredChunk]
) -> ColumnSnapshot:
    """These chunks, read before in the same transaction, with the invalid minutes."""
    bounds = _bounds(window)
    minutes = [row["minute"] for row in await driver.fetch(_INVALID, experiment_key, *bounds)]
    return ColumnSnapshot(bounds, chunks, minutes)


def _bounds(window: Window) -> Segment:
    start = 0 if window.start_us is None else window.start_us
    end = MAX_TIME_US + MINUTE_US if window.end_us is None else window.end_us
    return start, max(start, end)


def ranges_to_read(snapshot: ColumnSnapshot, not_served: Sequence[Segment]) -> list[Segment]:
    """Invalid minutes and segments that no chunk serves, cut to the window; neighbours are joined."""
    start, end = snapshot.window
    ranges = sorted([*((minute, minute + MINUTE_US) for minute in snapshot.invalid), *not_served])
    joined: list[Segment] = []
    for lo, hi in ((max(lo, start), min(hi, end)) for lo, hi in ranges):
        if joined and lo <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], hi)
        elif lo < hi:
            joined.append((lo, hi))
    return joined
