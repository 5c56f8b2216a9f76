"""The stats entries of an experiment's traces, streamed from one snapshot in bounded pages."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from ..domain.keys import TenantId
from ..domain.values import is_clean
from ..errors import NotFound, Unavailable
from ..store.score_blocks import ENTRY
from ..store.session import Database, Kind, Transaction
from ..tracing import REQUEST

FIRST_PAGE = 50
PAGE = 2_000
PAGE_BYTES = 2**20
"""How long a page is, estimated from the entries of the page before: most are short, some are megabytes."""

_FIND = "SELECT key FROM experiments WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL"
# One walk along the index (experiment_key, start_time), read as far as the client has; rows of one start are sorted.
# The entries were rendered when they were written. $1 the tenant, $2 the experiment's id.
ENTRIES_STATEMENT = f"""
SELECT {ENTRY} FROM traces t WHERE experiment_key = ({_FIND}) AND has_root ORDER BY start_time, trace_id
"""


async def entry_pages(
    database: Database, tenant_id: TenantId, experiment_id: str, budget_s: float = 60
) -> AsyncGenerator[str, None]:
    """The entries of the traces whose root has arrived, by start, then trace id; each page comma-separated.

    At most `PAGE` entries are held at a time. Raises `NotFound` where the tenant has no such experiment, `Unavailable`
    where the database is away or the whole takes longer than the budget in seconds.
    """
    if not is_clean(experiment_id):
        raise NotFound("Experiment not found")
    deadline = time.monotonic() + budget_s
    async with (
        database.transaction(Kind.STREAM) as tx,
        aclosing(_pages(tx, tenant_id, experiment_id)) as pages,
    ):
        async for page in pages:
            yield page
            if time.monotonic() > deadline:
                raise Unavailable("the answer took longer than this service allows")


async def _pages(tx: Transaction, tenant_id: TenantId, experiment_id: str) -> AsyncGenerator[str, None]:
    """A small page first, which comes at once and shows how long entries are; then as many as make the length."""
    cursor = await tx.cursor(ENTRIES_STATEMENT, tenant_id, experiment_id)
    size, any_sent = FIRST_PAGE, False
    while True:
        with REQUEST.get().statement("stats page"):
            rows = await cursor.fetch(size)
        if rows:
            page = ",".join([row[0] for row in rows])
            yield page
            any_sent, per_entry = True, len(page) // len(rows) + 1
        elif not any_sent and await tx.driver.fetchval(_FIND, tenant_id, experiment_id) is None:
            raise NotFound("Experiment not found")
        if len(rows) < size:
            return
        size = max(1, min(PAGE, PAGE_BYTES // per_entry))


async def stats_document(pages: AsyncGenerator[str, None], opening: str, closing: str) -> AsyncGenerator[bytes, None]:
    """The pages as one JSON document between these two texts, in chunks of one page."""
    async with aclosing(pages):
        before = opening
        async for page in pages:
            yield (before + page).encode()
            before = ","
        yield ((opening if before == opening else "") + closing).encode()
