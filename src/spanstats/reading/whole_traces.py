"""Whole traces, with everything that was sent of their spans, read batch by batch within one transaction."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from sqlalchemy import and_, exists, func, literal, select, tuple_

from ..domain.keys import ExperimentKey, SpanKey, TenantId, TraceKey
from ..domain.span import Span
from ..filters.many_traces import asked_of_many
from ..store.session import Transaction
from ..store.sql_types import SqlCondition
from ..store.tables import every_span, experiments, has_span_id, traces
from .logs import first_spans
from .sizes import light_parts
from .traces import spans_with_content

_c = traces.c

EXPERIMENT_IDS = """
SELECT e.key, e.id FROM unnest($1::int[], $2::bigint[]) AS k(tenant_id, key) CROSS JOIN LATERAL (
    SELECT key, id FROM experiments
    WHERE key BETWEEN k.key AND k.key AND tenant_id = k.tenant_id AND deleted_at IS NULL ORDER BY key OFFSET 0
) e
"""

FOUND_AT_A_TIME = 1_000
SPANS_AT_A_TIME = 500
"""What is decoded at once keeps all other requests of the process waiting."""


def of_experiment(experiment_key: ExperimentKey) -> list[SqlCondition]:
    """Traces of an experiment that have a root."""
    return [_c.experiment_key == experiment_key, _c.has_root]


def kept_of_tenant(tenant_id: TenantId) -> list[SqlCondition]:
    """Traces of a tenant that have a root and are of no deleted experiment."""
    return [_c.tenant_id == tenant_id, _c.has_root, is_kept()]


def of_status(status: str) -> SqlCondition:
    return _c.status == status


def started_since(start_us: int) -> SqlCondition:
    """Traces that start at this time (microseconds) or later."""
    return _c.start_time >= start_us


async def count(tx: Transaction, where: Sequence[SqlCondition]) -> int:
    """How many traces meet all conditions."""
    counted = select(func.count()).select_from(traces).where(*asked_of_many(where))
    n_traces: int = (await tx.connection.execute(counted)).scalar_one()
    return n_traces


async def whole_traces(
    tx: Transaction,
    where: Sequence[SqlCondition],
    *,
    newest_first: bool = False,
    offset: int = 0,
    limit: int | None = None,
) -> AsyncIterator[list[list[Span]]]:
    """The spans of the traces that meet all conditions, by start and trace id, some traces at a time.

    A batch holds no more than 500 spans, nor more content than is held at once, or it is one trace.
    """
    async for keys in _keys(tx, where, newest_first, offset, limit):
        for batch in _batches(keys):
            for part in await light_parts(tx.driver, batch):
                spans = await spans_with_content(tx.driver, part)
                yield [spans[key] for key in part]


async def _keys(
    tx: Transaction, where: Sequence[SqlCondition], newest_first: bool, offset: int, limit: int | None
) -> AsyncIterator[list[tuple[TraceKey, int]]]:
    """Keys of traces and how many spans they have. Later pages start behind the last trace of the one before."""
    cursor = tuple_(_c.start_time, _c.trace_id)
    order = (_c.start_time.desc(), _c.trace_id.desc()) if newest_first else (_c.start_time, _c.trace_id)
    columns = _c.tenant_id, _c.trace_id, _c.n_spans, _c.start_time
    statement = select(*columns).where(*where).order_by(*order)
    page, left = statement.offset(offset), limit
    while left is None or left > 0:
        size = FOUND_AT_A_TIME if left is None else min(left, FOUND_AT_A_TIME)
        rows = (await tx.connection.execute(page.limit(size))).all()
        if rows:
            yield [(TraceKey(row.tenant_id, row.trace_id), row.n_spans) for row in rows]
        if len(rows) < size:
            return
        left = None if left is None else left - size
        last = tuple_(literal(rows[-1].start_time, _c.start_time.type), literal(rows[-1].trace_id, _c.trace_id.type))
        page = statement.where(cursor < last if newest_first else cursor > last)


def _batches(keys: Iterable[tuple[TraceKey, int]]) -> Iterable[list[TraceKey]]:
    batch: list[TraceKey] = []
    n_spans = 0
    for key, n in keys:
        if batch and n_spans + n > SPANS_AT_A_TIME:
            yield batch
            batch, n_spans = [], 0
        batch.append(key)
        n_spans += n
    if batch:
        yield batch


def is_kept() -> SqlCondition:
    """The trace's experiment, if it has one, is not deleted: traces of a deleted one are about to be erased."""
    e = experiments.c
    return ~exists().where(e.key == _c.experiment_key, e.deleted_at.is_not(None)).correlate(traces)


def kept_where(
    tenant_id: TenantId, start_us: int | None, end_us: int | None, conditions: Iterable[SqlCondition | None]
) -> list[SqlCondition]:
    """What the traces of a tenant in a window (microseconds, end exclusive) that match filters have in common."""
    where: list[SqlCondition] = [_c.tenant_id == tenant_id, is_kept()]
    where += [] if start_us is None else [_c.start_time >= start_us]
    where += [] if end_us is None else [_c.start_time < end_us]
    return where + [condition for condition in conditions if condition is not None]


async def find_kept(tx: Transaction, key: TraceKey) -> Any:
    """The row of this trace, `None` where there is none or its experiment is deleted."""
    columns = [column for column in _c if column.name not in ("fold", "entry")]
    statement = select(*columns).where(_c.tenant_id == key[0], _c.trace_id == key[1], is_kept())
    return (await tx.connection.execute(statement)).one_or_none()


async def trace_of(tx: Transaction, tenant_id: TenantId, log_id: str) -> TraceKey | None:
    """The trace of the span of this id (of several the one that began last), else the trace of this id."""
    s = every_span.c
    of_trace = and_(_c.tenant_id == s.tenant_id, _c.trace_id == s.trace_id)
    by_span = select(s.trace_id).select_from(every_span.join(traces, of_trace))
    newest = by_span.where(has_span_id(tenant_id, log_id), is_kept())
    by_trace = select(_c.trace_id).where(_c.tenant_id == tenant_id, _c.trace_id == log_id, is_kept())
    for statement in (newest.order_by(s.start_time.desc(), s.trace_id).limit(1), by_trace):
        trace_id = (await tx.connection.execute(statement)).scalar_one_or_none()
        if trace_id is not None:
            return TraceKey(tenant_id, trace_id)
    return None


async def span_of_log(tx: Transaction, tenant_id: TenantId, log_id: str) -> SpanKey | None:
    """The stored span that a log's id means, as in `trace_of`; of a trace its root, else its earliest span.

    `None` where none is stored, and where the span has a global id.
    """
    key = await trace_of(tx, tenant_id, log_id)
    if key is None:
        return None
    first = (await first_spans(tx.driver, {key: None})).get(key)
    if first is None or first.by_span_id:
        return None
    s = every_span.c
    itself = select(exists().where(s.tenant_id == tenant_id, s.trace_id == key[1], s.span_id == log_id))
    is_span = (await tx.connection.execute(itself)).scalar_one()
    return SpanKey(*key, log_id if is_span else first.span_id)


async def experiment_ids(tx: Transaction, tenant_id: TenantId, members: Iterable[Span]) -> dict[ExperimentKey, str]:
    """The ids of the experiments that these spans name, by the store's key; deleted ones are left out."""
    keys = {span.experiment_key for span in members} - {None}
    if not keys:
        return {}
    rows = await tx.driver.fetch(EXPERIMENT_IDS, [tenant_id] * len(keys), list(keys))
    return {row["key"]: row["id"] for row in rows}
