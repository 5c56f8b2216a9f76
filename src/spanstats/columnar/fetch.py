"""Fetch columns of stored chunks from the cache of the process, else from the database."""

import asyncio
from collections.abc import Mapping, Sequence

from ..store.session import Driver
from .cache import ColumnCache
from .chunk import Chunk, Column, Info
from .format import INFO, SCORES
from .needs import Needs, needed_among
from .stored import unpacked

_FETCH = f"""
SELECT chunk_id, name, data FROM column_data
WHERE chunk_id = ANY ($1::bigint[]) AND (name = ANY ($2::text[]) OR $3 AND starts_with(name, '{SCORES}'))
"""
_AT_ONCE = 16
"""Chunks whose columns travel together."""

Decoded = Mapping[str, Column | Info]


async def fetch_chunks(driver: Driver, cache: ColumnCache, ids: Sequence[int], needs: Needs) -> dict[int, Chunk]:
    """The needed columns of these chunks by id; what is fetched is kept in the cache."""
    by_chunk = {chunk_id: _cached(cache, chunk_id, needs) for chunk_id in ids}
    missing = [chunk_id for chunk_id, columns in by_chunk.items() if _missing(columns, needs)]
    names = sorted({INFO, *(name for chunk_id in missing for name in _missing(by_chunk[chunk_id], needs))})
    for begin in range(0, len(missing), _AT_ONCE):
        batch = missing[begin : begin + _AT_ONCE]
        rows = await driver.fetch(_FETCH, batch, names, needs.every_score)
        for chunk_id, columns in (await asyncio.to_thread(_decoded, rows)).items():
            cache.put(chunk_id, columns.items())
            by_chunk[chunk_id] = {**by_chunk[chunk_id], **columns}
    return {chunk_id: _chunk(columns, needs) for chunk_id, columns in by_chunk.items()}


def _cached(cache: ColumnCache, chunk_id: int, needs: Needs) -> Decoded:
    info = cache.get(chunk_id, INFO)
    if not isinstance(info, Info):
        return {}
    columns: dict[str, Column | Info] = {INFO: info}
    for name in needed_among(info.names, needs):
        if (column := cache.get(chunk_id, name)) is not None:
            columns[name] = column
    return columns


def _missing(columns: Decoded, needs: Needs) -> set[str]:
    info = columns.get(INFO)
    if not isinstance(info, Info):
        return {INFO, *needs.columns}
    return {name for name in needed_among(info.names, needs) if name not in columns}


def _decoded(rows: Sequence[tuple[int, str, bytes]]) -> dict[int, dict[str, Column | Info]]:
    by_chunk: dict[int, dict[str, Column | Info]] = {}
    for chunk_id, name, data in rows:
        by_chunk.setdefault(chunk_id, {})[name] = unpacked(data)
    return by_chunk


def _chunk(columns: Decoded, needs: Needs) -> Chunk:
    info = columns[INFO]
    assert isinstance(info, Info)
    return Chunk(info, {n: c for n, c in columns.items() if not isinstance(c, Info) and needs.wants(n)})
