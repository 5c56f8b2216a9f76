"""Caches brought up to date at once."""

from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.stats.maintenance import drain_marks
from spanstats.stats.slicing import slice_waiting
from spanstats.store.session import Timeouts


async def slice_all(engine: AsyncEngine) -> int:
    """Slice what is marked, also what was written just now; in how many transactions."""
    return len([done async for done in slice_waiting(engine, Timeouts(), rest_s=0)])


async def warm(engine: AsyncEngine) -> None:
    """Rebuild and slice all that is marked."""
    await drain_marks(engine, Timeouts())
    await slice_all(engine)
