"""Read and write packed payloads of old traces: one row of `packed_payloads` has the payloads of most spans of a trace.

A span's payload is its row in `span_payloads`. If there is no such row, it is the span's part of the packed row of its
trace. A write always leaves a row, so a part that is out of date is never read. A trace is packed under its lock. A
statement that looks for packed payloads runs after the one that found no row, so it finds payloads that were packed in
between.
"""

from collections.abc import Collection, Iterable

from msgspec.structs import astuple

from ..domain.keys import SpanKey, TraceKey
from .by_key import TRACE_KEYS, rows_of_tenant
from .packed_format import Payload, unpack
from .session import Driver
from .tables import EVERY_SPAN

_PACKED = f"""
SELECT p.tenant_id, p.trace_id, p.packed FROM {TRACE_KEYS}
CROSS JOIN {rows_of_tenant("packed_payloads", "trace_id", "k.trace_id")} p
"""
_UNPACKED = f"""
WITH of_spans AS MATERIALIZED (
    SELECT u.tenant_id, u.trace_id, u.span_id, u.input::json, u.output::json, u.target::json, c.metadata, c.labels,
        u.attributes::jsonb
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
        AS u(tenant_id, trace_id, span_id, input, output, target, attributes)
    JOIN packed_payloads c ON c.tenant_id = u.tenant_id AND c.trace_id = u.trace_id
    WHERE EXISTS (
        SELECT 1 FROM {EVERY_SPAN} s
        WHERE s.tenant_id = u.tenant_id AND s.trace_id = u.trace_id AND s.span_id = u.span_id
    )
)
INSERT INTO span_payloads (tenant_id, trace_id, span_id, input, output, target, metadata, labels, attributes)
SELECT * FROM of_spans
ON CONFLICT (tenant_id, trace_id, span_id) DO NOTHING
"""
_DELETE = f"""
DELETE FROM packed_payloads WHERE ctid = ANY (ARRAY(
    SELECT x.ctid FROM {TRACE_KEYS} CROSS JOIN {rows_of_tenant("packed_payloads", "trace_id", "k.trace_id", "ctid")} x
))
"""


async def payloads_of(driver: Driver, keys: Collection[SpanKey]) -> dict[SpanKey, Payload]:
    """The packed payloads of these spans, which have no row in `span_payloads`."""
    traces = await _packed(driver, {key.trace for key in keys})
    by_span = {(*trace, payload.span_id): payload for trace, payloads in traces.items() for payload in payloads}
    return {key: by_span[key] for key in keys if key in by_span}


async def unpack_traces(driver: Driver, keys: Iterable[TraceKey]) -> None:
    """Give every span of these traces, which the caller has locked, a row in `span_payloads` again."""
    by_trace = await _packed(driver, keys)
    if not by_trace:
        return
    rows = [(*trace, *astuple(payload)) for trace, payloads in by_trace.items() for payload in payloads]
    await driver.execute(_UNPACKED, *map(list, zip(*rows, strict=True)))
    await driver.execute(_DELETE, *_columns(by_trace))


async def _packed(driver: Driver, keys: Iterable[TraceKey]) -> dict[TraceKey, list[Payload]]:
    traces = sorted(set(keys))
    rows = await driver.fetch(_PACKED, *_columns(traces)) if traces else []
    return {TraceKey(row["tenant_id"], row["trace_id"]): unpack(row["packed"]) for row in rows}


def _columns(keys: Iterable[TraceKey]) -> tuple[list[int], list[str]]:
    traces = list(keys)
    return [key.tenant_id for key in traces], [key.trace_id for key in traces]
