"""Functions that insert, update and delete rows, each for any number of rows. The caller holds the locks."""

from collections.abc import Collection, Sequence
from typing import Any

from ..domain.keys import SpanKey, TenantId, TraceKey
from ..domain.span import Span
from ..store.by_key import SPAN_KEYS, row_of_span
from ..store.packed_payloads import unpack_traces
from ..store.session import Driver
from ..store.spans import columns
from . import rows
from .rows import TraceRow
from .write_statements import LOCK_OR_INSERT_TRACES, write_statement

Changed = list[tuple[TenantId, Span]]
"""(tenant id, span)"""

_UPSERT_OVERRIDES = """
INSERT INTO patches (tenant_id, trace_id, span_id, fields)
SELECT u.* FROM unnest($1::int[], $2::text[], $3::text[], $4::jsonb[]) AS u(tenant_id, trace_id, span_id, fields)
ON CONFLICT (tenant_id, trace_id, span_id) DO UPDATE SET fields = excluded.fields, changed_at = excluded.changed_at
"""


def _deleting(table: str, and_: str = "") -> str:
    """By address, once found by key: the trace's lock keeps the rows where they are."""
    row = row_of_span(table, "ctid", rest=and_)
    return f"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT x.ctid FROM {SPAN_KEYS} CROSS JOIN {row} x))"


DELETE_SPANS = [_deleting("spans"), _deleting("span_payloads")]
DELETE_OWN_SCORES = _deleting("scores", "AND source <> 'api'")
MOVE_SCORES = f"""
WITH found AS MATERIALIZED (
    SELECT x.ctid AS address, k.target
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[]) AS k(tenant_id, trace_id, span_id, target)
    CROSS JOIN {row_of_span("scores", "ctid")} x
)
UPDATE scores SET trace_id = found.target FROM found WHERE scores.ctid = found.address
"""


UPDATE_UNCOUNTED = f"""
WITH found AS MATERIALIZED (
    SELECT x.ctid AS address, k.uncounted
    FROM unnest($1::int[], $2::text[], $3::text[], $4::smallint[]) AS k(tenant_id, trace_id, span_id, uncounted)
    CROSS JOIN {row_of_span("spans", "ctid")} x
)
UPDATE spans SET uncounted = found.uncounted FROM found WHERE spans.ctid = found.address
"""


async def upsert_overrides(driver: Driver, overrides: dict[SpanKey, dict[str, Any]]) -> None:
    """Store these overrides, each whole; the trace id is empty where the span id alone is the identity."""
    if overrides:
        encoded = [(*key, rows.to_json(fields)) for key, fields in sorted(overrides.items())]
        await driver.execute(_UPSERT_OVERRIDES, *columns(encoded))


async def write(
    driver: Driver,
    changed: Changed,
    traces: Sequence[TraceRow] = (),
    before: Collection[tuple[int | None, int]] = (),
    *,
    are_new: bool = False,
) -> None:
    """Insert or replace spans with their payloads and own scores, and update these traces.

    Invalidates the minutes in which the traces start, and the minutes before the change: (experiment key, start).
    `are_new` says that none of the spans is stored; one that is raises `asyncpg.UniqueViolationError`.
    """
    if not (changed or traces or before):
        return
    tenants, spans = columns(changed) if changed else ([], [])
    of_traces = (rows.to_json(traces), *(columns(before) if before else ([], []))) if traces or before else ()
    have_scores = any(span.scores for span in spans)
    statement = write_statement(are_new=are_new, have_scores=have_scores, have_traces=bool(of_traces))
    await driver.execute(statement, rows.to_json(spans), tenants, *of_traces)


async def move_spans(driver: Driver, moved: Sequence[tuple[SpanKey, str]]) -> None:
    """Delete spans from the trace that they leave, and move their scores to the trace with the id next to the key."""
    if not moved:
        return
    await unpack_traces(driver, {key.trace for key, _ in moved})
    keys = columns([key for key, _ in moved])
    await driver.execute(MOVE_SCORES, *keys, [target for _, target in moved])
    for statement in DELETE_SPANS:
        await driver.execute(statement, *keys)


async def update_uncounted(driver: Driver, uncounted: dict[SpanKey, int]) -> None:
    """Store the `Uncounted` bits of these spans."""
    if uncounted:
        await driver.execute(UPDATE_UNCOUNTED, *columns([(*key, bits) for key, bits in sorted(uncounted.items())]))


async def delete_own_scores(driver: Driver, keys: Collection[SpanKey]) -> None:
    """Delete the scores that came with these spans; standalone scores stay."""
    if keys:
        await driver.execute(DELETE_OWN_SCORES, *columns(keys))


async def lock_or_insert_traces(driver: Driver, as_new: Sequence[TraceRow]) -> tuple[set[TraceKey], bool]:
    """Insert the traces that do not exist and lock the others, in key order.

    The keys of the inserted traces, and whether any standalone score is pending.
    """
    any_pending, tenants, traces = await driver.fetchrow(LOCK_OR_INSERT_TRACES, rows.to_json(as_new))
    return set(map(TraceKey, tenants or (), traces or ())), any_pending
