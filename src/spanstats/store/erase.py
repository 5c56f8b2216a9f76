"""Delete traces with all their rows. The caller holds the locks of the traces."""

from collections.abc import Collection

from ..domain.keys import TraceKey
from .by_key import TRACE_KEYS, rows_of_tenant
from .session import Driver
from .tables import every_span_with

_OVERRIDES = f"""
SELECT p.tenant_id, p.span_id, p.changed_at FROM unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)
JOIN {every_span_with("by_span_id")} s ON s.tenant_id = k.tenant_id AND s.trace_id = k.trace_id AND s.by_span_id
JOIN patches p ON p.tenant_id = s.tenant_id AND p.trace_id = '' AND p.span_id = s.span_id
"""
# Locked in the order in which writers lock them. One that was changed meanwhile is an override of later spans.
_DELETE_OVERRIDES = """
DELETE FROM patches p USING (
    SELECT p.tenant_id, p.span_id
    FROM unnest($1::int[], $2::text[], $3::timestamptz[]) AS k(tenant_id, span_id, changed)
    JOIN patches p ON p.tenant_id = k.tenant_id AND p.trace_id = '' AND p.span_id = k.span_id
    WHERE p.changed_at = k.changed ORDER BY p.tenant_id, p.span_id FOR UPDATE OF p
) x WHERE p.tenant_id = x.tenant_id AND p.trace_id = '' AND p.span_id = x.span_id
"""


def _erasing(table: str) -> str:
    """By address, once found by key: the trace's lock keeps the rows where they are."""
    rows = rows_of_tenant(table, "trace_id", "k.trace_id", "ctid")
    return f"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT x.ctid FROM {TRACE_KEYS} CROSS JOIN {rows} x))"


_OF_SPANS = ("spans", "packed_spans", "span_payloads", "packed_payloads", "scores", "score_blocks", "patches")
ERASE = {table: _erasing(table) for table in (*_OF_SPANS, "traces")}

OverrideVersion = tuple[int, str, int]
"""(tenant id, span id, when it was changed) of the override of a global span id."""


async def read_overrides(driver: Driver, traces: Collection[TraceKey]) -> list[OverrideVersion]:
    """The overrides of spans of these traces that have a global id: to be deleted once the traces are gone."""
    if not traces:
        return []
    tenants, ids = zip(*traces, strict=True)
    return [tuple(row) for row in await driver.fetch(_OVERRIDES, list(tenants), list(ids))]


async def delete_overrides(driver: Driver, overrides: Collection[OverrideVersion]) -> None:
    """Delete these overrides, unless they were changed since.

    In a transaction of its own: writers lock such overrides before traces.
    """
    if overrides:
        await driver.execute(_DELETE_OVERRIDES, *map(list, zip(*overrides, strict=True)))


async def erase_spans(driver: Driver, traces: Collection[TraceKey]) -> None:
    """Delete the spans, payloads, scores and overrides of these traces; those of global span ids stay (see above)."""
    await _erase(driver, traces, _OF_SPANS)


async def erase_traces(driver: Driver, traces: Collection[TraceKey]) -> None:
    """Delete the rows of the traces themselves, and what continues them; the caller invalidates their minutes."""
    await _erase(driver, traces, ("score_blocks", "traces"))


async def _erase(driver: Driver, traces: Collection[TraceKey], table_names: tuple[str, ...]) -> None:
    if not traces:
        return
    tenants, ids = zip(*traces, strict=True)
    for table in table_names:
        await driver.execute(ERASE[table], list(tenants), list(ids))
