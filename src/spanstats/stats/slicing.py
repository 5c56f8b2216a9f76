"""Keeping bit slices warm, from marks as rollups are: exact at every moment, made anew and never adjusted.

A minute that is marked in `rollup_marks` or `slice_marks` is read from the traces; of all other minutes the slices hold
just the traces that start there. A rebuild takes marks, sees in its snapshot all that they stood for, and leaves marks
for what it drops and does not make.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import Unavailable
from ..store.outages import translated
from ..store.session import Driver, Kind, Timeouts, transaction
from .pieces import MOST_TRACES, Plan, plan
from .rollups import DAY, LOCK
from .slices import put_slices, slices_differ

log = logging.getLogger(__name__)

Day: TypeAlias = tuple[int, int]
"""Experiment key, and when the day begins, microseconds since 1970."""

REST_S = 15.0
"""A minute that is still being written to is not sliced: it would be made anew again and again."""

# After so many times that rest a mark has waited for long: a stretch is made anew for one minute of it.
_LONG = 40

# One after the other, before the database counts as away.
_FAILURES = 3

# Of one core, while there is much to do: writes and reads come first.
_IDLE_SHARE = 0.75

_OLD = "unlisted IS NULL AND n > 0"
"""Slices that an earlier version of the program made: they answer until they are made anew."""

_QUIET = f"""
SELECT minute, min(created_at) <= now() - $5 * interval '1 second' AS has_waited
FROM slice_marks WHERE experiment_key = $1 AND minute >= $2 AND minute < $3
GROUP BY minute HAVING max(created_at) <= now() - $4 * interval '1 second'
UNION ALL SELECT unnest(minutes), true FROM slices
WHERE experiment_key = $1 AND start_time >= $2 AND start_time < $3 AND {_OLD}
"""
_TAKE_TURN = text("SELECT pg_try_advisory_lock(hashtextextended('spanstats slices', 0))")
_END_TURN = text("SELECT pg_advisory_unlock(hashtextextended('spanstats slices', 0))")
_DAYS = f"""
SELECT DISTINCT experiment_key, date_bin('1 day', minute, '2000-01-01Z') AS day FROM (
    (SELECT experiment_key, minute FROM slice_marks
    GROUP BY 1, 2 HAVING max(created_at) <= now() - $1 * interval '1 second')
    UNION ALL SELECT experiment_key, start_time FROM slices WHERE {_OLD}
) quiet ORDER BY 1, 2 LIMIT $2
"""
_COUNTS = (
    "SELECT bucket, n::bigint FROM rollups WHERE experiment_key = $1 AND level = 0 AND bucket >= $2 AND bucket < $3"
)
_STORED = """
SELECT DISTINCT start_time, end_time FROM slices WHERE experiment_key = $1 AND start_time >= $2 AND start_time < $3
"""

_TAKE_MARKS = """
DELETE FROM slice_marks m USING unnest($2::timestamptz[], $3::timestamptz[]) AS made(lo, hi)
WHERE experiment_key = $1 AND minute >= made.lo AND minute < made.hi
"""
# What is not made again is marked, as if long ago: nobody is writing there.
_DROP = """
WITH dropped AS (
    DELETE FROM slices WHERE experiment_key = $1 AND start_time = ANY ($2::timestamptz[])
    RETURNING start_time, end_time, n, minutes
), of_scores AS (
    DELETE FROM slice_scores WHERE experiment_key = $1 AND start_time = ANY ($2::timestamptz[] || $3::timestamptz[])
)
INSERT INTO slice_marks (experiment_key, minute, created_at)
SELECT DISTINCT $1::bigint, minute, '-infinity'::timestamptz FROM dropped CROSS JOIN LATERAL (
    SELECT unnest(minutes)
    UNION ALL SELECT generate_series(start_time, end_time - interval '1 minute', '1 minute') WHERE n = 0
) AS within(minute)
WHERE NOT EXISTS (
    SELECT FROM unnest($3::timestamptz[], $4::timestamptz[]) AS made(lo, hi) WHERE minute >= lo AND minute < hi
)
"""


_MARKED = """
EXISTS (SELECT FROM {marks} m WHERE m.experiment_key = s.experiment_key AND m.minute >= s.start_time
    AND m.minute < s.end_time)
"""
_UNMARKED = f"NOT {_MARKED.format(marks='rollup_marks')} AND NOT {_MARKED.format(marks='slice_marks')}"
_CLEAN = f"""
SELECT experiment_key, start_time, end_time FROM slices s WHERE {_UNMARKED}
GROUP BY 1, 2, 3 HAVING NOT bool_or({_OLD}) ORDER BY 1, 2
"""
_NOWHERE = f"""
SELECT experiment_key, start_time FROM (
    SELECT DISTINCT experiment_key, date_trunc('minute', start_time, 'UTC') AS start_time,
        date_trunc('minute', start_time, 'UTC') + interval '1 minute' AS end_time
    FROM traces WHERE experiment_key IS NOT NULL
) s WHERE {_UNMARKED} AND NOT EXISTS (
    SELECT FROM slices o WHERE o.experiment_key = s.experiment_key AND o.start_time <= s.start_time
        AND o.end_time > s.start_time
) ORDER BY 1, 2
"""


async def slice_some(
    driver: Driver, experiment_key: int, day: int, rest_s: float = REST_S, most: int = MOST_TRACES
) -> Plan:
    """Slice marked minutes of the day that begins at `day`, about `most` traces; what was done.

    Needs a transaction of its own (`Kind.REBUILD`) whose first statement was `LOCK`.
    """
    within = experiment_key, day, day + DAY.length_us
    quiet = await driver.fetch(_QUIET, *within, rest_s, rest_s * _LONG)
    marked: dict[int, bool] = {}
    for minute, has_waited in quiet:
        marked[minute] = marked.get(minute, False) or has_waited
    if not marked:
        return Plan([], [])
    counts = {row["bucket"]: row["n"] for row in await driver.fetch(_COUNTS, *within)}
    stored = [(row["start_time"], row["end_time"]) for row in await driver.fetch(_STORED, *within)]
    todo = plan(day, counts, stored, marked, most)
    made = [lo for lo, _ in todo.make], [hi for _, hi in todo.make]
    await driver.execute(_TAKE_MARKS, experiment_key, *made)
    await driver.execute(_DROP, experiment_key, [lo for lo, _ in todo.drop], *made)
    for stretch in todo.make:
        await put_slices(driver, experiment_key, stretch)
    return todo


async def differing_slices(driver: Driver) -> list[tuple[int, int]]:
    """(experiment key, start) of stretches without a mark whose slices are not what the traces make.

    Needs a transaction that is one snapshot.
    """
    found = [(row["experiment_key"], row["start_time"]) for row in await driver.fetch(_NOWHERE)]
    for key, start, end in await driver.fetch(_CLEAN):
        if await slices_differ(driver, key, (start, end)):
            found.append((key, start))
    return found


async def waiting_days(
    engine: AsyncEngine, timeouts: Timeouts, rest_s: float = REST_S, limit: int = 100_000
) -> list[Day]:
    """Days with marked minutes that nobody has written to for a while. Raises `Unavailable`."""
    async with transaction(engine, Kind.REBUILD, timeouts) as tx:
        return [(row["experiment_key"], row["day"]) for row in await tx.driver.fetch(_DAYS, rest_s, limit)]


async def slice_marked(engine: AsyncEngine, timeouts: Timeouts, day: Day, rest_s: float = REST_S) -> bool:
    """One transaction of slicing; whether there was anything to do. Raises `Unavailable`."""
    async with transaction(engine, Kind.REBUILD, timeouts) as tx:
        await tx.driver.execute(LOCK)
        return bool((await slice_some(tx.driver, *day, rest_s)).make)


async def slice_waiting(
    engine: AsyncEngine, timeouts: Timeouts, rest_s: float = REST_S, idle_share: float = 0.0
) -> AsyncGenerator[Day, None]:
    """Slice all minutes that have rested, day by day; yields the day after each transaction.

    `idle_share` of the time it does nothing. A day that fails is left for the next time. Raises `Unavailable` where
    several fail one after the other.
    """
    seen: set[Day] = set()
    failures = 0
    while days := [day for day in await waiting_days(engine, timeouts, rest_s) if day not in seen]:
        for day in days:
            seen.add(day)
            try:
                async for took_s in _slice_day(engine, timeouts, day, rest_s):
                    yield day
                    await asyncio.sleep(took_s * idle_share / (1 - idle_share))
                failures = 0
            except Unavailable:
                failures += 1
                if failures == _FAILURES:
                    raise
            except Exception:
                log.exception("a day could not be sliced")


async def _slice_day(engine: AsyncEngine, timeouts: Timeouts, day: Day, rest_s: float) -> AsyncGenerator[float, None]:
    """Yields how many seconds each transaction took."""
    began = time.monotonic()
    while await slice_marked(engine, timeouts, day, rest_s):
        yield time.monotonic() - began
        began = time.monotonic()


async def keep_sliced(engine: AsyncEngine, timeouts: Timeouts, every_s: float = 10.0) -> None:
    """Run for ever, in one process at a time; an outage is waited out."""
    while True:
        try:
            async with _turn(engine) as is_ours:
                if is_ours:
                    async for _ in slice_waiting(engine, timeouts, idle_share=_IDLE_SHARE):
                        pass
        except Unavailable as error:
            log.warning("slices wait: %s", error)
        except Exception:
            log.exception("traces could not be sliced")
        await asyncio.sleep(every_s)


@asynccontextmanager
async def _turn(engine: AsyncEngine) -> AsyncIterator[bool]:
    """Whether it is this process' turn, until the end of the block or of the connection.

    Many that wait for the lock of rollups would leave these no moment.
    """
    with translated():
        async with engine.connect() as connection:
            is_ours = bool(await connection.scalar(_TAKE_TURN))
            try:
                yield is_ours
            finally:
                if is_ours:
                    await connection.execute(_END_TURN)
