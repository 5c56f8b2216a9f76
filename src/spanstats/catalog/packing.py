"""Old traces packed: their spans in a table with smaller indexes, the payloads of most spans in one compressed row.

What statements look into stays readable. So roots keep their rows, and spans with an error or with attributes that
filters know; metadata and labels are columns next to the packed payloads, and spans with others than most spans of
their trace keep their rows. Traces are locked as writers lock them, and traces that are being written are left.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from ..domain.keys import SpanKey, TraceKey
from ..filters.span_fields import SPAN_VALUES
from ..store.by_key import SPAN_KEYS, TRACE_KEYS, row_of_span, rows_of_tenant
from ..store.packed_format import Payload, pack
from ..store.packed_spans import pack_spans
from ..store.session import Driver
from ..store.spans import columns
from ..store.tables import span_payloads

# One row is not worth it.
_LEAST_SPANS = 2
_MOST_BYTES = 2**20

FILTERED = sorted(name for name, value in SPAN_VALUES.items() if value.table is span_payloads)
"""All attributes that filters look into are among these names."""

# A packed trace that gets a span is packed again, but for its payloads. One that got a span lately may get more.
_LOCK = """
SELECT t.tenant_id, t.trace_id FROM unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)
JOIN traces t ON t.tenant_id = k.tenant_id AND t.trace_id = k.trace_id
WHERE NOT EXISTS (SELECT 1 FROM packed_spans p WHERE p.tenant_id = t.tenant_id AND p.trace_id = t.trace_id)
    AND NOT EXISTS (
        SELECT 1 FROM spans s WHERE s.tenant_id = t.tenant_id AND s.trace_id = t.trace_id AND s.received_at >= $3
    )
ORDER BY t.tenant_id, t.trace_id FOR UPDATE OF t SKIP LOCKED
"""
_PAYLOADS = f"""
SELECT p.tenant_id, p.trace_id, p.span_id, p.input::text, p.output::text, p.target::text, p.attributes::text,
    p.metadata::text, p.labels::text
FROM {TRACE_KEYS} CROSS JOIN {rows_of_tenant("spans", "trace_id", "k.trace_id")} s
CROSS JOIN {row_of_span("span_payloads", key="s")} p
WHERE NOT EXISTS (SELECT 1 FROM packed_payloads c WHERE c.tenant_id = k.tenant_id AND c.trace_id = k.trace_id)
    AND s.parent_id IS NOT NULL AND s.parent_is_remote IS NOT TRUE AND s.parent_id <> s.span_id
    AND s.trace_id <> s.span_id AND p.error IS NULL AND (p.attributes ?| $3::text[]) IS NOT TRUE
ORDER BY p.tenant_id, p.trace_id, p.span_id
"""
_INSERT = """
INSERT INTO packed_payloads (tenant_id, trace_id, n_spans, content_bytes, packed, metadata, labels)
SELECT u.tenant_id, u.trace_id, u.n_spans, u.content_bytes, u.packed, u.metadata::jsonb, u.labels::jsonb
FROM unnest($1::int[], $2::text[], $3::int[], $4::int[], $5::bytea[], $6::text[], $7::text[])
    AS u(tenant_id, trace_id, n_spans, content_bytes, packed, metadata, labels)
"""
_DELETE = f"""
DELETE FROM span_payloads WHERE ctid = ANY (ARRAY(
    SELECT x.ctid FROM {SPAN_KEYS} CROSS JOIN {row_of_span("span_payloads", "ctid")} x
))
"""


async def pack_some(driver: Driver, keys: Sequence[TraceKey], before_us: int) -> int:
    """Pack those of these traces that are not packed and have got no span since this time; how many."""
    locked = [TraceKey(*row) for row in await driver.fetch(_LOCK, *columns(keys), before_us)]
    if locked:
        await _pack_payloads(driver, locked)
        await pack_spans(driver, locked)
    return len(locked)


async def _pack_payloads(driver: Driver, traces: Sequence[TraceKey]) -> None:
    """Of traces that have none packed, and whose payloads together are neither few nor large."""
    payloads = await driver.fetch(_PAYLOADS, *columns(traces), FILTERED)
    of_traces = [(key, _alike(rows)) for key, rows in groupby(payloads, lambda row: TraceKey(*row[:2]))]
    chosen = [(key, rows) for key, rows in of_traces if len(rows) >= _LEAST_SPANS and _bytes(rows) <= _MOST_BYTES]
    if chosen:
        await driver.execute(_INSERT, *columns(await asyncio.to_thread(_packed, chosen)))
        await driver.execute(_DELETE, *columns([SpanKey(*row[:3]) for _, rows in chosen for row in rows]))


def _alike(rows: Iterable[Any]) -> list[Any]:
    """The rows with the metadata and labels that most of them have."""
    every = list(rows)
    ((usual, _),) = Counter(row[7:] for row in every).most_common(1)
    return [row for row in every if row[7:] == usual]


def _packed(traces: Iterable[tuple[TraceKey, list[Any]]]) -> list[tuple[Any, ...]]:
    """Rows of `packed_payloads`."""
    return [
        (*key, len(rows), _bytes(rows), pack([Payload(*row[2:7]) for row in rows]), *rows[0][7:])
        for key, rows in traces
    ]


def _bytes(rows: Iterable[Any]) -> int:
    return sum(len(text.encode()) for row in rows for text in row[3:7] if text)
