"""The stats entries of an experiment's traces, streamed from one snapshot in bounded pages."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import Unavailable
from ..store.session import Kind, Timeouts, transaction

PAGE = 2_000

# Keyset pages over the index (experiment_key, start_time, trace_id). The entries were rendered when they were written.
PAGE_STATEMENT = """
SELECT string_agg(entry, ',' ORDER BY start_time, trace_id) AS entries, count(*) AS n,
    max(start_time) AS last_time, (array_agg(trace_id ORDER BY start_time, trace_id))[count(*)] AS last_id
FROM (
    SELECT entry, start_time, trace_id FROM traces
    WHERE experiment_key = $1 AND has_root AND (start_time, trace_id) > ($2, $3)
    ORDER BY start_time, trace_id LIMIT $4
) page
"""
_BEFORE_ALL = 0


async def entry_pages(
    engine: AsyncEngine, timeouts: Timeouts, experiment_key: int, budget_s: float = 60
) -> AsyncGenerator[str, None]:
    """The entries of the traces whose root has arrived, by start, then trace id; each page comma-separated.

    At most `PAGE` entries are held at a time. Raises `Unavailable` where the database is away or the whole takes
    longer than the budget in seconds.
    """
    deadline = time.monotonic() + budget_s
    async with transaction(engine, Kind.SNAPSHOT, timeouts) as tx:
        after: tuple[int, str] = (_BEFORE_ALL, "")
        while True:
            row = await tx.driver.fetchrow(PAGE_STATEMENT, experiment_key, *after, PAGE)
            if row["n"]:
                yield row["entries"]
            if row["n"] < PAGE:
                return
            if time.monotonic() > deadline:
                raise Unavailable("the answer took longer than this service allows")
            after = row["last_time"], row["last_id"]


async def stats_document(pages: AsyncGenerator[str, None], opening: str, closing: str) -> AsyncGenerator[bytes, None]:
    """The pages as one JSON document between these two texts, in chunks of one page."""
    async with aclosing(pages):
        before = opening
        async for page in pages:
            yield (before + page).encode()
            before = ","
        yield ((opening if before == opening else "") + closing).encode()
