"""The stats entries of an experiment's traces, streamed from one snapshot in bounded pages."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from sqlalchemy.ext.asyncio import AsyncEngine

from ..domain.values import is_clean
from ..errors import NotFound, Unavailable
from ..store.session import Kind, Timeouts, transaction
from ..tracing import REQUEST

PAGE = 2_000

# Keyset pages over the index (experiment_key, start_time); rows of one start are sorted. The entries were rendered when
# they were written.
# Aggregates take the page's rows in its order. $1 the tenant, $2 the experiment's id; its key is null if there is none.
PAGE_STATEMENT = """
WITH named AS MATERIALIZED (SELECT key FROM experiments WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL)
SELECT string_agg(entry, ',') AS entries, count(*) AS n, max(start_time) AS last_time,
    (array_agg(trace_id))[count(*)] AS last_id, (SELECT key FROM named) AS experiment_key
FROM (
    SELECT entry, start_time, trace_id FROM traces
    WHERE experiment_key = (SELECT key FROM named) AND has_root AND (start_time, trace_id) > ($3, $4)
    ORDER BY start_time, trace_id LIMIT $5
) page
"""
_BEFORE_ALL = 0


async def entry_pages(
    engine: AsyncEngine, timeouts: Timeouts, tenant_id: int, experiment_id: str, budget_s: float = 60
) -> AsyncGenerator[str, None]:
    """The entries of the traces whose root has arrived, by start, then trace id; each page comma-separated.

    At most `PAGE` entries are held at a time. Raises `NotFound` where the tenant has no such experiment, `Unavailable`
    where the database is away or the whole takes longer than the budget in seconds.
    """
    if not is_clean(experiment_id):
        raise NotFound("Experiment not found")
    deadline = time.monotonic() + budget_s
    async with transaction(engine, Kind.SNAPSHOT, timeouts) as tx:
        after: tuple[int, str] = (_BEFORE_ALL, "")
        while True:
            with REQUEST.get().statement("stats page"):
                row = await tx.driver.fetchrow(PAGE_STATEMENT, tenant_id, experiment_id, *after, PAGE)
            if row["experiment_key"] is None:
                raise NotFound("Experiment not found")
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
