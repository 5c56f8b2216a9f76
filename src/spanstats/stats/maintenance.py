"""The background task that refreshes rollups, invalidating everything, and comparing rollups with traces."""

import asyncio
import logging
from typing import NamedTuple

from ..columnar.check import differing_segments
from ..errors import Unavailable
from ..metrics import CAUGHT_UP
from ..store.background import outlasting
from ..store.cache_tables import LOCK
from ..store.outages import sqlstate
from ..store.session import Database, Kind
from .rollups import LEVELS, MINUTE, Level, computed, refresh, stored

log = logging.getLogger(__name__)

INVALIDATIONS_PER_TRANSACTION = 10_000
# After this many deletions the table is vacuumed at once: reads would step over dead rows until autovacuum comes.
_VACUUM_AFTER = 50_000
COLUMNS = -1

_LOCK_NOT_AVAILABLE = "55P03"

_ANY_INVALIDATION = "SELECT EXISTS (SELECT 1 FROM rollup_marks)"

_COUNT_INVALIDATIONS = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM rollup_marks LIMIT $1) counted),
    (SELECT count(*) FROM (SELECT 1 FROM column_invalidations LIMIT $1) counted)
"""

# No chunk is left that holds traces of a minute in which none starts.
_DELETE_COLUMNS = "DELETE FROM column_chunks"
_INVALIDATE_EVERYTHING = """
WITH minutes AS MATERIALIZED (
    SELECT experiment_key, date_trunc('minute', start_time, 'UTC') FROM traces WHERE experiment_key IS NOT NULL
    UNION SELECT experiment_key, bucket FROM rollups
)
INSERT INTO rollup_marks (experiment_key, minute) SELECT * FROM minutes
"""

_IS_VALID = """
NOT EXISTS (SELECT 1 FROM rollup_marks m WHERE m.experiment_key = {key} AND m.minute >= {start}
    AND m.minute < {start} + interval '{length}')
"""


async def refresh_once(database: Database, *, wait: bool = False) -> int:
    """Refresh in one transaction; the number of deleted invalidations. Without `wait`, 0 while another does."""
    try:
        async with database.transaction(Kind.CACHES) as tx:
            await tx.driver.execute(LOCK if wait else f"{LOCK} NOWAIT")
            return await refresh(tx.driver, INVALIDATIONS_PER_TRANSACTION)
    except Unavailable as error:
        if error.__cause__ is not None and sqlstate(error.__cause__) == _LOCK_NOT_AVAILABLE:
            return 0
        raise


async def refresh_rollups(database: Database) -> int:
    """Refresh until few minutes are invalid, in transactions of bounded size; the number of deleted invalidations."""
    async with database.transaction(Kind.READ) as tx:
        if not await tx.driver.fetchval(_ANY_INVALIDATION):
            CAUGHT_UP.set_to_current_time()
            return 0
    total = 0
    while n_invalidations := await refresh_once(database):
        total += n_invalidations
        if n_invalidations < INVALIDATIONS_PER_TRANSACTION:
            CAUGHT_UP.set_to_current_time()
            break
    if total > _VACUUM_AFTER:
        async with database.engine.connect() as connection:
            await connection.exec_driver_sql("VACUUM rollup_marks")
    return total


async def keep_rollups_fresh(database: Database, every_s: float = 1.0) -> None:
    """Run for ever; an outage is waited out."""
    while True:
        with outlasting(log, "rollups wait: %s", "rollups could not be refreshed"):
            await refresh_rollups(database)
        await asyncio.sleep(every_s)


class InvalidMinutes(NamedTuple):
    """How many invalidations of rollups and of columns there are."""

    rollups: int
    columns: int


async def count_invalid_minutes(database: Database, limit: int = 100_000) -> InvalidMinutes:
    """The invalidations, each kind counted up to the limit. Raises `Unavailable`."""
    async with database.transaction(Kind.READ) as tx:
        return InvalidMinutes(*await tx.driver.fetchrow(_COUNT_INVALIDATIONS, limit))


async def invalidate_everything(database: Database) -> int:
    """Invalidate every minute that has traces or is in a cache, so that all is refreshed; answers stay exact
    meanwhile."""
    async with database.transaction(Kind.CACHES) as tx:
        await tx.driver.execute(_DELETE_COLUMNS)
        status: str = await tx.driver.execute(_INVALIDATE_EVERYTHING)
    return int(status.split()[-1])


async def mismatches(database: Database) -> list[tuple[int, int, int]]:
    """(experiment key, level, start) of valid buckets that differ from their traces. The level `COLUMNS` is that of
    segments of columns. Empty in a sound store.
    """
    different = []
    async with database.transaction(Kind.CACHES) as tx:
        for level in LEVELS:
            is_valid = _IS_VALID.format(key="x.experiment_key", start="x.bucket", length=level.interval)
            from_traces = f"SELECT * FROM ({computed(level, _all_buckets(level))}) x WHERE {is_valid}"
            from_rollups = f"SELECT * FROM ({stored(level)}) x WHERE {is_valid}"
            differing = f"(({from_traces}) EXCEPT ({from_rollups})) UNION ALL (({from_rollups}) EXCEPT ({from_traces}))"
            rows = await tx.driver.fetch(f"SELECT DISTINCT experiment_key, bucket FROM ({differing}) d ORDER BY 1, 2")
            different += [(r["experiment_key"], level.number, r["bucket"]) for r in rows]
        different += [(key, COLUMNS, start) for key, start in await differing_segments(tx)]
    return different


def _all_buckets(level: Level) -> str:
    """Every bucket of the level in which there is something, as a FROM item `u(k, t)`."""
    if level is MINUTE:
        rows, moment = "traces WHERE experiment_key IS NOT NULL", "start_time"
    else:
        rows, moment = f"rollups WHERE level = {level.number - 1}", "bucket"
    start = f"date_bin('{level.interval}', {moment}, '2000-01-01Z')"
    return f"(SELECT DISTINCT experiment_key AS k, {start} AS t FROM {rows}) u"
