"""Spans put straight into the tables, and filters run over them."""

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar.from_traces import Rows, chunks_of_traces
from spanstats.columnar.masks import mask_of
from spanstats.columnar.predicate import resolve
from spanstats.columnar.probe import Probe
from spanstats.columnar.refresh import EVERY_COLUMN
from spanstats.domain.keys import TenantId
from spanstats.domain.span import Span
from spanstats.domain.times import iso
from spanstats.domain.trace import Trace, finish
from spanstats.domain.trace_fold import fold
from spanstats.domain.values import billionths
from spanstats.filters.compile import compile_predicate
from spanstats.filters.disjuncts import compile_filter
from spanstats.filters.predicate import Bound
from spanstats.store.session import Database, Driver, Kind
from spanstats.store.tables import every_span, span_payloads, spans, traces

TENANT, OTHER_TENANT = TenantId(1), TenantId(2)
EMPTY = "DELETE FROM spans; DELETE FROM span_payloads; DELETE FROM scores; DELETE FROM traces"


def by_trace(stored: Iterable[Span]) -> dict[str, list[Span]]:
    """The spans of each trace, in the order given."""
    result: dict[str, list[Span]] = {}
    for span in stored:
        result.setdefault(span.trace_id, []).append(span)
    return result


async def store(engine: AsyncEngine, stored: Sequence[Span], tenant: int = TENANT) -> None:
    """Insert settled spans with their payloads, scores and traces."""
    whole = [finish(trace_id, fold(members)) for trace_id, members in by_trace(stored).items()]
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await _insert(tx.driver, "spans", [_span_row(tenant, s) for s in stored])
        await _insert(tx.driver, "span_payloads", [_payload_row(tenant, s) for s in stored])
        await _insert(tx.driver, "scores", [row for s in stored for row in _score_rows(tenant, s)])
        await _insert(tx.driver, "traces", [_trace_row(tenant, t) for t in whole])


async def matching_traces(engine: AsyncEngine, predicate: Bound) -> set[str]:
    """The ids of the tenant's traces for which the predicate holds."""
    ids = await _traces_where(engine, compile_predicate(predicate, TENANT))
    compiled = compile_filter(predicate, TENANT)
    first, *others = [await _traces_where(engine, part) for part in compiled.disjuncts]
    assert sorted(chain(first, *others)) == sorted(ids)
    in_columns = await traces_in_columns(engine, predicate)
    assert in_columns is None or sorted(in_columns) == sorted(first)
    return set(ids)


async def traces_in_columns(engine: AsyncEngine, predicate: Bound) -> list[str] | None:
    """The same, asked of their columns; `None` where no column holds what is asked for."""
    resolved = resolve(predicate, TENANT)
    if resolved is None:
        return None
    ours = traces.c.tenant_id == TENANT
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        ids = select(traces.c.trace_id).where(ours).order_by(traces.c.start_time, traces.c.trace_id)
        ordered = list((await tx.connection.execute(ids)).scalars())
        stream = chunks_of_traces(tx, [Rows(ours)], EVERY_COLUMN, every_member=True, in_order=True, most=3)
        chunks = dict(enumerate([chunk async for chunk in stream]))
        passing = await Probe().ask(tx, resolved.text_tests(), chunks)
    omitted = {name for name in resolved.needs.columns for chunk in chunks.values() if not chunk.info.has(name)}
    if omitted:
        return None
    holds = [row for i, chunk in chunks.items() for row in mask_of(resolved, chunk, passing[i])]
    return [trace_id for trace_id, one in zip(ordered, holds, strict=True) if one]


async def _traces_where(engine: AsyncEngine, condition: ColumnElement[bool]) -> list[str]:
    statement = select(traces.c.trace_id).where(traces.c.tenant_id == TENANT, condition)
    async with Database(engine).transaction(Kind.READ) as tx:
        return list((await tx.connection.execute(statement)).scalars())


async def matching_spans(engine: AsyncEngine, predicate: Bound) -> set[str]:
    """The ids of the tenant's spans for which the predicate holds."""
    same = and_(*(every_span.c[c] == span_payloads.c[c] for c in ("tenant_id", "trace_id", "span_id")))
    condition = and_(every_span.c.tenant_id == TENANT, compile_predicate(predicate, TENANT))
    statement = select(every_span.c.span_id).select_from(every_span.join(span_payloads, same)).where(condition)
    async with Database(engine).transaction(Kind.READ) as tx:
        return set((await tx.connection.execute(statement)).scalars())


async def _insert(driver: Driver, table: str, rows: list[dict[str, Any]]) -> None:
    names = ", ".join(rows[0]) if rows else ""
    statement = f"INSERT INTO {table} ({names}) SELECT {names} FROM json_populate_recordset(NULL::{table}, $1)"
    if rows:
        await driver.execute(statement, json.dumps(rows))


def _span_row(tenant: int, span: Span) -> dict[str, Any]:
    row = {c.name: getattr(span, c.name) for c in spans.columns if hasattr(span, c.name)}
    assert span.start_us is not None
    assert span.end_us is not None
    times = {"start_time": iso(span.start_us), "end_time": iso(span.end_us), "received_at": iso(span.start_us)}
    return row | {"tenant_id": tenant, **times}


def _payload_row(tenant: int, span: Span) -> dict[str, Any]:
    row = {c.name: getattr(span, c.name) or None for c in span_payloads.columns if hasattr(span, c.name)}
    documents = {name: json.loads(row[name] or "") for name in ("input", "output", "target") if row[name]}
    return row | documents | {"tenant_id": tenant}


def _score_rows(tenant: int, span: Span) -> list[dict[str, Any]]:
    return [
        {
            "tenant_id": tenant,
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "source": score.source,
            "evaluator_key": score.key,
            "ordinal": ordinal,
            "value": score.value,
            "value_type": score.value_type,
            "created_at": iso(0),
        }
        for ordinal, score in enumerate(span.scores or ())
    ]


def _trace_row(tenant: int, trace: Trace) -> dict[str, Any]:
    row = {c.name: getattr(trace, c.name) for c in traces.columns if hasattr(trace, c.name)}
    scores = {
        "score_keys": [s.key for s in trace.scores] or None,
        "score_values": [billionths(s.value) for s in trace.scores] or None,
    }
    times = {"start_time": iso(trace.start_us), "end_time": iso(trace.end_us)}
    return row | scores | times | {"tenant_id": tenant}
