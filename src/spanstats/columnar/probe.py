"""Ask the database a condition on dictionary-encoded values, once for each different value.

It is the condition that a filter has on `traces`. Here it runs over rows that have only the value, under the name of
that table. So a filter means the same, whether columns or traces answer it.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..store.session import Transaction
from ..store.tables import traces
from .cache import Bounded
from .chunk import Chunk, Mask
from .predicate import TextTest

Passing = Mapping[int, Mask]
"""For one chunk, by number of a `TextTest`: whether the value of each code passes; none does at 0."""

_MOST_BYTES = 16 * 2**20


class Probe:
    """Asks the database, and keeps its answers: a condition and a chunk's dictionary never change."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._kept: Bounded[tuple[str, str, str, int], Mask] = Bounded(most_bytes)

    async def ask(self, tx: Transaction, tests: Sequence[TextTest], chunks: Mapping[int, Chunk]) -> dict[int, Passing]:
        """Which values of each chunk pass, by the chunk's id."""
        by_chunk: dict[int, dict[int, Mask]] = {chunk_id: {} for chunk_id in chunks}
        for test in tests:
            condition, operands = tx.condition(traces, test.condition)
            question = test.column, condition, repr(operands)
            masks = {i: self._kept.get((*question, i)) for i in chunks}
            new = {i: chunk for i, chunk in chunks.items() if masks[i] is None}
            for chunk_id, mask in (await _masks(tx, test, new)).items():
                self._kept.put((*question, chunk_id), mask, len(mask) + 500)
                masks[chunk_id] = mask
            for chunk_id, of_chunk in masks.items():
                assert of_chunk is not None
                by_chunk[chunk_id][test.number] = of_chunk
        return {**by_chunk}


async def _masks(tx: Transaction, test: TextTest, chunks: Mapping[int, Chunk]) -> dict[int, Mask]:
    """By id of the chunk, whether the value of each code passes."""
    if not chunks:
        return {}
    # There may be many different values.
    different = await asyncio.to_thread(_different, chunks.values(), test.column)
    passing = await _passing(tx, test, different)
    return await asyncio.to_thread(
        lambda: {chunk_id: _table(chunk, test.column, passing) for chunk_id, chunk in chunks.items()}
    )


def _table(chunk: Chunk, column: str, passing: frozenset[bytes]) -> Mask:
    texts = chunk.texts(column)
    return np.array([False, *(value in passing for value in (texts.values if texts else ()))])


def _different(chunks: Iterable[Chunk], column: str) -> list[bytes]:
    values: dict[bytes, None] = {}
    for chunk in chunks:
        texts = chunk.texts(column)
        if texts is not None:
            values.update(dict.fromkeys(texts.values))
    return list(values)


async def _passing(tx: Transaction, test: TextTest, values: list[bytes]) -> frozenset[bytes]:
    if not values:
        return frozenset()
    column, dot, key = test.column.partition(".")
    condition, operands = tx.condition(traces, test.condition)
    parameters: list[Any] = [*operands, f"[{','.join(value.decode() for value in values)}]"]
    row = "value #>> '{}'"
    if dot:
        parameters.append(key)
        row = f"jsonb_build_object(${len(parameters)}::text, value)"
    each = f"jsonb_array_elements(${len(operands) + 1}::text::jsonb) WITH ORDINALITY AS each_value(value, number)"
    statement = (
        f"SELECT array_agg(number::int) FROM (SELECT number, {row} AS {column} FROM {each}) traces WHERE {condition}"
    )
    prepared = await tx.driver.prepare(statement, name="")
    numbers = await prepared.fetchval(*parameters) or []
    return frozenset(values[number - 1] for number in numbers)
