"""Rollups: a cache of sums by minute and hour, exact at every moment.

A write leaves marks (experiment, minute) in its own transaction. A rebuild deletes marks and makes those minutes anew
from the traces, in one snapshot and one at a time. A read takes clean stretches from the rollups, marked minutes and
the window's cut edges from the traces, in one statement: so the answer does not depend on whether the cache is warm.
Rows are only ever rebuilt, never adjusted.
"""

from ..domain.values import MAX_TIME_US
from ..store.session import Driver
from .measures import AGGREGATES, SCORE_AGGREGATES, SCORE_COLUMNS, SCORES_OF_TRACES
from .sums import ScoreSums, Sums, Window

MINUTE_US = 60_000_000
MINUTE, HOUR = 0, 1

_NAMES = ", ".join(a.name for a in AGGREGATES)
_OF_TRACES = ", ".join(f"{a.sql} AS {a.name}" for a in AGGREGATES)
_JOINED = ", ".join(f"{a.joined} AS {a.name}" for a in AGGREGATES)
_SCORE_NAMES = ", ".join(a.name for a in SCORE_AGGREGATES)
_OF_SCORES = ", ".join(f"{a.sql} AS {a.name}" for a in SCORE_AGGREGATES)
_SCORES_JOINED = ", ".join(f"{a.joined} AS {a.name}" for a in SCORE_AGGREGATES)
_SCORES_READ = ", ".join(f"(j.v->>{i})::numeric AS {a.name}" for i, a in enumerate(SCORE_AGGREGATES))
_SCORES_KEPT = f"jsonb_object_agg(name, jsonb_build_array({_SCORE_NAMES}))"


def _trace_sums(span: str) -> str:
    return f"SELECT {_OF_TRACES} FROM traces WHERE {span}"


def _score_sums(span: str) -> str:
    scores = f"SELECT {SCORE_COLUMNS} FROM traces, {SCORES_OF_TRACES} WHERE score_keys IS NOT NULL AND {span}"
    return f"SELECT name, {_OF_SCORES} FROM ({scores}) flat GROUP BY name"


# First in its transaction: it takes no snapshot, so the snapshot of the next statement sees all that the rebuild before
# has committed. Without it two rebuilds could undo each other.
LOCK = "LOCK TABLE rollup_lock IN EXCLUSIVE MODE"

# No more than some marks at a time bounds the transaction. Marks that this snapshot does not see stay.
_TAKE_MARKS = """
WITH taken AS (
    DELETE FROM rollup_marks WHERE ctid = ANY (ARRAY(SELECT ctid FROM rollup_marks LIMIT $1))
    RETURNING experiment_key, minute
)
SELECT experiment_key, minute, count(*) AS marks FROM taken GROUP BY 1, 2
"""

_DROP = """
DELETE FROM rollups r USING unnest($1::bigint[], $2::timestamptz[]) AS u(k, t)
WHERE r.experiment_key = u.k AND r.bucket = u.t AND r.level = $3
"""

_IN_MINUTE = "experiment_key = u.k AND start_time >= u.t AND start_time < u.t + interval '1 minute'"
_MINUTES_OF_HOUR = f"experiment_key = u.k AND level = {MINUTE} AND bucket >= u.t AND bucket < u.t + interval '1 hour'"
_COLUMNS = f"experiment_key, level, bucket, {_NAMES}, scores"


def fresh_minutes(buckets: str) -> str:
    """A query for the minute rows of these buckets, a FROM item `u(k, t)`, as the traces make them."""
    return f"""
SELECT u.k AS experiment_key, {MINUTE} AS level, u.t AS bucket, sums.*, scores.kept AS scores FROM {buckets}
CROSS JOIN LATERAL ({_trace_sums(_IN_MINUTE)}) sums
CROSS JOIN LATERAL (SELECT {_SCORES_KEPT} AS kept FROM ({_score_sums(_IN_MINUTE)}) by_name) scores
WHERE sums.n > 0
"""


def fresh_hours(buckets: str) -> str:
    """A query for the hour rows of these buckets, a FROM item `u(k, t)`, as their minute rows make them."""
    return f"""
SELECT u.k AS experiment_key, {HOUR} AS level, u.t AS bucket, sums.*, scores.kept AS scores FROM {buckets}
CROSS JOIN LATERAL (SELECT {_JOINED} FROM rollups WHERE {_MINUTES_OF_HOUR}) sums
CROSS JOIN LATERAL (SELECT {_SCORES_KEPT} AS kept FROM (
    SELECT name, {_SCORES_JOINED} FROM (
        SELECT j.name, {_SCORES_READ} FROM rollups, jsonb_each(scores) AS j(name, v) WHERE {_MINUTES_OF_HOUR}
    ) each_minute GROUP BY name
) by_name) scores
WHERE sums.n > 0
"""


def kept(level: int) -> str:
    """A query for the stored rows of a level, column by column as the fresh ones."""
    return f"SELECT {_COLUMNS} FROM rollups WHERE level = {level}"


_GIVEN = "unnest($1::bigint[], $2::timestamptz[]) AS u(k, t)"
_FILL_MINUTES = f"INSERT INTO rollups ({_COLUMNS}) {fresh_minutes(_GIVEN)}"
_FILL_HOURS = f"INSERT INTO rollups ({_COLUMNS}) {fresh_hours(_GIVEN)}"


async def rebuild(driver: Driver, limit: int = 10_000) -> int:
    """Rebuild the minutes, and their hours, of at most so many marks; the number of marks taken.

    Needs a transaction of its own (`Kind.REBUILD`) whose first statement was `LOCK`.
    """
    taken = await driver.fetch(_TAKE_MARKS, limit)
    if not taken:
        return 0
    await refill(driver, [(r["experiment_key"], r["minute"]) for r in taken])
    return sum(r["marks"] for r in taken)


async def refill(driver: Driver, minutes: list[tuple[int, int]]) -> None:
    """Make these (experiment, minute) and their hours anew."""
    hours = list({(k, t - t % (60 * MINUTE_US)) for k, t in minutes})
    for level, buckets, fill in ((MINUTE, sorted(minutes), _FILL_MINUTES), (HOUR, sorted(hours), _FILL_HOURS)):
        columns = [list(column) for column in zip(*buckets, strict=True)]
        await driver.execute(_DROP, *columns, level)
        await driver.execute(fill, *columns)


# $1 experiment, $2 the window's first whole minute, $3 its start, $4 the end of its last whole minute, $5 its end.
# `marked`: minutes that may differ from their rollup; `stretch`: adjacent ones as one; `live`: what is read from the
# traces; `gap`: what lies between stretches, cut into whole hours and single minutes by `clean`. The ranges are read by
# index, one by one (OFFSET 0 keeps the planner from turning that around). `sums` runs over both kinds.
_READ = f"""
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
    SELECT lo, hi, date_bin('1 hour', lo + interval '59 minutes', '2000-01-01Z') AS first_hour,
        date_bin('1 hour', hi, '2000-01-01Z') AS end_hour
    FROM (
        SELECT hi AS lo, lead(lo, 1, $4) OVER (ORDER BY lo, hi) AS hi
        FROM (SELECT lo, hi FROM stretch UNION ALL SELECT $2, $2) bounds
    ) between_stretches WHERE lo < hi
), clean AS MATERIALIZED (
    SELECT {HOUR} AS level, first_hour AS lo, end_hour AS hi FROM gap WHERE first_hour < end_hour
    UNION ALL SELECT {MINUTE}, lo, CASE WHEN first_hour < end_hour THEN first_hour ELSE hi END FROM gap
    UNION ALL SELECT {MINUTE}, end_hour, hi FROM gap WHERE first_hour < end_hour
), warm AS MATERIALIZED (
    SELECT r.* FROM clean c CROSS JOIN LATERAL (
        SELECT {_NAMES}, scores FROM rollups
        WHERE experiment_key = $1 AND level = c.level AND bucket >= c.lo AND bucket < c.hi OFFSET 0
    ) r
), sums AS (
    SELECT {_JOINED} FROM (
        SELECT {_NAMES} FROM warm
        UNION ALL
        SELECT r.* FROM live l CROSS JOIN LATERAL (
            {_trace_sums("experiment_key = $1 AND start_time >= l.lo AND start_time < l.hi")} OFFSET 0
        ) r
    ) parts
), by_name AS (
    SELECT name, {_SCORES_JOINED} FROM (
        SELECT j.name, {_SCORES_READ} FROM warm, jsonb_each(scores) AS j(name, v)
        UNION ALL
        SELECT r.* FROM live l CROSS JOIN LATERAL (
            {_score_sums("experiment_key = $1 AND start_time >= l.lo AND start_time < l.hi")} OFFSET 0
        ) r
    ) parts GROUP BY name
)
SELECT sums.*, (SELECT {_SCORES_KEPT} FROM by_name) AS scores FROM sums
"""


def bounds(window: Window) -> tuple[int, int, int, int]:
    """First whole minute, start, end of the last whole minute, end; where no whole minute fits, both are the end."""
    start = 0 if window.start_us is None else window.start_us
    end = MAX_TIME_US + MINUTE_US if window.end_us is None else window.end_us
    end = max(start, end)
    first, last = -(-start // MINUTE_US) * MINUTE_US, end // MINUTE_US * MINUTE_US
    return (first, start, last, end) if first < last else (end, start, end, end)


async def rolled_up(driver: Driver, experiment_key: int, window: Window) -> Sums:
    """The sums and scores of the experiment's traces in the window."""
    row = dict(await driver.fetchrow(_READ, experiment_key, *bounds(window)))
    scores = {name: _score(values) for name, values in sorted((row.pop("scores") or {}).items())}
    return {name: None if value is None else int(value) for name, value in row.items()}, scores


def _score(values: list[int | None]) -> ScoreSums:
    named = zip(SCORE_AGGREGATES, values, strict=True)
    return ScoreSums(**{a.name: value for a, value in named if value is not None})
