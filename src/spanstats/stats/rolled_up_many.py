"""Reading all that rollups hold, of many experiments or of many buckets of time, each by one statement."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from ..domain.keys import ExperimentKey
from ..store.session import Driver
from .measures import AGGREGATES, NEWEST
from .ranges import bounds, ranges
from .rolled_up import read_sums, sums_statement
from .rollups import (
    DAY,
    HOUR,
    JOINED,
    MINUTE,
    NAMES,
    OF_SCORES,
    SCORES_JOINED,
    SCORES_KEPT,
    SCORES_READ,
    Level,
)
from .score_measures import each_score
from .sums import Sums, Window

_LACKS_NEWEST = f", (SELECT bool_or({NEWEST} IS NULL) FROM rolled) AS lacks_newest"


def _by_experiment() -> str:
    each, sums = "unnest($5::bigint[]) AS e(key)", sums_statement("e.key", more=_LACKS_NEWEST, aggregates=AGGREGATES)
    return f"SELECT e.key AS experiment_key, r.* FROM {each} CROSS JOIN LATERAL ({sums}) r"


_BUCKET = "width_bucket({}, $6::timestamptz[]) AS point"
_IN_RANGE = "experiment_key = $5 AND start_time >= l.lo AND start_time < l.hi"

_SUMS_BY_BUCKET = f"""
sums AS (
    SELECT point, {JOINED} FROM (
        SELECT point, {NAMES} FROM rolled
        UNION ALL
        SELECT r.* FROM of_traces l CROSS JOIN LATERAL (
            SELECT {_BUCKET.format("start_time")}, {", ".join(f"{a.sql} AS {a.name}" for a in AGGREGATES)}
            FROM traces WHERE {_IN_RANGE} GROUP BY 1 OFFSET 0
        ) r
    ) parts GROUP BY point
)"""
_SCORES_BY_BUCKET = f"""
by_name AS (
    SELECT point, name, {SCORES_JOINED} FROM (
        SELECT point, j.name, {SCORES_READ} FROM rolled, jsonb_each(scores) AS j(name, v)
        UNION ALL
        SELECT r.* FROM of_traces l CROSS JOIN LATERAL (
            SELECT point, name, {OF_SCORES} FROM ({each_score(_IN_RANGE, _BUCKET.format("start_time"))}) flat
            GROUP BY 1, 2 OFFSET 0
        ) r
    ) parts GROUP BY point, name
)"""


def _by_bucket(coarsest: Level) -> str:
    """A row for each bucket that has traces: `point` counts from 1. $5 the experiment, $6 the edges of the buckets."""
    return f"""
WITH {ranges("$5", coarsest)}, rolled AS MATERIALIZED (
    SELECT r.* FROM of_rollups c CROSS JOIN LATERAL (
        SELECT {_BUCKET.format("bucket")}, {NAMES}, scores FROM rollups
        WHERE experiment_key = $5 AND level = c.level AND bucket >= c.lo AND bucket < c.hi OFFSET 0
    ) r
), {_SUMS_BY_BUCKET}, {_SCORES_BY_BUCKET}
SELECT sums.*, kept.scores {_LACKS_NEWEST} FROM sums LEFT JOIN (
    SELECT point, {SCORES_KEPT} AS scores FROM by_name GROUP BY point
) kept USING (point)
"""


BY_EXPERIMENT_STATEMENT = _by_experiment()
BY_BUCKET_STATEMENT = {level: _by_bucket(level) for level in (MINUTE, HOUR, DAY)}


async def rolled_up_by_experiment(
    driver: Driver, experiment_keys: list[ExperimentKey], window: Window
) -> dict[int, Sums] | None:
    """All `AGGREGATES` and the scores of the traces of many experiments in the window, by experiment key.

    `None` where rollups do not hold all of it yet.
    """
    rows = await driver.fetch(BY_EXPERIMENT_STATEMENT, *bounds(window), experiment_keys)
    return await asyncio.to_thread(_read, rows, "experiment_key")


async def rolled_up_by_bucket(
    driver: Driver, experiment_key: ExperimentKey, window: Window, edges: Sequence[int]
) -> dict[int, Sums] | None:
    """The same of each bucket that has traces, by its number from 0: bucket i is between edges i and i + 1.

    The edges are ascending whole minutes; the window lies between the first and the last one.
    """
    coarsest = next(level for level in (DAY, HOUR, MINUTE) if all(edge % level.length_us == 0 for edge in edges))
    statement = BY_BUCKET_STATEMENT[coarsest]
    rows = await driver.fetch(statement, *bounds(window), experiment_key, list(edges))
    by_point = await asyncio.to_thread(_read, rows, "point")
    return None if by_point is None else {point - 1: sums for point, sums in by_point.items()}


def _read(rows: Sequence[Mapping[str, Any]], key: str) -> dict[int, Sums] | None:
    if any(row["lacks_newest"] for row in rows):
        return None
    others = (key, "lacks_newest")
    return {row[key]: read_sums({k: v for k, v in row.items() if k not in others}) for row in rows}
