"""The background task that derives item keys of traces of earlier versions, in one process at a time.

A trace without a key has null in its row. The task remembers nothing else.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from ..domain.item_key import NO_KEY, input_key, key_of_text, target_key
from ..domain.keys import SpanKey, TraceKey
from ..store.background import outlasting
from ..store.by_key import SPAN_KEYS, row_of_span
from ..store.packed_spans import unpack_spans
from ..store.session import Database, Driver, Kind
from ..store.spans import columns

log = logging.getLogger(__name__)

TRACES_AT_A_TIME = 100
"""Their inputs are held at once."""

_FEW_LEFT = 10 * TRACES_AT_A_TIME
"""More than all processes derive at once."""

# In key order, as every writer locks them; traces that are being written are left for the next time.
_WITHOUT = """
SELECT tenant_id, trace_id, root_span_id, labels->>'comparison_key' AS sent FROM traces
WHERE item_key IS NULL AND experiment_key IS NOT NULL
ORDER BY tenant_id, trace_id LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_CONTENT = f"""
SELECT p.tenant_id, p.trace_id, p.input::text, p.target::text
FROM {SPAN_KEYS} CROSS JOIN {row_of_span("span_payloads")} p
"""
_GIVEN = "unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::bigint[])"
_PUT_SPANS = f"""
UPDATE spans s SET input_key = decode(k.own, 'hex'), target_key = k.target
FROM {_GIVEN} AS k(tenant_id, trace_id, span_id, own, target)
WHERE s.tenant_id = k.tenant_id AND s.trace_id = k.trace_id AND s.span_id = k.span_id
"""
_PUT_TRACES = """
WITH put AS (
    UPDATE traces t SET item_key = decode(k.own, 'hex'), target_key = k.target
    FROM unnest($1::int[], $2::text[], $3::text[], $4::bigint[]) AS k(tenant_id, trace_id, own, target)
    WHERE t.tenant_id = k.tenant_id AND t.trace_id = k.trace_id
    RETURNING t.experiment_key
)
SELECT DISTINCT experiment_key FROM put WHERE experiment_key IS NOT NULL
"""
# Caches count traces without a key. They are refreshed once, when few keys of the experiment are left to derive:
# invalidations of each step would have every minute computed again and again. Writers that derive the last keys side
# by side do not see each other's, so each of them invalidates. Until then caches count such traces as without a key.
_INVALIDATE_FINISHED = """
WITH minutes AS MATERIALIZED (
    SELECT finished.key, bucket FROM unnest($1::bigint[]) AS finished(key)
    JOIN rollups ON rollups.experiment_key = finished.key AND level = 0
    WHERE $2 > (
        SELECT count(*) FROM (
            SELECT 1 FROM traces WHERE experiment_key = finished.key AND item_key IS NULL LIMIT $2
        ) AS left_to_derive
    )
)
INSERT INTO rollup_marks (experiment_key, minute) SELECT * FROM minutes
"""


async def derive_some(database: Database, limit: int = TRACES_AT_A_TIME) -> int:
    """Derive the keys of at most `limit` traces; of how many. Raises `Unavailable`."""
    async with database.transaction(Kind.WRITE) as tx:
        rows = await tx.driver.fetch(_WITHOUT, limit)
        if rows:
            await _derive(tx.driver, rows)
    return len(rows)


async def _derive(driver: Driver, without_key: list[Any]) -> None:
    roots = [
        SpanKey(r["tenant_id"], r["trace_id"], r["root_span_id"]) for r in without_key if r["root_span_id"] is not None
    ]
    await unpack_spans(driver, {root.trace for root in roots})
    rows = await driver.fetch(_CONTENT, *columns(roots)) if roots else []
    # Some are large, and requests are served meanwhile.
    of_roots = await asyncio.to_thread(_keys_of, rows)
    with_keys = [(*root, *of_roots[root.trace]) for root in roots if root.trace in of_roots]
    if with_keys:
        await driver.execute(_PUT_SPANS, *columns(with_keys))
    traces = []
    for row in without_key:
        key = TraceKey(row["tenant_id"], row["trace_id"])
        own, target = of_roots.get(key, (NO_KEY, None))
        traces.append((*key, key_of_text(row["sent"]) if row["sent"] else own, target))
    put = await driver.fetch(_PUT_TRACES, *columns(traces))
    await driver.execute(_INVALIDATE_FINISHED, [row["experiment_key"] for row in put], _FEW_LEFT)


def _keys_of(rows: Iterable[Any]) -> dict[TraceKey, tuple[str, int | None]]:
    return {TraceKey(r["tenant_id"], r["trace_id"]): (input_key(r["input"]), target_key(r["target"])) for r in rows}


async def keep_keyed(database: Database, every_s: float = 5.0) -> None:
    """Run for ever; an outage is waited out."""
    while True:
        rest_s = every_s
        with outlasting(log, "item keys wait: %s", "item keys could not be derived"):
            if await derive_some(database):
                # There may be more, but others come first.
                rest_s = 0.01
        await asyncio.sleep(rest_s)
