"""The rows of slices, made from the traces of a stretch of time, in chunks of bounded size.

A row of `slices` holds the traces of an experiment that start in its stretch. Each number is an array of bit strings,
one for each bit of its value, each text a bit string for each value there is (`store/cache_tables.py`); so a filter is
a few operations on bit strings (`filters/masks.py`), and a sum is a count of ones for each bit. So are the scores of an
evaluator where few of them differ; others stand beside the places of their traces.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from itertools import groupby
from struct import unpack
from typing import Any, TypeAlias

from sqlalchemy import Table

from ..store.cache_tables import NUMBERS, TEXTS, slice_dictionaries, slice_scores, slices
from ..store.session import Driver
from .bits import MOST_VALUES, ones_of_values, slices_of
from .dictionaries import Dictionaries, dictionaries_of
from .pieces import MOST_TRACES, Stretch
from .rollups import MINUTE

Row: TypeAlias = dict[str, Any]
Chunk: TypeAlias = dict[Table, list[Row]]
"""Rows by table."""

MOST_TEXTS = 64
"""Different values of a text in one stretch; with more it is not sliced, and read from the traces."""

# So slices grow with the scores, whatever these are called: bits are a tenth of the work of reading a list, and most of
# them are zeros, which take little room.
_MOST_BITS_FOR_A_SCORE = 1_024
_MOST_TRACES_FOR_A_SCORE = 64

# Stands for a score that is no number; scores end at 9e18 billionths.
_NO_NUMBER = -(2**63)

_NULLABLE = frozenset({"cost_pd", "latency_us", "tps", "ttft_us"})


def _as_bits(condition: str) -> str:
    return f"string_agg(CASE WHEN {condition} THEN '1' ELSE '0' END, '')"


# Aggregates take the rows as they come, which is in order.
_COLUMNS = ", ".join(
    (
        "chunk",
        "count(*) AS n",
        "string_agg(int8send((extract(epoch FROM start_time) * 1000000)::bigint), '') AS starts",
        f"{_as_bits('many_models')} AS many_models",
        *(f"array_agg({name}) AS {name}" for name in TEXTS),
        *(f"string_agg(int8send(coalesce({name}, 0)), '') AS {name}" for name in NUMBERS),
        *(f"{_as_bits(f'{name} IS NOT NULL')} AS has_{name}" for name in NUMBERS if name in _NULLABLE),
    )
)
# $1 the experiment, $2 and $3 the stretch, $4 how many traces a chunk has.
_READ = f"""
WITH ordered AS MATERIALIZED (
    SELECT *, number / $4::int AS chunk, number % $4::int AS place FROM (
        SELECT start_time, many_models, score_keys, score_values, score_kinds, {", ".join(NUMBERS + TEXTS)},
            (row_number() OVER (ORDER BY start_time, trace_id) - 1)::int AS number
        FROM traces WHERE experiment_key = $1 AND start_time >= $2 AND start_time < $3
    ) found
), scored AS (
    SELECT chunk, name, coalesce(kind, 0) AS kind, string_agg(int4send(place), '') AS places,
        string_agg(int8send(coalesce(score, {_NO_NUMBER})), '') AS scores
    FROM (
        SELECT chunk, place, unnest(score_keys) AS name, unnest(score_values) AS score, unnest(score_kinds) AS kind
        FROM ordered WHERE score_keys IS NOT NULL
    ) each_score GROUP BY 1, 2, 3
)
SELECT {_COLUMNS}, (
    SELECT array_agg((name, kind, places, scores) ORDER BY name, kind) FROM scored WHERE scored.chunk = in_order.chunk
) AS scored
FROM (SELECT * FROM ordered ORDER BY chunk, place) in_order GROUP BY chunk ORDER BY chunk
"""


async def chunks_of(driver: Driver, experiment_key: int, stretch: Stretch) -> AsyncIterator[Chunk]:
    """The rows of one chunk after the other; none where no trace starts in the stretch."""
    start, end = stretch
    async with aclosing(dictionaries_of(driver, experiment_key, stretch, MOST_TRACES)) as dictionaries:
        async for found in driver.cursor(_READ, experiment_key, start, end, MOST_TRACES, prefetch=1):
            key = {"experiment_key": experiment_key, "start_time": start, "chunk": found["chunk"]}
            if any(len(set(found[name]) - {None}) > MOST_TEXTS for name in TEXTS):
                yield {slices: [{**key, "end_time": end, "n": 0}]}
                return
            # It takes some milliseconds, in which others want to go on.
            made = await asyncio.to_thread(_sliced, found, await anext(dictionaries))
            yield {table: [{**key, "end_time": end, **row} for row in rows] for table, rows in made.items()}


def _sliced(found: Mapping[str, Any], dictionaries: Dictionaries) -> Chunk:
    n, every = found["n"], "1" * found["n"]
    minutes = [(minute, len(list(same))) for minute, same in groupby(map(_minute, unpack(f">{n}q", found["starts"])))]
    made = {"n": n, "every": every, "many_models": found["many_models"]}
    made["minutes"], made["counts"] = [minute for minute, _ in minutes], [count for _, count in minutes]
    for name in TEXTS:
        made[f"{name}_values"] = values = sorted(set(found[name]) - {None})
        made[f"{name}_bits"] = ones_of_values(found[name], values)
    for name in NUMBERS:
        made[name] = [found.get(f"has_{name}", every), *slices_of(found[name])]
    made["unlisted"] = dictionaries.unlisted
    scored = [_scored(n, *score) for score in found["scored"] or ()]
    return {slices: [made], slice_scores: scored, slice_dictionaries: dictionaries.rows()}


def _minute(start_us: int) -> int:
    return start_us - start_us % MINUTE.length_us


def _scored(n: int, name: str, kind: int, packed_places: bytes, packed_scores: bytes) -> Row:
    """One evaluator's scores of one kind: who has each of them, where few differ, many have one, and nobody two."""
    count = len(packed_scores) // 8
    places, found = unpack(f">{count}i", packed_places), unpack(f">{count}q", packed_scores)
    row: Row = {"name": name, "kind": kind}
    values = sorted(set(found))
    is_sparse = n > _MOST_TRACES_FOR_A_SCORE * count or len(values) * n > _MOST_BITS_FOR_A_SCORE * count
    if is_sparse or len(values) > MOST_VALUES or len(set(places)) < count:
        pairs = sorted(zip(places, found, strict=True))
        return {**row, "places": [place for place, _ in pairs], "scores": [_number(score) for _, score in pairs]}
    has = dict(zip(places, found, strict=True))
    bits = ones_of_values([has.get(place) for place in range(n)], values)
    return {**row, "bits": bits, "scores": list(map(_number, values))}


def _number(score: int) -> int | None:
    return None if score == _NO_NUMBER else score
