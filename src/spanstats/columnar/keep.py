"""The background task that keeps stored columns fresh: in one process at a time, day by day."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from typing import TypeAlias

from ..domain.keys import ExperimentKey
from ..errors import Unavailable
from ..store.background import outlasting, turn
from ..store.cache_tables import LOCK
from ..store.session import Database, Kind
from .refresh import OLD, REST_S, refresh_some

log = logging.getLogger(__name__)

Day: TypeAlias = tuple[ExperimentKey, int]
"""Experiment key, and when the day begins, microseconds since 1970."""

# One after the other, before the database counts as away.
_FAILURES = 3

# Of one core, while there is much to do: writes and reads come first.
_IDLE_SHARE = 0.75

_DAYS = f"""
SELECT DISTINCT experiment_key, date_bin('1 day', minute, '2000-01-01Z') AS day FROM (
    (SELECT experiment_key, minute FROM column_invalidations
    GROUP BY 1, 2 HAVING max(created_at) <= now() - $1 * interval '1 second')
    UNION ALL SELECT experiment_key, start_time FROM column_chunks WHERE {OLD}
) rested ORDER BY 1, 2 LIMIT $2
"""


async def waiting_days(database: Database, rest_s: float = REST_S, limit: int = 100_000) -> list[Day]:
    """Days with invalid minutes to which no one has written for a while. Raises `Unavailable`."""
    async with database.transaction(Kind.CACHES) as tx:
        return [(row["experiment_key"], row["day"]) for row in await tx.driver.fetch(_DAYS, rest_s, limit)]


async def refresh_day(database: Database, day: Day, rest_s: float = REST_S) -> bool:
    """Refresh in one transaction; whether there was anything to refresh. Raises `Unavailable`."""
    async with database.transaction(Kind.CACHES) as tx:
        await tx.driver.execute(LOCK)
        return bool((await refresh_some(tx, *day, rest_s)).write)


async def refresh_waiting(
    database: Database, rest_s: float = REST_S, idle_share: float = 0.0
) -> AsyncGenerator[Day, None]:
    """Refresh all minutes that have rested, day by day; yields the day after each transaction.

    `idle_share` of the time it does nothing. A day that fails is left for the next time. Raises `Unavailable` where
    several fail one after the other.
    """
    tried: set[Day] = set()
    failures = 0
    while days := [day for day in await waiting_days(database, rest_s) if day not in tried]:
        for day in days:
            tried.add(day)
            try:
                async for took_s in _refresh_all_of(database, day, rest_s):
                    yield day
                    await asyncio.sleep(took_s * idle_share / (1 - idle_share))
                failures = 0
            except Unavailable:
                failures += 1
                if failures == _FAILURES:
                    raise
            except Exception:
                log.exception("the columns of a day could not be refreshed")


async def _refresh_all_of(database: Database, day: Day, rest_s: float) -> AsyncGenerator[float, None]:
    """Yields how many seconds each transaction took."""
    began = time.monotonic()
    while await refresh_day(database, day, rest_s):
        yield time.monotonic() - began
        began = time.monotonic()


async def keep_columns_fresh(database: Database, every_s: float = 10.0) -> None:
    """Run for ever, in one process at a time; an outage is waited out."""
    # Many processes that wait for the lock of rollups would leave these no moment.
    while True:
        with outlasting(log, "columns wait: %s", "columns could not be refreshed"):
            async with turn(database, "columns") as is_ours:
                if is_ours:
                    async for _ in refresh_waiting(database, idle_share=_IDLE_SHARE):
                        pass
        await asyncio.sleep(every_s)
