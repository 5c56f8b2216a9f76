"""Payloads and scores given back as the version before reads them, for a way back to it."""

from collections.abc import AsyncGenerator

from ..domain.keys import TraceKey
from ..store.erase import ERASE
from ..store.packed_payloads import unpack_traces
from ..store.packed_spans import unpack_spans
from ..store.score_blocks import ENTRY, HAS_BLOCKS
from ..store.session import Database, Kind, Timeouts
from ..store.spans import columns

TRACES_AT_A_TIME = 100
_TIMEOUTS = Timeouts(read_s=600, write_s=60)

_ALLOW_FROM = "UPDATE packing SET allowed_from = {}"
_PACKED = """
(SELECT tenant_id, trace_id FROM packed_payloads ORDER BY tenant_id, trace_id LIMIT $1)
UNION (SELECT tenant_id, trace_id FROM packed_spans ORDER BY tenant_id, trace_id LIMIT $1)
UNION (SELECT tenant_id, trace_id FROM score_blocks ORDER BY tenant_id, trace_id LIMIT $1)
ORDER BY tenant_id, trace_id LIMIT $1
"""
# A trace without a fold is read whole by its next span.
_STORE_ENTRIES = f"""
UPDATE traces t SET entry = {ENTRY}, fold = NULL FROM unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)
WHERE t.tenant_id = k.tenant_id AND t.trace_id = k.trace_id AND {HAS_BLOCKS}
"""
_LOCK_PACKED = """
SELECT 1 FROM unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)
JOIN traces t ON t.tenant_id = k.tenant_id AND t.trace_id = k.trace_id
ORDER BY t.tenant_id, t.trace_id FOR UPDATE OF t
"""


async def unpack_all(database: Database) -> AsyncGenerator[int, None]:
    """Give all spans their payloads in rows again, and long traces their scores without blocks, as the version before
    reads them; yields how many traces after each transaction. Nothing is packed or kept in blocks meanwhile, and for a
    day afterwards. Raises `Unavailable`."""
    database = database.with_timeouts(_TIMEOUTS)
    async with database.transaction(Kind.WRITE) as tx:
        await tx.driver.execute(_ALLOW_FROM.format("'infinity'"))
    while True:
        async with database.transaction(Kind.WRITE) as tx:
            keys = [TraceKey(*row) for row in await tx.driver.fetch(_PACKED, TRACES_AT_A_TIME)]
            if keys:
                await tx.driver.execute(_LOCK_PACKED, *columns(keys))
                await unpack_spans(tx.driver, keys)
                await unpack_traces(tx.driver, keys)
                await tx.driver.execute(_STORE_ENTRIES, *columns(keys))
                await tx.driver.execute(ERASE["score_blocks"], *columns(keys))
            else:
                await tx.driver.execute(_ALLOW_FROM.format("now() + interval '1 day', looked_until = NULL"))
        if not keys:
            return
        yield len(keys)
