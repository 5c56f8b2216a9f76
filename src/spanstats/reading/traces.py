"""Pages of traces that match a filter, and the spans of traces with all that was sent of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, true

from ..domain.keys import TraceKey
from ..domain.merge import with_all_scores
from ..domain.span import Span
from ..filters.many_traces import asked_of_many
from ..store.session import Driver, Transaction
from ..store.spans import add_content, scores_of_traces, spans_of_traces
from ..store.sql_types import SqlCondition, SqlOrder
from ..store.tables import traces


@dataclass(frozen=True, slots=True)
class Page:
    """A page of rows of `traces`, and how many match in all."""

    count: int
    rows: list[Any]


def order_by(name: str, descending: bool) -> SqlOrder:
    """Traces by this column of theirs, nulls last, and by their ids where it is the same."""
    column, trace_id = traces.c[name], traces.c.trace_id
    # Times are never null, and only without the clause is their index walked.
    last = name not in ("start_time", "trace_id")
    first = column.desc() if descending else column.asc()
    return (first.nulls_last() if last else first), (trace_id.desc() if descending else trace_id.asc())


def newest_first() -> SqlOrder:
    """By start, the latest first; equal starts by trace id, so that pages neither repeat nor skip."""
    return traces.c.start_time.desc(), traces.c.trace_id.desc()


async def page_of_traces(
    tx: Transaction, where: Sequence[SqlCondition], order: SqlOrder, limit: int, offset: int
) -> Page:
    """The traces for which all conditions hold (the tenant's among them, which the caller gives).

    Count and rows are of one snapshot only in a transaction that keeps one (`Kind.SNAPSHOT`).
    """
    counted = select(func.count()).select_from(traces).where(true(), *asked_of_many(where))
    count = (await tx.connection.execute(counted)).scalar_one()
    if offset >= count:
        return Page(count, [])
    columns = [c for c in traces.columns if c.name not in ("fold", "entry")]
    statement = select(*columns).where(*where).order_by(*order).limit(limit).offset(offset)
    return Page(count, list((await tx.connection.execute(statement)).all()))


async def spans_with_content(driver: Driver, keys: Collection[TraceKey]) -> dict[TraceKey, list[Span]]:
    """The spans of these traces with their content and all their scores."""
    stored = await spans_of_traces(driver, keys)
    await add_content(driver, stored, stored.keys())
    scores = await scores_of_traces(driver, keys)
    by_trace: dict[TraceKey, list[Span]] = {key: [] for key in keys}
    for key, span in stored.items():
        by_trace[key.trace].append(with_all_scores(span, scores.get(key, [])))
    return by_trace
