"""Reading the rollups: one statement, whatever is marked, whatever the window."""

from collections.abc import Mapping
from typing import Any

from ..domain.values import MAX_TIME_US
from ..store.session import Driver
from .measures import SCORE_AGGREGATES
from .rollups import (
    DAY,
    HOUR,
    JOINED,
    MINUTE,
    NAMES,
    SCORES_JOINED,
    SCORES_KEPT,
    SCORES_READ,
    score_sums,
    trace_sums,
)
from .sums import ScoreSums, Sums, Window

_IN_LIVE = "experiment_key = $1 AND start_time >= l.lo AND start_time < l.hi"
_ORIGIN = "'2000-01-01Z'"

# $1 experiment, $2 the window's first whole minute, $3 its start, $4 the end of its last whole minute, $5 its end.
# `marked`: minutes that may differ from their rollup; `stretch`: adjacent ones as one; `live`: what is read from the
# traces; `gap`: what lies between stretches; `clean`: each gap as whole days, the whole hours before and after them,
# and the single minutes before and after those. The ranges are read by index, one by one (OFFSET 0 keeps the planner
# from turning that around). `sums` runs over both kinds.
STATEMENT = f"""
WITH marked AS MATERIALIZED (
    SELECT DISTINCT minute FROM rollup_marks WHERE experiment_key = $1 AND minute >= $2 AND minute < $4
), stretch AS MATERIALIZED (
    SELECT min(minute) AS lo, max(minute) + interval '1 minute' AS hi FROM (
        SELECT minute, minute - row_number() OVER (ORDER BY minute) * interval '1 minute' AS run FROM marked
    ) runs GROUP BY run
), live AS MATERIALIZED (
    SELECT lo, hi FROM stretch
    UNION ALL SELECT $3, $2 WHERE $3 < $2
    UNION ALL SELECT $4, $5 WHERE $4 < $5
), gap AS MATERIALIZED (
    SELECT lo, hi, date_bin('1 hour', lo + interval '59 minutes', {_ORIGIN}) AS first_hour,
        date_bin('1 hour', hi, {_ORIGIN}) AS end_hour,
        date_bin('1 day', lo + interval '1439 minutes', {_ORIGIN}) AS first_day,
        date_bin('1 day', hi, {_ORIGIN}) AS end_day
    FROM (
        SELECT hi AS lo, lead(lo, 1, $4) OVER (ORDER BY lo, hi) AS hi
        FROM (SELECT lo, hi FROM stretch UNION ALL SELECT $2, $2) bounds
    ) between_stretches WHERE lo < hi
), clean AS MATERIALIZED (
    SELECT {DAY.number} AS level, first_day AS lo, end_day AS hi FROM gap WHERE first_day < end_day
    UNION ALL SELECT {HOUR.number}, first_hour, CASE WHEN first_day < end_day THEN first_day ELSE end_hour END FROM gap
    UNION ALL SELECT {HOUR.number}, end_day, end_hour FROM gap WHERE first_day < end_day
    UNION ALL SELECT {MINUTE.number}, lo, CASE WHEN first_hour < end_hour THEN first_hour ELSE hi END FROM gap
    UNION ALL SELECT {MINUTE.number}, end_hour, hi FROM gap WHERE first_hour < end_hour
), warm AS MATERIALIZED (
    SELECT r.* FROM clean c CROSS JOIN LATERAL (
        SELECT {NAMES}, scores FROM rollups
        WHERE experiment_key = $1 AND level = c.level AND bucket >= c.lo AND bucket < c.hi OFFSET 0
    ) r
), sums AS (
    SELECT {JOINED} FROM (
        SELECT {NAMES} FROM warm
        UNION ALL
        SELECT r.* FROM live l CROSS JOIN LATERAL ({trace_sums(_IN_LIVE)} OFFSET 0) r
    ) parts
), by_name AS (
    SELECT name, {SCORES_JOINED} FROM (
        SELECT j.name, {SCORES_READ} FROM warm, jsonb_each(scores) AS j(name, v)
        UNION ALL
        SELECT r.* FROM live l CROSS JOIN LATERAL ({score_sums(_IN_LIVE)} OFFSET 0) r
    ) parts GROUP BY name
)
SELECT sums.*, (SELECT {SCORES_KEPT} FROM by_name) AS scores FROM sums
"""


def bounds(window: Window) -> tuple[int, int, int, int]:
    """First whole minute, start, end of the last whole minute, end; where no whole minute fits, both are the end."""
    minute = MINUTE.length_us
    start = 0 if window.start_us is None else window.start_us
    end = MAX_TIME_US + minute if window.end_us is None else window.end_us
    end = max(start, end)
    first, last = -(-start // minute) * minute, end // minute * minute
    return (first, start, last, end) if first < last else (end, start, end, end)


async def rolled_up(driver: Driver, experiment_key: int, window: Window) -> Sums:
    """The sums and scores of the experiment's traces in the window."""
    return read_sums(await driver.fetchrow(STATEMENT, experiment_key, *bounds(window)))


def read_sums(row: Mapping[str, Any]) -> Sums:
    """A row of aggregates with, under `scores`, those of the scores as kept in rollups."""
    values = dict(row)
    scores = {name: _score(score) for name, score in sorted((values.pop("scores", None) or {}).items())}
    return {name: None if value is None else int(value) for name, value in values.items()}, scores


def _score(values: list[int | None]) -> ScoreSums:
    named = zip(SCORE_AGGREGATES, values, strict=True)
    return ScoreSums(**{a.name: value for a, value in named if value is not None})
