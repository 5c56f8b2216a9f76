"""Which ranges of a window are read from rollups, and of which level; the others are read from the traces."""

from ..domain.times import MAX_TIME_US
from .rollups import (
    DAY,
    HOUR,
    MINUTE,
    Level,
)
from .sums import Window

_ORIGIN = "'2000-01-01Z'"


# $1 the window's first whole minute, $2 its start, $3 the end of its last whole minute, $4 its end. The ranges are read
# by index, one by one (OFFSET 0 keeps the planner from another order).
def ranges(experiment: str, coarsest: Level = DAY) -> str:
    """CTEs: `of_rollups` are ranges (level, lo, hi) of rollups up to the coarsest level, `of_traces` ranges (lo, hi).

    `experiment` is an expression for its key. Together they cover the window once.
    """
    return f"{_invalid_ranges(experiment)}, {_gaps(coarsest)}, {_OF_ROLLUPS}"


def _invalid_ranges(experiment: str) -> str:
    """CTEs: `invalid` are the invalid minutes, `invalid_ranges` adjacent ones as one range; `of_traces` adds the parts
    of minutes at the ends of the window."""
    return f"""
invalid AS MATERIALIZED (
    SELECT DISTINCT minute FROM rollup_marks WHERE experiment_key = {experiment} AND minute >= $1 AND minute < $3
), invalid_ranges AS MATERIALIZED (
    SELECT min(minute) AS lo, max(minute) + interval '1 minute' AS hi FROM (
        SELECT minute, minute - row_number() OVER (ORDER BY minute) * interval '1 minute' AS run FROM invalid
    ) runs GROUP BY run
), of_traces AS MATERIALIZED (
    SELECT lo, hi FROM invalid_ranges
    UNION ALL SELECT $2, $1 WHERE $2 < $1
    UNION ALL SELECT $3, $4 WHERE $3 < $4
)"""


def _gaps(coarsest: Level) -> str:
    """CTE: `gap` are the ranges between invalid ones, each with the bounds of its whole hours and whole days."""
    return f"""
gap (lo, hi, first_hour, end_hour, first_day, end_day) AS MATERIALIZED (
    SELECT lo, hi, {_whole_buckets(HOUR, coarsest)}, {_whole_buckets(DAY, coarsest)}
    FROM (
        SELECT hi AS lo, lead(lo, 1, $3) OVER (ORDER BY lo, hi) AS hi
        FROM (SELECT lo, hi FROM invalid_ranges UNION ALL SELECT $1, $1) bounds
    ) between_ranges WHERE lo < hi
)"""


def _whole_buckets(level: Level, coarsest: Level) -> str:
    """Where a gap's whole buckets of the level begin and end; nulls where the level is too coarse."""
    if level.number > coarsest.number:
        return "NULL::timestamptz, NULL::timestamptz"
    almost = level.length_us // MINUTE.length_us - 1
    first = f"date_bin('{level.interval}', lo + interval '{almost} minutes', {_ORIGIN})"
    return f"{first}, date_bin('{level.interval}', hi, {_ORIGIN})"


# Each gap as whole days, the whole hours before and after them, and the single minutes before and after these.
_OF_ROLLUPS = f"""
of_rollups AS MATERIALIZED (
    SELECT {DAY.number} AS level, first_day AS lo, end_day AS hi FROM gap WHERE first_day < end_day
    UNION ALL SELECT {HOUR.number}, first_hour, CASE WHEN first_day < end_day THEN first_day ELSE end_hour END FROM gap
    UNION ALL SELECT {HOUR.number}, end_day, end_hour FROM gap WHERE first_day < end_day
    UNION ALL SELECT {MINUTE.number}, lo, CASE WHEN first_hour < end_hour THEN first_hour ELSE hi END FROM gap
    UNION ALL SELECT {MINUTE.number}, end_hour, hi FROM gap WHERE first_hour < end_hour
)"""


def bounds(window: Window) -> tuple[int, int, int, int]:
    """First whole minute, start, end of the last whole minute, end; where no whole minute fits, both are the end."""
    minute = MINUTE.length_us
    start = 0 if window.start_us is None else window.start_us
    end = MAX_TIME_US + minute if window.end_us is None else window.end_us
    end = max(start, end)
    first, last = -(-start // minute) * minute, end // minute * minute
    return (first, start, last, end) if first < last else (end, start, end, end)
