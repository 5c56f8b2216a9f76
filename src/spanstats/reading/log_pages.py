"""Logs and traces for one answer: a page of them, or one by its id, each read in one snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.keys import ExperimentKey, SpanKey, TenantId, TraceKey
from ..domain.span import Span
from ..domain.values import is_clean
from ..store.session import Database, Kind
from ..store.sql_types import SqlCondition, SqlOrder
from .logs import Log, complete, find_row
from .traces import page_of_traces, spans_with_content
from .whole_traces import experiment_ids, find_kept, span_of_log, trace_of


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of logs, and how many match in all."""

    count: int
    logs: list[Log]


async def page_of_logs(
    database: Database, where: Sequence[SqlCondition], order: SqlOrder, limit: int, offset: int, *, whole: bool = False
) -> LogPage:
    """The traces for which all conditions hold, as logs; `whole` with all their spans.

    Raises `TooLarge` and `Unavailable`.
    """
    async with database.transaction(Kind.SNAPSHOT) as tx:
        page = await page_of_traces(tx, where, order, limit, offset)
        return LogPage(page.count, await complete(tx, page.rows, whole=whole))


async def find_log(
    database: Database, tenant_id: TenantId, experiment_key: ExperimentKey, log_id: str, *, whole: bool = False
) -> Log | None:
    """The experiment's trace of this id, else its trace with a span of this id. Raises `TooLarge`, `Unavailable`."""
    if not is_clean(log_id):
        return None
    async with database.transaction(Kind.SNAPSHOT) as tx:
        row = await find_row(tx, experiment_key, TraceKey(tenant_id, log_id))
        if row is None and (key := await trace_of(tx, tenant_id, log_id)) is not None:
            row = await find_row(tx, experiment_key, key)
        logs = [] if row is None else await complete(tx, [row], whole=whole)
    return logs[0] if logs else None


async def find_trace(database: Database, tenant_id: TenantId, trace_id: str, *, whole: bool) -> Log | None:
    """The tenant's trace of this id, unless its experiment is deleted. Raises `TooLarge`, `Unavailable`."""
    if not is_clean(trace_id):
        return None
    async with database.transaction(Kind.SNAPSHOT) as tx:
        row = await find_kept(tx, TraceKey(tenant_id, trace_id))
        logs = [] if row is None else await complete(tx, [row], whole=whole)
    return logs[0] if logs else None


async def spans_around(
    database: Database, tenant_id: TenantId, log_id: str
) -> tuple[list[Span], dict[ExperimentKey, str]]:
    """All spans of the trace that a log's id means, with their content, and the ids of the experiments that they name;
    none where there is no such log. Raises `Unavailable`.
    """
    async with database.transaction(Kind.SNAPSHOT) as tx:
        key = await trace_of(tx, tenant_id, log_id) if is_clean(log_id) else None
        await tx.find_by_key()
        spans = (await spans_with_content(tx.driver, [key]))[key] if key else []
        return spans, await experiment_ids(tx, tenant_id, spans)


async def find_span_of_log(database: Database, tenant_id: TenantId, log_id: str) -> SpanKey | None:
    """The stored span that a log's id means: see `span_of_log`. Raises `Unavailable`."""
    async with database.transaction(Kind.READ) as tx:
        return await span_of_log(tx, tenant_id, log_id)
