"""Traces as logs of an experiment: pages of them, each with the content of its first span and with its scores."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from ..domain.keys import ExperimentKey, SpanKey, TraceKey
from ..domain.merge import counting
from ..domain.span import Score, Span
from ..store.by_key import TRACE_KEYS, rows_of_tenant, spans_of_tenant
from ..store.session import Driver, Transaction
from ..store.spans import add_content, columns, scores_of_traces, spans_by_key
from ..store.sql_types import SqlCondition
from ..store.tables import traces
from .sizes import check_spans, check_traces
from .traces import spans_with_content

# The root, else the earliest span.
_IDS = "tenant_id, trace_id, root_span_id"
FIRST_SPANS = f"""
SELECT t.tenant_id, t.trace_id, coalesce(t.root_span_id, (
    SELECT s.span_id FROM {spans_of_tenant("trace_id", "k.trace_id", "span_id, start_time")} s
    WHERE t.root_span_id IS NULL ORDER BY s.start_time, s.span_id LIMIT 1
)) AS span_id
FROM {TRACE_KEYS} CROSS JOIN {rows_of_tenant("traces", "trace_id", "k.trace_id", _IDS)} t
"""


@dataclass(slots=True)
class Log:
    """A row of `traces`, its root or else earliest span with its content, its scores, and all spans where wanted."""

    row: Any
    first: Span
    scores: list[Score] = field(default_factory=list)
    spans: list[Span] | None = None


def logs_where(
    experiment_key: ExperimentKey, start_us: int | None, end_us: int | None, condition: SqlCondition | None
) -> list[SqlCondition]:
    """What the traces of an experiment in a window (microseconds, end exclusive) that match a filter have in common."""
    c = traces.c
    where: list[SqlCondition] = [c.experiment_key == experiment_key]
    where += [] if start_us is None else [c.start_time >= start_us]
    where += [] if end_us is None else [c.start_time < end_us]
    return where if condition is None else [*where, condition]


async def find_row(tx: Transaction, experiment_key: ExperimentKey, key: TraceKey) -> Any:
    """The row of this trace where it belongs to the experiment, else `None`."""
    c = traces.c
    columns_ = [column for column in c if column.name not in ("fold", "entry")]
    statement = select(*columns_).where(c.tenant_id == key[0], c.trace_id == key[1], c.experiment_key == experiment_key)
    return (await tx.connection.execute(statement)).one_or_none()


async def complete(tx: Transaction, rows: Sequence[Any], *, whole: bool) -> list[Log]:
    """These rows of `traces` as logs; `whole` with all their spans. Raises `TooLarge`.

    From here on the transaction finds rows by key.
    """
    await tx.find_by_key()
    driver = tx.driver
    keys = [TraceKey(row.tenant_id, row.trace_id) for row in rows]
    if whole:
        await check_traces(driver, keys)
    firsts = await first_spans(driver, {key: row.root_span_id for row, key in zip(rows, keys, strict=True)})
    spans = await spans_with_content(driver, keys) if whole else {}
    scores = await _scores(driver, [key for row, key in zip(rows, keys, strict=True) if row.score_keys is not None])
    return [
        Log(row, firsts[key], scores.get(key, []), spans.get(key))
        for row, key in zip(rows, keys, strict=True)
        if key in firsts
    ]


async def first_spans(driver: Driver, roots: Mapping[TraceKey, str | None]) -> dict[TraceKey, Span]:
    """The root, else the earliest span of these traces, with its content.

    `roots` are the ids of their roots; `None` where a trace has none or where it is not known. Raises `TooLarge`.
    """
    span_keys = [SpanKey(*key, root) for key, root in roots.items() if root is not None]
    unknown = [key for key, root in roots.items() if root is None]
    rows = await driver.fetch(FIRST_SPANS, *columns(unknown)) if unknown else []
    span_keys += [SpanKey(r["tenant_id"], r["trace_id"], r["span_id"]) for r in rows if r["span_id"] is not None]
    await check_spans(driver, span_keys)
    stored = await spans_by_key(driver, span_keys)
    await add_content(driver, stored, stored.keys())
    return {key.trace: span for key, span in stored.items()}


async def _scores(driver: Driver, keys: Collection[TraceKey]) -> dict[TraceKey, list[Score]]:
    """The scores of these traces that count."""
    by_trace: dict[TraceKey, list[Score]] = {}
    for key, scores in (await scores_of_traces(driver, keys)).items():
        by_trace.setdefault(key.trace, []).extend(counting(scores))
    return by_trace
