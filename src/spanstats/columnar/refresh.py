"""Refresh stored columns: encode them again from the traces, never adjust them. Answers are exact at every moment.

A minute that is in `rollup_marks` or `column_invalidations` is read from the traces. For all other minutes the chunks
hold exactly the traces that start there. A refresh takes invalidations, and its snapshot has all writes that left them.
It leaves invalidations for the chunks that it drops and does not write again.
"""

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from ..domain.keys import ExperimentKey
from ..domain.window import DAY_US, MINUTE_US
from ..store.session import Driver, Transaction
from ..store.tables import traces
from .chunk import Chunk, SpanSums
from .format import FORMAT, ITEM_KEY, MOST_TRACES, NUMBERS, SPAN_SUMS, TEXTS
from .from_traces import Rows, chunks_of_traces
from .needs import Needs
from .segments import Plan, Segment, plan
from .span_sums import read_span_sums
from .stored import packed

REST_S = 15.0
"""A minute that is still being written to is not stored: it would be refreshed again and again."""

# After this many times that rest an invalid minute has waited for long: its segment is refreshed for it alone.
_LONG = 40

OLD = f"format < {FORMAT}"
"""Chunks that an earlier version of the program wrote: what they hold answers until they are refreshed."""

EVERY_COLUMN = Needs(frozenset({*NUMBERS, *TEXTS, ITEM_KEY}), every_score=True)

_INSIDE = "experiment_key = $1 AND minute >= $2 AND minute < $3"
_EACH_MINUTE = f"generate_series(start_time, end_time - interval '1 minute', '{MINUTE_US} microseconds')"
_RESTED = f"""
SELECT minute, min(created_at) <= now() - $5 * interval '1 second' AS has_waited
FROM column_invalidations WHERE {_INSIDE}
GROUP BY minute HAVING max(created_at) <= now() - $4 * interval '1 second'
UNION ALL SELECT {_EACH_MINUTE}, true FROM column_chunks
WHERE experiment_key = $1 AND start_time >= $2 AND start_time < $3 AND {OLD}
"""
_COUNTS = (
    "SELECT bucket, n::bigint FROM rollups WHERE experiment_key = $1 AND level = 0 AND bucket >= $2 AND bucket < $3"
)
_STORED = """
SELECT DISTINCT start_time, end_time FROM column_chunks
WHERE experiment_key = $1 AND start_time >= $2 AND start_time < $3
"""
_TAKE = """
DELETE FROM column_invalidations USING unnest($2::timestamptz[], $3::timestamptz[]) AS written(lo, hi)
WHERE experiment_key = $1 AND minute >= written.lo AND minute < written.hi
"""
# Minutes of what is dropped that are not written again, as if invalid for long: no one writes there. Each in which
# traces start has a rollup, or a mark that will leave an invalidation.
_DROP = """
WITH dropped AS (
    DELETE FROM column_chunks WHERE experiment_key = $1 AND start_time = ANY ($2::timestamptz[])
    RETURNING start_time, end_time
),
minutes AS MATERIALIZED (
    SELECT DISTINCT $1::bigint, bucket, '-infinity'::timestamptz FROM dropped
    JOIN rollups ON experiment_key = $1 AND level = 0 AND bucket >= dropped.start_time AND bucket < dropped.end_time
    WHERE NOT EXISTS (
        SELECT 1 FROM unnest($3::timestamptz[], $4::timestamptz[]) AS written(lo, hi) WHERE bucket >= lo AND bucket < hi
    )
)
INSERT INTO column_invalidations (experiment_key, minute, created_at) SELECT * FROM minutes
"""
_PUT_CHUNK = """
INSERT INTO column_chunks (id, experiment_key, start_time, end_time, number, n, format) OVERRIDING SYSTEM VALUE
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_PUT_COLUMNS = "INSERT INTO column_data (chunk_id, name, data) SELECT $1, * FROM unnest($2::text[], $3::bytea[])"


async def refresh_some(
    tx: Transaction, experiment_key: ExperimentKey, day: int, rest_s: float = REST_S, most: int = MOST_TRACES
) -> Plan:
    """Refresh invalid minutes of the day that begins at `day`, about `most` traces; what was done.

    Needs a transaction of its own (`Kind.CACHES`) whose first statement took the lock of rollups.
    """
    within = experiment_key, day, day + DAY_US
    invalid: dict[int, bool] = {}
    for minute, has_waited in await tx.driver.fetch(_RESTED, *within, rest_s, rest_s * _LONG):
        invalid[minute] = invalid.get(minute, False) or has_waited
    if not invalid:
        return Plan([], [])
    counts = {row["bucket"]: row["n"] for row in await tx.driver.fetch(_COUNTS, *within)}
    stored = [(row["start_time"], row["end_time"]) for row in await tx.driver.fetch(_STORED, *within)]
    todo = plan(day, counts, stored, invalid, most)
    written = [start for start, _ in todo.write], [end for _, end in todo.write]
    await tx.driver.execute(_TAKE, experiment_key, *written)
    await tx.driver.execute(_DROP, experiment_key, [start for start, _ in todo.drop], *written)
    for segment in todo.write:
        await put_chunks(tx, experiment_key, segment)
    return todo


async def put_chunks(tx: Transaction, experiment_key: ExperimentKey, segment: Segment) -> None:
    """Store the traces of the segment, of which nothing is stored."""
    number = 0
    async for chunk in chunks_of_segment(tx, experiment_key, segment):
        await _put(tx.driver, (experiment_key, *segment, number), chunk)
        number += 1


async def chunks_of_segment(tx: Transaction, experiment_key: ExperimentKey, segment: Segment) -> AsyncIterator[Chunk]:
    """The chunks of the traces that start in the segment; none if no trace does."""
    start, end = segment
    inside = (traces.c.experiment_key == experiment_key) & (traces.c.start_time >= start) & (traces.c.start_time < end)
    chunks = chunks_of_traces(tx, [Rows(inside)], EVERY_COLUMN, every_member=True, in_order=True, most=MOST_TRACES)
    sums = await read_span_sums(tx.driver, experiment_key, [segment])
    async for chunk in chunks:
        yield _with_span_sums(chunk, sums)
        sums = dict.fromkeys(sums, SpanSums(()))


def _with_span_sums(chunk: Chunk, sums: Mapping[str, SpanSums]) -> Chunk:
    by_name = {SPAN_SUMS[column]: of_column for column, of_column in sums.items()}
    return Chunk(replace(chunk.info, names=(*chunk.info.names, *by_name)), {**chunk.columns, **by_name})


async def _put(driver: Driver, key: tuple[int, int, int, int], chunk: Chunk) -> None:
    columns, chunk_id = packed(chunk), _new_chunk_id()
    await driver.execute(_PUT_CHUNK, chunk_id, *key, chunk.n, FORMAT)
    await driver.execute(_PUT_COLUMNS, chunk_id, list(columns), list(columns.values()))


def _new_chunk_id() -> int:
    """An id that no chunk ever had, and that the table's own sequence does not reach: 62 random bits above 2**62.

    Processes keep columns by this id. A server that lost its last commits, or was restored from a backup, would take
    numbers of a sequence a second time, for other traces.
    """
    return 2**62 + secrets.randbits(62)
