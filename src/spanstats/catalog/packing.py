"""Payloads of old traces are packed in the background: one compressed row for most spans of a trace.

What statements look into stays readable. So roots keep their rows, and spans with an error or with attributes that
filters know; metadata and labels are columns next to the packed payloads, and spans with others than most spans of
their trace keep their rows. Traces are locked as writers lock them, and traces that are being written are left.

Most runs look only at the traces that have become old enough since the last one, by their start. Once a day a run looks
at all, for traces that came late or were being written: it goes through the table in the order in which it is stored,
some blocks at a time. How far is remembered, so a process that dies is followed by the next one.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from itertools import groupby
from typing import Any

from ..domain.keys import SpanKey, TraceKey
from ..errors import Unavailable
from ..filters.span_fields import SPAN_VALUES
from ..metrics import PACKED
from ..store.by_key import SPAN_KEYS, TRACE_KEYS, row_of_span, rows_of_tenant
from ..store.erase import ERASE
from ..store.outages import translated
from ..store.packed_format import Payload, pack
from ..store.packed_payloads import unpack_traces
from ..store.score_blocks import ENTRY, HAS_BLOCKS
from ..store.session import Database, Driver, Kind, Timeouts
from ..store.spans import columns
from ..store.tables import span_payloads

log = logging.getLogger(__name__)

HOUR_US = 3_600_000_000
TRACES_AT_A_TIME = 100
BLOCKS_AT_A_TIME = 1_000
_MOST_SPANS = 200
_MOST_BYTES = 2**20
# One row is not worth it.
_LEAST_SPANS = 2
_EVERY_S = 600.0
_ALL_EVERY_S = 86_400.0
# Of the time.
_MOST_BUSY = 0.02
# Most traces get their last span within this time of their start. What was too new for the last run is looked at again.
_LONGEST_US = HOUR_US
_TIMEOUTS = Timeouts(read_s=600, write_s=60)

FILTERED = sorted(name for name, value in SPAN_VALUES.items() if value.table is span_payloads)
"""All attributes that filters look into are among these names."""

_STATE = """
SELECT allowed_from <= now() AS allowed, block, looked_until,
    block > 0 OR looked_until IS NULL OR looked_at_all + $1 * interval '1 second' <= now() AS is_due,
    pg_relation_size('traces') / current_setting('block_size')::int AS blocks
FROM packing
"""
_ALLOW_FROM = "UPDATE packing SET allowed_from = {}"
_GOT_TO = "UPDATE packing SET block = $1"
_LOOKED = "UPDATE packing SET looked_until = $1"
_LOOKED_AT_ALL = "UPDATE packing SET block = 0, looked_until = $1, looked_at_all = now()"
_NOT_PACKED = """
t.n_spans BETWEEN 2 AND $3
    AND NOT EXISTS (SELECT 1 FROM packed_payloads p WHERE p.tenant_id = t.tenant_id AND p.trace_id = t.trace_id)
ORDER BY t.tenant_id, t.trace_id
"""
_FIND_IN_BLOCKS = f"""
SELECT t.tenant_id, t.trace_id FROM traces t
WHERE t.ctid >= $1 AND t.ctid < $2 AND t.start_time < $4 AND {_NOT_PACKED}
"""
# By the index of blocks by start.
_FIND_STARTED = f"""
SELECT t.tenant_id, t.trace_id FROM traces t
WHERE t.start_time >= $1 AND t.start_time < $2 AND {_NOT_PACKED}
"""
# One that was packed meanwhile has its row. Of one that has got a span lately more may come.
_LOCK = """
SELECT t.tenant_id, t.trace_id FROM unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)
JOIN traces t ON t.tenant_id = k.tenant_id AND t.trace_id = k.trace_id
WHERE NOT EXISTS (SELECT 1 FROM packed_payloads p WHERE p.tenant_id = t.tenant_id AND p.trace_id = t.trace_id)
    AND NOT EXISTS (
        SELECT 1 FROM spans s WHERE s.tenant_id = t.tenant_id AND s.trace_id = t.trace_id AND s.received_at >= $3
    )
ORDER BY t.tenant_id, t.trace_id FOR UPDATE OF t SKIP LOCKED
"""
_PAYLOADS = f"""
SELECT p.tenant_id, p.trace_id, p.span_id, p.input::text, p.output::text, p.target::text, p.attributes::text,
    p.metadata::text, p.labels::text
FROM {TRACE_KEYS} CROSS JOIN {rows_of_tenant("spans", "trace_id", "k.trace_id")} s
CROSS JOIN {row_of_span("span_payloads", key="s")} p
WHERE s.parent_id IS NOT NULL AND s.parent_is_remote IS NOT TRUE AND s.parent_id <> s.span_id
    AND s.trace_id <> s.span_id AND p.error IS NULL AND (p.attributes ?| $3::text[]) IS NOT TRUE
ORDER BY p.tenant_id, p.trace_id, p.span_id
"""
_INSERT = """
INSERT INTO packed_payloads (tenant_id, trace_id, n_spans, content_bytes, packed, metadata, labels)
SELECT u.tenant_id, u.trace_id, u.n_spans, u.content_bytes, u.packed, u.metadata::jsonb, u.labels::jsonb
FROM unnest($1::int[], $2::text[], $3::int[], $4::int[], $5::bytea[], $6::text[], $7::text[])
    AS u(tenant_id, trace_id, n_spans, content_bytes, packed, metadata, labels)
"""
_DELETE = f"""
DELETE FROM span_payloads WHERE ctid = ANY (ARRAY(
    SELECT x.ctid FROM {SPAN_KEYS} CROSS JOIN {row_of_span("span_payloads", "ctid")} x
))
"""
_PACKED = """
(SELECT tenant_id, trace_id FROM packed_payloads ORDER BY tenant_id, trace_id LIMIT $1)
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

# One process at a time; the lock goes with its connection, however that ends.
_TURN = "SELECT pg_try_advisory_lock(hashtextextended('spanstats packing in ' || current_schema(), 0))"
_TURN_OVER = "SELECT pg_advisory_unlock(hashtextextended('spanstats packing in ' || current_schema(), 0))"


async def pack_traces(
    database: Database, before_us: int, all_every_s: float = _ALL_EVERY_S
) -> AsyncGenerator[int, None]:
    """Pack the traces that began, and whose spans came, before this time (microseconds since 1970); yields how many
    after each transaction. Once in `all_every_s` it looks at all traces, else at traces that have become old enough
    since the last run. Raises `Unavailable`."""
    database = database.with_timeouts(_TIMEOUTS)
    async with database.transaction(Kind.READ) as tx:
        state = await tx.driver.fetchrow(_STATE, all_every_s)
    if not state["allowed"]:
        return
    if state["is_due"]:
        runs = _pack_all(database, before_us, state["block"], state["blocks"])
    else:
        runs = _pack_started(database, state["looked_until"] - _LONGEST_US, before_us)
    async with aclosing(runs):
        async for packed in runs:
            yield packed


async def _pack_all(database: Database, before_us: int, block: int, blocks: int) -> AsyncGenerator[int, None]:
    """From where the last run stopped to the end of the table."""
    while True:
        async with database.transaction(Kind.READ) as tx:
            bounds = (block, 0), (block + BLOCKS_AT_A_TIME, 0)
            found = await tx.driver.fetch(_FIND_IN_BLOCKS, *bounds, _MOST_SPANS, before_us)
        async for packed in _pack_found(database, found, before_us):
            yield packed
        block += BLOCKS_AT_A_TIME
        if block >= blocks:
            await _remember(database, _LOOKED_AT_ALL, before_us)
            return
        await _remember(database, _GOT_TO, block)


async def _pack_started(database: Database, from_us: int, before_us: int) -> AsyncGenerator[int, None]:
    """The traces that started in this time, a part of it after the other."""
    while from_us < before_us:
        until_us = min(from_us + _LONGEST_US, before_us)
        async with database.transaction(Kind.READ) as tx:
            found = await tx.driver.fetch(_FIND_STARTED, from_us, until_us, _MOST_SPANS)
        async for packed in _pack_found(database, found, before_us):
            yield packed
        await _remember(database, _LOOKED, until_us)
        from_us = until_us


async def _pack_found(database: Database, found: Sequence[Any], before_us: int) -> AsyncGenerator[int, None]:
    for start in range(0, len(found), TRACES_AT_A_TIME):
        keys = [TraceKey(*row) for row in found[start : start + TRACES_AT_A_TIME]]
        async with database.transaction(Kind.WRITE) as tx:
            packed = await pack_some(tx.driver, keys, before_us)
        yield packed


async def _remember(database: Database, statement: str, value: int) -> None:
    async with database.transaction(Kind.WRITE) as tx:
        await tx.driver.execute(statement, value)


async def pack_some(driver: Driver, keys: Sequence[TraceKey], before_us: int) -> int:
    """Pack those of these traces that are not packed and have got no span since this time; of how many."""
    locked = [TraceKey(*row) for row in await driver.fetch(_LOCK, *columns(keys), before_us)]
    found = await driver.fetch(_PAYLOADS, *columns(locked), FILTERED) if locked else []
    of_traces = [(key, _alike(rows)) for key, rows in groupby(found, lambda row: TraceKey(*row[:2]))]
    chosen = [(key, rows) for key, rows in of_traces if len(rows) >= _LEAST_SPANS and _bytes(rows) <= _MOST_BYTES]
    if chosen:
        await driver.execute(_INSERT, *columns(await asyncio.to_thread(_packed, chosen)))
        await driver.execute(_DELETE, *columns([SpanKey(*row[:3]) for _, rows in chosen for row in rows]))
    return len(chosen)


def _alike(rows: Iterable[Any]) -> list[Any]:
    """The rows with the metadata and labels that most of them have."""
    found = list(rows)
    ((usual, _),) = Counter(row[7:] for row in found).most_common(1)
    return [row for row in found if row[7:] == usual]


def _packed(traces: Iterable[tuple[TraceKey, list[Any]]]) -> list[tuple[Any, ...]]:
    """Rows of `packed_payloads`."""
    return [
        (*key, len(rows), _bytes(rows), pack([Payload(*row[2:7]) for row in rows]), *rows[0][7:])
        for key, rows in traces
    ]


def _bytes(rows: Iterable[Any]) -> int:
    return sum(len(text.encode()) for row in rows for text in row[3:7] if text)


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
                await unpack_traces(tx.driver, keys)
                await tx.driver.execute(_STORE_ENTRIES, *columns(keys))
                await tx.driver.execute(ERASE["score_blocks"], *columns(keys))
            else:
                await tx.driver.execute(_ALLOW_FROM.format("now() + interval '1 day', looked_until = NULL"))
        if not keys:
            return
        yield len(keys)


async def keep_packed(database: Database, age_us: int, every_s: float = _EVERY_S) -> None:
    """Run for ever, in one process at a time; an outage is waited out."""
    while True:
        began = time.monotonic()
        try:
            await _pack_in_turn(database, age_us)
        except Unavailable as error:
            log.warning("payloads wait to be packed: %s", error)
        except Exception:
            log.exception("payloads could not be packed")
        await asyncio.sleep(max(every_s, (time.monotonic() - began) / _MOST_BUSY))


async def _pack_in_turn(database: Database, age_us: int) -> None:
    with translated():
        async with database.engine.connect() as connection:
            if not (await connection.exec_driver_sql(_TURN)).scalar():
                return
            try:
                async for packed in pack_traces(database, time.time_ns() // 1000 - age_us):
                    PACKED.inc(packed)
            finally:
                await connection.exec_driver_sql(_TURN_OVER)
