"""Bit slices of the traces of a stretch of time: a cache like the rollups, for filters.

A row of `slices` holds the traces of an experiment that start in its stretch. Each number is an array of bit strings,
one for each bit of its value, each text a bit string for each value there is (`store/cache_tables.py`); so a filter is
a few operations on bit strings (`filters/masks.py`), and a sum is a count of ones for each bit. So are the scores of an
evaluator where few of them differ; others stand beside the places of their traces.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from itertools import groupby
from struct import unpack
from typing import Any, TypeAlias

from ..store.cache_tables import NUMBERS, TEXTS, slice_scores, slices
from ..store.session import Driver
from .bits import MOST_VALUES, ones_of_values, slices_of
from .pieces import MOST_TRACES, Stretch
from .rollups import MINUTE

Row: TypeAlias = dict[str, Any]

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

_BIT_STRINGS = frozenset({"every", "many_models"})
_ARRAYS = frozenset({"bits", *NUMBERS, *(f"{name}_bits" for name in TEXTS)})
_OF_SLICES = [column.name for column in slices.columns]
_OF_SCORES = [column.name for column in slice_scores.columns]


def _put(table: str, names: list[str]) -> str:
    """Bit strings travel as text."""
    types = {**dict.fromkeys(_BIT_STRINGS, "::text::varbit"), **dict.fromkeys(_ARRAYS, "::text[]::varbit[]")}
    given = ", ".join(f"${place}{types.get(name, '')}" for place, name in enumerate(names, start=1))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({given})"


def _stored(table: str, names: list[str]) -> str:
    types = {**dict.fromkeys(_BIT_STRINGS, "::text"), **dict.fromkeys(_ARRAYS, "::text[]")}
    shown = ", ".join(f"{name}{types.get(name, '')} AS {name}" for name in names)
    return f"SELECT {shown} FROM {table} WHERE experiment_key = $1 AND start_time = $2"


_PUT_SLICES, _PUT_SCORES = _put("slices", _OF_SLICES), _put("slice_scores", _OF_SCORES)
_STORED_SLICES = f"{_stored('slices', _OF_SLICES)} ORDER BY chunk"
_STORED_SCORES = f"{_stored('slice_scores', _OF_SCORES)} ORDER BY chunk, name, kind"


async def put_slices(driver: Driver, experiment_key: int, stretch: Stretch) -> None:
    """Slice the traces of the stretch, of which nothing is stored."""
    async for chunk, scored in _made(driver, experiment_key, stretch):
        await driver.execute(_PUT_SLICES, *(chunk.get(name) for name in _OF_SLICES))
        await driver.executemany(_PUT_SCORES, [[row.get(name) for name in _OF_SCORES] for row in scored])


async def slices_differ(driver: Driver, experiment_key: int, stretch: Stretch) -> bool:
    """Whether what is stored of the stretch is not what its traces make."""
    stored = await driver.fetch(_STORED_SLICES, experiment_key, stretch[0])
    stored_scores = await driver.fetch(_STORED_SCORES, experiment_key, stretch[0])
    made, made_scores = [], []
    async for chunk, scored in _made(driver, experiment_key, stretch):
        made.append({name: chunk.get(name) for name in _OF_SLICES})
        made_scores += [{name: row.get(name) for name in _OF_SCORES} for row in scored]
    return [*map(dict, stored)] != made or [*map(dict, stored_scores)] != made_scores


async def _made(driver: Driver, experiment_key: int, stretch: Stretch) -> AsyncIterator[tuple[Row, list[Row]]]:
    """The rows of `slices`, each with those of `slice_scores`; none where no trace starts in the stretch."""
    start, end = stretch
    async for found in driver.cursor(_READ, experiment_key, start, end, MOST_TRACES, prefetch=1):
        key = {"experiment_key": experiment_key, "start_time": start, "chunk": found["chunk"]}
        if any(len(set(found[name]) - {None}) > MOST_TEXTS for name in TEXTS):
            yield {**key, "end_time": end, "n": 0}, []
            return
        # It takes some milliseconds, in which others want to go on.
        made, scored = await asyncio.to_thread(_sliced, found)
        yield {**key, "end_time": end, **made}, [{**key, **row} for row in scored]


def _sliced(found: Mapping[str, Any]) -> tuple[Row, list[Row]]:
    n, every = found["n"], "1" * found["n"]
    minutes = [(minute, len(list(same))) for minute, same in groupby(map(_minute, unpack(f">{n}q", found["starts"])))]
    made = {"n": n, "every": every, "many_models": found["many_models"]}
    made["minutes"], made["counts"] = [minute for minute, _ in minutes], [count for _, count in minutes]
    for name in TEXTS:
        made[f"{name}_values"] = values = sorted(set(found[name]) - {None})
        made[f"{name}_bits"] = ones_of_values(found[name], values)
    for name in NUMBERS:
        made[name] = [found.get(f"has_{name}", every), *slices_of(found[name])]
    return made, [_scored(n, *score) for score in found["scored"] or ()]


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
