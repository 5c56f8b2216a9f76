"""Conditions on dictionary-encoded values, asked of the database once for each different value.

The condition is the one that a filter puts to `traces`; it is put to rows that have nothing but the value, under the
name of that table. So a filter means the same whoever answers it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from ..store.session import Transaction
from .format import Chunk
from .predicate import TextTest


async def passing_values(
    tx: Transaction, tests: Sequence[TextTest], chunks: Sequence[Chunk]
) -> dict[int, frozenset[bytes]]:
    """By number of the test, those of the chunks' values that pass it."""
    return {test.number: await _passing(tx, test, _different(chunks, test.column)) for test in tests}


def _different(chunks: Iterable[Chunk], column: str) -> list[bytes]:
    found: dict[bytes, None] = {}
    for chunk in chunks:
        texts = chunk.texts(column)
        if texts is not None:
            found.update(dict.fromkeys(texts.values))
    return list(found)


async def _passing(tx: Transaction, test: TextTest, values: list[bytes]) -> frozenset[bytes]:
    if not values:
        return frozenset()
    column, dot, key = test.column.partition(".")
    condition, operands = tx.compiled(test.condition)
    given: list[Any] = [*operands, f"[{','.join(value.decode() for value in values)}]"]
    row = "value #>> '{}'"
    if dot:
        given.append(key)
        row = f"jsonb_build_object(${len(given)}::text, value)"
    each = f"jsonb_array_elements(${len(operands) + 1}::text::jsonb) WITH ORDINALITY AS each_value(value, place)"
    statement = (
        f"SELECT array_agg(place::int) FROM (SELECT place, {row} AS {column} FROM {each}) traces WHERE {condition}"
    )
    prepared = await tx.driver.prepare(statement, name="")
    places = await prepared.fetchval(*given) or []
    return frozenset(values[place - 1] for place in places)
