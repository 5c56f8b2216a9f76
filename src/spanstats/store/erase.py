"""Taking traces away with all that stands under them. Callers hold the locks of the traces."""

from collections.abc import Collection

from .session import Driver

TraceKey = tuple[int, str]
"""(tenant id, trace id)"""

_ERASE = """
DELETE FROM {table} x USING unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)
WHERE x.tenant_id = k.tenant_id AND x.trace_id = k.trace_id
"""


async def erase_spans(driver: Driver, traces: Collection[TraceKey]) -> None:
    """Delete the spans, payloads, scores and patches of these traces; patches of a span id alone stay."""
    await _erase(driver, traces, ("spans", "span_payloads", "scores", "patches"))


async def erase_traces(driver: Driver, traces: Collection[TraceKey]) -> None:
    """Delete the rows of the traces themselves; whoever calls this marks their minutes."""
    await _erase(driver, traces, ("traces",))


async def _erase(driver: Driver, traces: Collection[TraceKey], table_names: tuple[str, ...]) -> None:
    if not traces:
        return
    tenants, ids = zip(*traces, strict=True)
    for table in table_names:
        await driver.execute(_ERASE.format(table=table), list(tenants), list(ids))
