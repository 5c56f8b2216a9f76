"""The traces of items, with what was asked and answered in them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Subquery, func, select

from ..domain.keys import TraceKey
from ..domain.span import Span
from ..reading.logs import first_spans
from ..store.session import Transaction
from ..store.tables import traces
from .arms import ResolvedArm
from .pairing import PairBy

MOST_NAMED = 20
"""Traces of one item and arm that are named in a row."""

MOST_SHOWN = 1_000
"""Of one item, where all its traces are asked for."""

_AT_ONCE = 100
"""Rows that are made at a time: others wait for that."""

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


@dataclass(frozen=True, slots=True)
class FirstTrial:
    """The earliest trace of an item with its content, and the ids of the first `MOST_NAMED`."""

    trial: Trial
    trace_ids: Sequence[str]


async def first_trials(
    tx: Transaction, arm: ResolvedArm, pair_by: PairBy, keys: Collection[bytes]
) -> dict[bytes, FirstTrial]:
    """By key the first trial of each of these items. Raises `TooLarge` where the content is more than is held."""
    if not keys:
        return {}
    each = _numbered(arm, pair_by, keys)
    rows = (await tx.connection.execute(select(each).where(each.c.number == 1))).all()
    return {
        bytes(trial.row.key): FirstTrial(trial, trial.row.trace_ids)
        for trial in await _with_content(tx, rows, len(rows))
    }


async def all_trials(
    tx: Transaction, arm: ResolvedArm, pair_by: PairBy, key: bytes, *, most: int, contents: int
) -> list[Trial]:
    """The traces of the item, the earliest first, `most` of them, the first `contents` with their content.

    Raises `TooLarge` where the content is more than is held at once.
    """
    each = _numbered(arm, pair_by, [key])
    in_order = select(each).where(each.c.number <= most).order_by(each.c.number)
    rows: list[Any] = []
    async for some in (await tx.connection.stream(in_order)).partitions(_AT_ONCE):
        rows += some
    return await _with_content(tx, rows, contents)


def _numbered(arm: ResolvedArm, pair_by: PairBy, keys: Collection[bytes]) -> Subquery:
    """Traces with the `key` of their item and their `number` among those of the item; `trace_ids` are those of the
    next `MOST_NAMED` from this one on."""
    shown = [pair_by.digest().label("key"), *(traces.c[name] for name in _SHOWN)]
    of_disjuncts = [select(*shown).where(disjunct, pair_by.among(arm.key, keys)) for disjunct in arm.disjuncts]
    each = (of_disjuncts[0] if len(of_disjuncts) == 1 else of_disjuncts[0].union_all(*of_disjuncts[1:])).subquery(
        "of_items"
    )
    in_order = each.c.start_time, each.c.trace_id
    number = func.row_number().over(partition_by=each.c.key, order_by=in_order)
    ids = func.array_agg(each.c.trace_id).over(partition_by=each.c.key, order_by=in_order, rows=(0, MOST_NAMED - 1))
    return select(each, number.label("number"), ids.label("trace_ids")).subquery("numbered")


async def _with_content(tx: Transaction, rows: Sequence[Any], contents: int) -> list[Trial]:
    keys = [TraceKey(row.tenant_id, row.trace_id) for row in rows]
    firsts = await first_spans(tx.driver, dict.fromkeys(keys[:contents]))
    return [Trial(row, firsts.get(key)) for row, key in zip(rows, keys, strict=True)]
