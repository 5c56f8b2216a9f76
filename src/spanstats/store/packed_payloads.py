"""Read and write packed payloads of old traces: one row of `packed_payloads` has the payloads of most spans of a trace.

A span's payload is its row in `span_payloads`. If there is no such row, it is the span's part of the packed row of its
trace. A write always leaves a row, so a part that is out of date is never read. The part of the root is in columns of
its own, which filters read. They count while `root_id` names the root, and it does so until the spans of the trace are
moved back (`packed_spans.py`). A trace is packed under its lock. A statement that looks for packed payloads is the one
that found no row, or runs after it, so it finds payloads that were packed in between.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from msgspec.structs import astuple

from ..domain.keys import SpanKey, TraceKey
from .by_key import TRACE_KEYS, rows_of_tenant
from .packed_format import Payload, unpack
from .session import Driver
from .tables import every_span_with

PACKED = f"""
SELECT p.tenant_id, p.trace_id, p.packed, p.root_id, p.root_input::text, p.root_output::text, p.root_target::text,
    p.root_attributes::text
FROM {TRACE_KEYS} CROSS JOIN {rows_of_tenant("packed_payloads", "trace_id", "k.trace_id")} p
"""
_UNPACKED = f"""
WITH of_spans AS MATERIALIZED (
    SELECT u.tenant_id, u.trace_id, u.span_id, u.input::json, u.output::json, u.target::json, c.metadata, c.labels,
        u.attributes::jsonb
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
        AS u(tenant_id, trace_id, span_id, input, output, target, attributes)
    JOIN packed_payloads c ON c.tenant_id = u.tenant_id AND c.trace_id = u.trace_id
    WHERE EXISTS (
        SELECT 1 FROM {every_span_with()} s
        WHERE s.tenant_id = u.tenant_id AND s.trace_id = u.trace_id AND s.span_id = u.span_id
    )
)
INSERT INTO span_payloads (tenant_id, trace_id, span_id, input, output, target, metadata, labels, attributes)
SELECT * FROM of_spans
ON CONFLICT (tenant_id, trace_id, span_id) DO NOTHING
"""
_ADDRESSES = f"""
ctid = ANY (ARRAY(
    SELECT x.ctid FROM {TRACE_KEYS} CROSS JOIN {rows_of_tenant("packed_payloads", "trace_id", "k.trace_id", "ctid")} x
))
"""
_DELETE = f"DELETE FROM packed_payloads WHERE {_ADDRESSES}"
_UNPACK_ROOTS = f"""
WITH of_roots AS MATERIALIZED (
    SELECT tenant_id, trace_id, root_id, root_input, root_output, root_target, metadata, labels, root_attributes
    FROM packed_payloads WHERE {_ADDRESSES} AND root_id IS NOT NULL
)
INSERT INTO span_payloads (tenant_id, trace_id, span_id, input, output, target, metadata, labels, attributes)
SELECT * FROM of_roots
"""
# The texts stay, since others are packed without what they repeat of them.
_FORGET_ROOTS = f"UPDATE packed_payloads SET root_id = NULL WHERE {_ADDRESSES} AND root_id IS NOT NULL"


async def payloads_of(driver: Driver, keys: Collection[SpanKey]) -> dict[SpanKey, Payload]:
    """The packed payloads of these spans, which have no row in `span_payloads`."""
    traces = await _packed(driver, {key.trace for key in keys})
    by_span = {SpanKey(*trace, p.span_id): p for trace, payloads in traces.items() for p in payloads}
    return {key: by_span[key] for key in keys if key in by_span}


def unpacked(trace: TraceKey, packed: bytes, root_id: str | None, *of_root: str | None) -> dict[SpanKey, Payload]:
    """The payloads of a packed row by span; `of_root` are input, output, target and attributes in its columns."""
    return {SpanKey(*trace, payload.span_id): payload for payload in _payloads(packed, root_id, *of_root)}


async def unpack_traces(driver: Driver, keys: Iterable[TraceKey]) -> None:
    """Give every span of these traces, which the caller has locked, a row in `span_payloads` again."""
    by_trace = await _packed(driver, keys)
    if not by_trace:
        return
    rows = [(*trace, *astuple(payload)) for trace, payloads in by_trace.items() for payload in payloads]
    await driver.execute(_UNPACKED, *map(list, zip(*rows, strict=True)))
    await driver.execute(_DELETE, *_columns(by_trace))


async def unpack_roots(driver: Driver, keys: Collection[TraceKey]) -> None:
    """Give the roots of these traces, which the caller has locked, a row in `span_payloads` again."""
    await driver.execute(_UNPACK_ROOTS, *_columns(keys))
    await driver.execute(_FORGET_ROOTS, *_columns(keys))


async def _packed(driver: Driver, keys: Iterable[TraceKey]) -> dict[TraceKey, list[Payload]]:
    traces = sorted(set(keys))
    rows = await driver.fetch(PACKED, *_columns(traces)) if traces else []
    return {TraceKey(tenant_id, trace_id): _payloads(*packed) for tenant_id, trace_id, *packed in rows}


def _payloads(packed: bytes, root_id: str | None, *of_root: Any) -> list[Payload]:
    payloads = unpack(packed, of_root[:3])
    return payloads if root_id is None else [Payload(root_id, *of_root), *payloads]


def _columns(keys: Iterable[TraceKey]) -> tuple[list[int], list[str]]:
    traces: Sequence[TraceKey] = list(keys)
    return [key.tenant_id for key in traces], [key.trace_id for key in traces]
