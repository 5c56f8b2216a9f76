"""Read and write the blocks of scores of long traces. The caller holds the locks of the traces."""

from collections.abc import Collection, Iterable, Mapping

from ..domain.keys import TraceKey
from ..domain.score_blocks import Insertion, ScoreBlock, insert, order_of
from ..domain.trace_fold import SpanScores
from ..store.by_key import TRACE_KEYS, rows_of_tenant
from ..store.session import Driver
from ..store.spans import columns
from .rows import unpack_scores

# A version that does not know blocks may run before this time (catalog/packing_runs.py).
_ALLOWED = "SELECT allowed_from <= now() FROM packing"

# The block that a span of each trace belongs to, and how many scores are in the ones before.
BLOCK_STATEMENT = """
SELECT k.tenant_id, k.trace_id, b.start_us, b.span_id, b.scores, (
    SELECT coalesce(sum(e.n_scores), 0) FROM score_blocks e
    WHERE e.tenant_id = k.tenant_id AND e.trace_id = k.trace_id AND (e.start_us, e.span_id) < (b.start_us, b.span_id)
) AS before
FROM unnest($1::int[], $2::text[], $3::bigint[], $4::text[]) AS k(tenant_id, trace_id, start_us, span_id)
CROSS JOIN LATERAL (
    SELECT * FROM score_blocks WHERE tenant_id = k.tenant_id AND trace_id = k.trace_id
    AND (start_us, span_id) <= (k.start_us, k.span_id)
    ORDER BY tenant_id DESC, trace_id DESC, start_us DESC, span_id DESC LIMIT 1
) b
"""
_DELETE = f"""
DELETE FROM score_blocks WHERE ctid = ANY (ARRAY(
    SELECT x.ctid FROM {TRACE_KEYS} CROSS JOIN {rows_of_tenant("score_blocks", "trace_id", "k.trace_id", "ctid")} x
))
"""
_UPSERT = """
INSERT INTO score_blocks (tenant_id, trace_id, start_us, span_id, n_scores, scores, entry)
SELECT * FROM unnest($1::int[], $2::text[], $3::bigint[], $4::text[], $5::int[], $6::bytea[], $7::text[])
ON CONFLICT (tenant_id, trace_id, start_us, span_id)
DO UPDATE SET n_scores = excluded.n_scores, scores = excluded.scores, entry = excluded.entry
"""

PackedBlock = tuple[ScoreBlock, bytes, str]
"""A block, its scores as `pack_scores` makes them, and their part of the entry."""


async def may_be_written(driver: Driver) -> bool:
    """Whether blocks may be written: no version that cannot read them runs any more."""
    return bool(await driver.fetchval(_ALLOWED))


async def find_insertions(
    driver: Driver, added: Mapping[TraceKey, list[SpanScores]]
) -> dict[TraceKey, Insertion | None]:
    """The positions of the new scores of these traces; `None` if they are not next to each other."""
    keys = [(*key, *order_of(spans[-1])) for key, spans in added.items()]
    insertions: dict[TraceKey, Insertion | None] = dict.fromkeys(added)
    for tenant_id, trace_id, start_us, span_id, scores, before in (
        await driver.fetch(BLOCK_STATEMENT, *columns(keys)) if keys else []
    ):
        key = TraceKey(tenant_id, trace_id)
        insertions[key] = insert(ScoreBlock((start_us, span_id), unpack_scores(scores)), int(before), added[key])
    return insertions


async def write(
    driver: Driver, blocks: Mapping[TraceKey, Iterable[PackedBlock]], replaced: Collection[TraceKey]
) -> None:
    """Write these blocks, and delete all other ones of the traces that are `replaced`."""
    if replaced:
        await driver.execute(_DELETE, *columns(sorted(replaced)))
    rows = [
        (*key, *block.key, block.n_scores, packed, entry)
        for key, of_trace in blocks.items()
        for block, packed, entry in of_trace
    ]
    if rows:
        await driver.execute(_UPSERT, *columns(rows))
