"""Compare the stored columns with the traces (`spanstats rollups check`)."""

from ..domain.keys import ExperimentKey
from ..store.session import Transaction
from .format import FORMAT
from .refresh import chunks_of_segment
from .segments import Segment
from .stored import packed

_INVALID = """
EXISTS (SELECT 1 FROM {log} i WHERE i.experiment_key = s.experiment_key AND i.minute >= s.start_time
    AND i.minute < s.end_time)
"""
_VALID = f"NOT {_INVALID.format(log='rollup_marks')} AND NOT {_INVALID.format(log='column_invalidations')}"
_CLEAN = f"""
SELECT DISTINCT experiment_key, start_time, end_time FROM column_chunks s
WHERE format = {FORMAT} AND {_VALID} ORDER BY 1, 2
"""
_NOWHERE = f"""
SELECT experiment_key, start_time FROM (
    SELECT DISTINCT experiment_key, date_trunc('minute', start_time, 'UTC') AS start_time,
        date_trunc('minute', start_time, 'UTC') + interval '1 minute' AS end_time
    FROM traces WHERE experiment_key IS NOT NULL
) s WHERE {_VALID} AND NOT EXISTS (
    SELECT 1 FROM column_chunks c WHERE c.experiment_key = s.experiment_key AND c.start_time <= s.start_time
        AND c.end_time > s.start_time
) ORDER BY 1, 2
"""
_STORED = """
SELECT number, n, name, data FROM column_chunks c LEFT JOIN column_data ON chunk_id = id
WHERE experiment_key = $1 AND start_time = $2 ORDER BY number, name
"""


async def differing_segments(tx: Transaction) -> list[tuple[int, int]]:
    """Segments without invalid minutes whose columns differ from the traces, as (experiment key, start).

    Needs a transaction that is one snapshot.
    """
    segments = [(row["experiment_key"], row["start_time"]) for row in await tx.driver.fetch(_NOWHERE)]
    for key, start, end in await tx.driver.fetch(_CLEAN):
        if await _differs(tx, key, (start, end)):
            segments.append((key, start))
    return segments


async def _differs(tx: Transaction, experiment_key: ExperimentKey, segment: Segment) -> bool:
    from_traces: list[tuple[int, int, str, bytes]] = []
    async for chunk in chunks_of_segment(tx, experiment_key, segment):
        number = len({number for number, *_ in from_traces})
        from_traces += [(number, chunk.n, name, data) for name, data in sorted(packed(chunk).items())]
    return [tuple(row) for row in await tx.driver.fetch(_STORED, experiment_key, segment[0])] != from_traces
