"""Stored spans on their own: by id, and in pages that match a filter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    Column,
    ScalarSelect,
    Select,
    Text,
    any_,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.sql import visitors

from ..domain.keys import SpanKey, TenantId
from ..domain.merge import with_all_scores
from ..domain.span import Span
from ..domain.values import is_clean
from ..filters.sources import SpanRows, SpansMatching, adapted, spans_matching
from ..store.by_key import spans_of_tenant
from ..store.session import Database, Driver, Kind, Transaction
from ..store.spans import add_content, scores_of_spans, spans_by_key
from ..store.sql_types import SqlCondition, SqlOrder
from ..store.tables import every_span
from .sizes import check_spans

_FEW = 200
"""A page of this many spans or fewer is found by their traces, not among all spans once more."""


@dataclass(frozen=True, slots=True)
class SpanPage:
    """A page of spans, and how many match in all."""

    count: int
    spans: list[Span]


LATEST = f"""
SELECT s.trace_id FROM unnest(ARRAY[$1::int], ARRAY[$2::text]) AS k(tenant_id, span_id)
CROSS JOIN {spans_of_tenant("span_id", "k.span_id", "trace_id, start_time")} s
ORDER BY s.start_time DESC, s.trace_id DESC LIMIT 1
"""


def order_by(name: str, descending: bool) -> SqlOrder:
    """Spans by this column of theirs, nulls last, and by their ids where it is the same."""
    column, ties = every_span.c[name], (every_span.c.trace_id, every_span.c.span_id)
    # The start is never null, and only without the clause is its index walked.
    first = column.desc() if descending else column.asc()
    return (first if name == "start_time" else first.nulls_last(), *(t.desc() if descending else t.asc() for t in ties))


def started_within(start_us: int | None, end_us: int | None) -> list[SqlCondition]:
    """Spans that start in a window (microseconds, end exclusive)."""
    where = [] if start_us is None else [every_span.c.start_time >= start_us]
    return where if end_us is None else [*where, every_span.c.start_time < end_us]


async def find_span(database: Database, tenant_id: TenantId, span_id: str) -> Span | None:
    """The tenant's span of this id, of several the one that starts latest, with its content and scores.

    Raises `Unavailable`.
    """
    if not is_clean(span_id):
        return None
    async with database.transaction(Kind.KEYS) as tx:
        trace_id = await tx.driver.fetchval(LATEST, tenant_id, span_id)
        keys = [] if trace_id is None else [SpanKey(tenant_id, trace_id, span_id)]
        spans = await whole_spans(tx.driver, keys)
    return spans[0] if spans else None


async def stored_span(database: Database, key: SpanKey) -> Span | None:
    """The span of this key without its content and scores. Raises `Unavailable`."""
    async with database.transaction(Kind.KEYS) as tx:
        return (await spans_by_key(tx.driver, [key])).get(key)


async def whole_spans(driver: Driver, keys: Sequence[SpanKey]) -> list[Span]:
    """These spans in their order, with their content and scores; deleted spans are left out.

    Raises `TooLarge`.
    """
    await check_spans(driver, keys)
    stored = await spans_by_key(driver, keys)
    await add_content(driver, stored, stored.keys())
    scores = await scores_of_spans(driver, stored.keys())
    for key, span in stored.items():
        stored[key] = with_all_scores(span, scores.get(key, []))
    return [stored[key] for key in keys if key in stored]


async def page_of_spans(
    database: Database, tenant_id: TenantId, where: Sequence[SqlCondition], order: SqlOrder, limit: int, offset: int
) -> SpanPage:
    """A page of the tenant's spans that match the conditions, which may look at their payloads too, in one snapshot.

    Raises `TooLarge` and `Unavailable`.
    """
    matching = spans_matching(tenant_id, where)
    async with database.transaction(Kind.SNAPSHOT) as tx:
        count, trace_ids = await _count(tx, matching)
        if trace_ids is not None:
            matching = spans_matching(tenant_id, [*where, _of_traces(trace_ids)])
        keys = await _keys(tx, matching.parts, order, limit, offset) if offset < count else []
        await tx.find_by_key()
        return SpanPage(count, await whole_spans(tx.driver, keys))


def _of_traces(trace_ids: Sequence[str]) -> SqlCondition:
    return every_span.c.trace_id == any_(literal(trace_ids, ARRAY(Text)))


async def _count(tx: Transaction, matching: SpansMatching) -> tuple[int, list[str] | None]:
    """How many spans match. Where they are few and found by their payloads, also the traces that they are of."""
    payloads = matching.payloads
    if payloads is None:
        return sum((await tx.connection.execute(select(*map(_counted, matching.parts)))).one()), None
    numbered = select(payloads.keys.c.trace_id, func.row_number().over().label("n")).where(*payloads.where).subquery()
    first = func.array_agg(numbered.c.trace_id).filter(numbered.c.n <= literal_column(str(_FEW)))
    others = map(_counted, matching.parts[1:])
    statement = select(func.count(), first, *others).select_from(numbered)
    n_payloads, trace_ids, *n_others = (await tx.connection.execute(statement)).one()
    are_all = 0 < n_payloads <= _FEW and not any(n_others)
    return n_payloads + sum(n_others), list(trace_ids) if are_all else None


def _counted(rows: SpanRows) -> ScalarSelect[int]:
    return select(func.count()).select_from(rows.source).where(*rows.where).scalar_subquery()


async def _keys(tx: Transaction, parts: Sequence[SpanRows], order: SqlOrder, limit: int, offset: int) -> list[SpanKey]:
    ordering = {e.name for each in order for e in visitors.iterate(each) if isinstance(e, Column)}
    columns = [every_span.c[name] for name in ["tenant_id", *sorted(ordering | {"trace_id", "span_id"})]]
    first, *others = [
        select(*columns).select_from(rows.source).where(*rows.where).order_by(*order).limit(limit + offset)
        for rows in parts
    ]
    statement: Select[Any] = first.limit(limit).offset(offset)
    if others:
        keys = union_all(first, *others).subquery()
        ordered = [adapted(each, {every_span.c[name]: column for name, column in keys.c.items()}) for each in order]
        statement = select(keys).order_by(*ordered).limit(limit).offset(offset)
    return [SpanKey(r.tenant_id, r.trace_id, r.span_id) for r in (await tx.connection.execute(statement)).all()]
