"""Caches brought up to date at once."""

from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar.keep import refresh_waiting
from spanstats.stats.maintenance import refresh_rollups
from spanstats.store.session import Database


async def refresh_columns(engine: AsyncEngine) -> int:
    """Store the columns of invalid minutes, also of those written just now; in how many transactions."""
    return len([done async for done in refresh_waiting(Database(engine), rest_s=0)])


async def warm(engine: AsyncEngine) -> None:
    """Refresh all that is invalid, rollups and columns."""
    await refresh_rollups(Database(engine))
    await refresh_columns(engine)
