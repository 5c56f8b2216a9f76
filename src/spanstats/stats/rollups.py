"""Rollups: a cache of sums by minute, hour and day, exact at every moment.

A write invalidates its minutes: it inserts invalidations (experiment, minute) in its own transaction. A refresh deletes
them and computes these minutes again from the traces, then their hours and days; one refresh runs at a time, in one
snapshot. A read takes valid ranges from the rollups, invalid minutes and the window's cut edges from the traces, in one
statement: so the answer does not depend on what is cached. Rows are only ever computed again, never adjusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..store.session import Driver
from .measures import AGGREGATES, ANSWERED, Aggregate
from .score_measures import ROLLED_UP_SCORES, each_score


@dataclass(frozen=True, slots=True)
class Level:
    """One width of buckets, in UTC; every level but the first is made from the rows of the one before."""

    number: int
    interval: str
    length_us: int


MINUTE = Level(0, "1 minute", 60_000_000)
HOUR = Level(1, "1 hour", 3_600_000_000)
DAY = Level(2, "1 day", 86_400_000_000)
LEVELS = (MINUTE, HOUR, DAY)

NAMES = ", ".join(a.name for a in AGGREGATES)
JOINED = ", ".join(f"{a.joined} AS {a.name}" for a in AGGREGATES)
NAMES_ANSWERED = ", ".join(a.name for a in ANSWERED)
JOINED_ANSWERED = ", ".join(f"{a.joined} AS {a.name}" for a in ANSWERED)
SCORES_JOINED = ", ".join(f"{a.joined} AS {a.name}" for a in ROLLED_UP_SCORES)
SCORES_READ = ", ".join(f"(j.v->>{i})::numeric AS {a.name}" for i, a in enumerate(ROLLED_UP_SCORES))
SCORES_KEPT = f"jsonb_object_agg(name, jsonb_build_array({', '.join(a.name for a in ROLLED_UP_SCORES)}))"
_COLUMNS = f"experiment_key, level, bucket, {NAMES}, scores"
OF_SCORES = ", ".join(f"{a.sql} AS {a.name}" for a in ROLLED_UP_SCORES)


def trace_sums(where: str, aggregates: Sequence[Aggregate] = ANSWERED) -> str:
    """A query for the one row of sums over the traces for which the condition holds."""
    sums = ", ".join(f"{a.sql} AS {a.name}" for a in aggregates)
    return f"SELECT {sums} FROM traces WHERE {where}"


def score_sums(where: str) -> str:
    """A query for the sums of their scores, a row per evaluator key (`name`)."""
    return f"SELECT name, {OF_SCORES} FROM ({each_score(where)}) flat GROUP BY name"


# A limit bounds the transaction. Invalidations that this snapshot does not see stay. Columns have theirs from here on.
_TAKE_INVALIDATIONS = """
WITH taken AS (
    DELETE FROM rollup_marks WHERE ctid = ANY (ARRAY(SELECT ctid FROM rollup_marks LIMIT $1))
    RETURNING experiment_key, minute
),
of_columns AS (
    INSERT INTO column_invalidations (experiment_key, minute) SELECT DISTINCT experiment_key, minute FROM taken
)
SELECT experiment_key, minute, count(*) AS n FROM taken GROUP BY 1, 2
"""

_DELETE = """
DELETE FROM rollups r USING unnest($1::bigint[], $2::timestamptz[]) AS u(k, t)
WHERE r.experiment_key = u.k AND r.bucket = u.t AND r.level = $3
"""


def computed(level: Level, buckets: str) -> str:
    """A query for the rows of a level in these buckets, a FROM item `u(k, t)`: minutes from the traces, hours and days
    from the rows of the level below."""
    if level is MINUTE:
        inside = f"experiment_key = u.k AND start_time >= u.t AND start_time < u.t + interval '{level.interval}'"
        sums, by_name = trace_sums(inside, AGGREGATES), score_sums(inside)
    else:
        inside = f"level = {level.number - 1} AND bucket >= u.t AND bucket < u.t + interval '{level.interval}'"
        below = f"experiment_key = u.k AND {inside}"
        sums = f"SELECT {JOINED} FROM rollups WHERE {below}"
        scores = f"SELECT j.name, {SCORES_READ} FROM rollups, jsonb_each(scores) AS j(name, v) WHERE {below}"
        by_name = f"SELECT name, {SCORES_JOINED} FROM ({scores}) each_bucket GROUP BY name"
    return f"""
SELECT u.k AS experiment_key, {level.number} AS level, u.t AS bucket, sums.*, scores.kept AS scores FROM {buckets}
CROSS JOIN LATERAL ({sums}) sums
CROSS JOIN LATERAL (SELECT {SCORES_KEPT} AS kept FROM ({by_name}) by_name) scores
WHERE sums.n > 0
"""


def stored(level: Level) -> str:
    """A query for the stored rows of a level, column by column as `computed` has them."""
    return f"SELECT {_COLUMNS} FROM rollups WHERE level = {level.number}"


_GIVEN = "unnest($1::bigint[], $2::timestamptz[]) AS u(k, t)"


def _filling(level: Level) -> str:
    sums = f"WITH sums AS MATERIALIZED ({computed(level, _GIVEN)})"
    return f"{sums} INSERT INTO rollups ({_COLUMNS}) SELECT * FROM sums"


_FILL = {level: _filling(level) for level in LEVELS}


async def refresh(driver: Driver, limit: int = 10_000) -> int:
    """Refresh the minutes, hours and days of at most `limit` invalid minutes; the number of deleted invalidations.

    Needs a transaction of its own (`Kind.CACHES`) whose first statement was `LOCK`.
    """
    invalidations = await driver.fetch(_TAKE_INVALIDATIONS, limit)
    if not invalidations:
        return 0
    await refresh_minutes(driver, [(r["experiment_key"], r["minute"]) for r in invalidations])
    return sum(r["n"] for r in invalidations)


async def refresh_minutes(driver: Driver, minutes: list[tuple[int, int]]) -> None:
    """Compute these (experiment, minute), their hours and their days again."""
    for level in LEVELS:
        buckets = sorted({(k, t - t % level.length_us) for k, t in minutes})
        columns = [list(column) for column in zip(*buckets, strict=True)]
        await driver.execute(_DELETE, *columns, level.number)
        await driver.execute(_FILL[level], *columns)
