"""Decide what answers a question: columns, with the traces of invalid minutes next to them, or the traces alone.

Only this module decides it; where a chunk lacks a column, `reader.py` takes the traces of its segment. The numbers are
ratios of measured times (docs/decisions).
"""

from dataclasses import dataclass

from sqlalchemy import select

from ..store.session import Transaction
from ..store.tables import traces
from .arms import Arm
from .predicate import EVERY_TRACE, Predicate, resolve
from .snapshot import ColumnSnapshot, read_chunks, with_invalid

FEW_TRACES = 5_000
"""This many traces are read in less time than it takes to find out what is stored of them."""

MANY_MINUTES = 5_000
"""With this many invalid minutes, most is read from the traces anyway, range by range."""

# One that an index leads to, anywhere in the table, takes ten microseconds; a row of a column 50 nanoseconds.
_ROWS_WHILE_ONE_IS_LOOKED_UP = 200


@dataclass(frozen=True, slots=True)
class FromColumns:
    """A plan to read columns: the predicate over them, and the chunks and invalid minutes of the window."""

    predicate: Predicate
    snapshot: ColumnSnapshot


N_STORED = "(SELECT coalesce(sum(n), 0) FROM column_chunks WHERE experiment_key = e.key)"
"""SQL over `experiments e`: how many of its traces are in columns. Asked with what finds the experiment, it spares
`plan_of` a statement."""


async def plan_of(tx: Transaction, arm: Arm, n_stored: int | None = None) -> FromColumns | None:
    """How to read the traces of the arm; `None`: from the traces alone.

    The traces alone are read if no column holds the value of a condition, if few traces are stored, if many minutes
    are invalid, or if an index leads to the few traces with a rare value of metadata. `n_stored` is `N_STORED` of the
    experiment, where it is known.
    """
    if n_stored is not None and n_stored < FEW_TRACES:
        return None
    predicate = EVERY_TRACE if arm.matching is None else resolve(arm.matching.predicate, arm.matching.tenant_id)
    if predicate is None:
        return None
    chunks = await read_chunks(tx.driver, arm.experiment_key, arm.window)
    n = sum(chunk.n for chunk in chunks)
    if n < FEW_TRACES:
        return None
    snapshot = await with_invalid(tx.driver, arm.experiment_key, arm.window, chunks)
    if len(snapshot.invalid) > MANY_MINUTES:
        return None
    for inclusive in () if arm.matching is None else arm.matching.inclusive:
        if await tx.expected_rows(select(traces.c.trace_id).where(inclusive)) * _ROWS_WHILE_ONE_IS_LOOKED_UP < n:
            return None
    return FromColumns(predicate, snapshot)
