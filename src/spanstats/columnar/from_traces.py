"""Read traces as arrays: a row of the one statement is a block of traces, a column of it is the values of one column.

Numbers come as the bytes of eight-byte integers in network order, dictionary-encoded columns as arrays of JSON texts,
the scores of a trace as PostgreSQL sends arrays (`scores.py`).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement

from ..store.session import Transaction
from ..store.tables import traces
from .build import Built
from .chunk import Chunk
from .format import MOST_TRACES
from .needs import Needs
from .traces_sql import blocks_statement


@dataclass(frozen=True, slots=True)
class Rows:
    """The traces for which the condition holds; with `ranges`, the traces that start in one of them, which are read
    one after the other by index."""

    condition: ColumnElement[bool]
    ranges: Sequence[tuple[int, int]] | None = None


async def chunks_of_traces(
    tx: Transaction,
    each: Sequence[Rows],
    needs: Needs,
    *,
    every_member: bool = False,
    in_order: bool = False,
    most: int = MOST_TRACES,
) -> AsyncIterator[Chunk]:
    """The traces of these rows (no trace is in two of them), in chunks of at most `most` traces.

    They have the columns that are needed, with `every_member` also all members of labels and metadata that the limits
    of dictionaries allow. Traces are sorted by start and trace id if they are `in_order`, which stored chunks are.
    """
    for rows in each:
        built = Built(needs, every_member)
        condition, operands = tx.condition(traces, rows.condition)
        statement, values = blocks_statement(
            condition, operands, rows.ranges, needs, every_member=every_member, in_order=in_order, most=most
        )
        async for row in tx.rows_of_text(statement, values):
            # It takes some milliseconds, in which others want to go on.
            await asyncio.to_thread(built.add, row)
            if built.n >= most:
                yield await asyncio.to_thread(built.chunk)
                built = Built(needs, every_member)
        if built.n:
            yield await asyncio.to_thread(built.chunk)
