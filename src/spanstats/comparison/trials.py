"""The traces of items, with what was asked and answered in them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from ..domain.keys import TraceKey
from ..domain.span import Span
from ..reading.logs import first_spans
from ..store.session import Transaction
from ..store.tables import traces
from .arms import Found
from .pairing import PairBy

MOST_TRIALS = 20
"""Traces of one item and arm that are shown."""

MOST_SHOWN = 200
"""Of one item, where all its traces are asked for."""

_SHOWN = (
    *("tenant_id", "trace_id", "status", "name", "start_time", "latency_us", "ttft_us", "tps", "cost_pd", "model"),
    *("prompt_tokens", "completion_tokens", "total_tokens", "n_spans", "n_llm_calls", "n_errors"),
    *("score_keys", "score_values", "score_kinds", "metadata"),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """One trace of an item: its row, and its root, else earliest span, with content where it was read."""

    row: Any
    first: Span | None


async def trials_of(
    tx: Transaction, found: Found, pair_by: PairBy, keys: Collection[bytes], *, most: int, contents: int
) -> dict[bytes, list[Trial]]:
    """By key the traces of these items, the earliest first, `most` of each, the first `contents` with their content.

    Raises `TooLarge` where the content is more than is held at once.
    """
    if not keys:
        return {}
    key = pair_by.digest()
    number = func.row_number().over(partition_by=key, order_by=(traces.c.start_time, traces.c.trace_id))
    of_keys = [
        select(key.label("key"), number.label("number"), *(traces.c[n] for n in _SHOWN)).where(
            part, pair_by.among(found.key, keys)
        )
        for part in found.parts
    ]
    each = of_keys[0] if len(of_keys) == 1 else of_keys[0].union_all(*of_keys[1:])
    numbered = each.subquery("numbered")
    statement = select(numbered).where(numbered.c.number <= most).order_by(numbered.c.key, numbered.c.number)
    rows = (await tx.connection.execute(statement)).all()
    read = [TraceKey(row.tenant_id, row.trace_id) for row in rows if row.number <= contents]
    firsts = await first_spans(tx.driver, read)
    by_key: dict[bytes, list[Trial]] = {}
    for row in rows:
        by_key.setdefault(bytes(row.key), []).append(Trial(row, firsts.get(TraceKey(row.tenant_id, row.trace_id))))
    return by_key
