"""Which traces are packed, and when: in the background, in one process at a time.

Most runs look only at the traces that have become old enough since the last one, by their start. Once a day a run looks
at all, for traces that came late or were being written: it goes through the table in the order in which it is stored,
some blocks at a time. How far is remembered, so a process that dies is followed by the next one.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from ..domain.keys import TraceKey
from ..errors import Unavailable
from ..metrics import PACKED
from ..store.outages import translated
from ..store.session import Database, Kind, Timeouts
from .packing import IS_LEFT, pack_some

log = logging.getLogger(__name__)

HOUR_US = 3_600_000_000
BLOCKS_AT_A_TIME = 1_000
TRACES_AT_A_TIME = 100
_MOST_SPANS = 200
_EVERY_S = 600.0
_ALL_EVERY_S = 86_400.0
# Of the time.
_MOST_BUSY = 0.02
# Most traces get their last span within this time of their start. What was too new for the last run is looked at again.
_LONGEST_US = HOUR_US
_TIMEOUTS = Timeouts(read_s=600, write_s=60)

_STATE = """
SELECT allowed_from <= now() AS allowed, block, looked_until,
    block > 0 OR looked_until IS NULL OR looked_at_all + $1 * interval '1 second' <= now() AS is_due,
    pg_relation_size('traces') / current_setting('block_size')::int AS blocks
FROM packing
"""
_GOT_TO = "UPDATE packing SET block = $1"
_LOOKED = "UPDATE packing SET looked_until = $1"
_LOOKED_AT_ALL = "UPDATE packing SET block = 0, looked_until = $1, looked_at_all = now()"
# In the order of the starts, in which the index of packed spans by start grows at its end.
_NOT_PACKED = f"""
t.n_spans BETWEEN 2 AND $3 AND {IS_LEFT}
ORDER BY t.start_time, t.tenant_id, t.trace_id
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
            keys = await tx.driver.fetch(_FIND_IN_BLOCKS, *bounds, _MOST_SPANS, before_us)
        async for packed in _pack_found(database, keys, before_us):
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
            keys = await tx.driver.fetch(_FIND_STARTED, from_us, until_us, _MOST_SPANS)
        async for packed in _pack_found(database, keys, before_us):
            yield packed
        await _remember(database, _LOOKED, until_us)
        from_us = until_us


async def _pack_found(database: Database, rows: Sequence[Any], before_us: int) -> AsyncGenerator[int, None]:
    for start in range(0, len(rows), TRACES_AT_A_TIME):
        keys = [TraceKey(*row) for row in rows[start : start + TRACES_AT_A_TIME]]
        async with database.transaction(Kind.WRITE) as tx:
            packed = await pack_some(tx.driver, keys, before_us)
        yield packed


async def _remember(database: Database, statement: str, value: int) -> None:
    async with database.transaction(Kind.WRITE) as tx:
        await tx.driver.execute(statement, value)


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
