"""Old traces packed: their spans in a table with smaller indexes, the payloads of most spans in one compressed row.

What statements look into stays readable. So the root's payload are columns next to the packed ones, and metadata and
labels are too. Spans keep their rows if they have an error or attributes that filters know, or others of these than
most spans of their trace. Traces are locked as writers lock them, and traces that are being written are left.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from msgspec.structs import astuple

from ..domain.keys import SpanKey, TraceKey
from ..filters.span_fields import SPAN_VALUES
from ..store.by_key import SPAN_KEYS, TRACE_KEYS, row_of_span, rows_of_tenant, spans_of_tenant
from ..store.packed_format import Payload, pack
from ..store.packed_payloads import unpack_traces
from ..store.packed_spans import pack_spans, unpack_spans
from ..store.session import Driver
from ..store.spans import columns
from ..store.tables import span_payloads

# One row is not worth it.
_LEAST_SPANS = 2
_MOST_BYTES = 2**20
# PostgreSQL compresses a larger one in a row of its own.
_MOST_BYTES_OF_ROOT = 1_800
_FORM = 1

FILTERED = sorted(name for name, value in SPAN_VALUES.items() if value.table is span_payloads)
"""All attributes that filters look into are among these names."""

HAS_OLD_FORM = """
EXISTS (SELECT 1 FROM packed_payloads c WHERE c.tenant_id = t.tenant_id AND c.trace_id = t.trace_id AND c.form IS NULL)
"""
IS_LEFT = f"""
(NOT EXISTS (SELECT 1 FROM packed_spans p WHERE p.tenant_id = t.tenant_id AND p.trace_id = t.trace_id)
    OR {HAS_OLD_FORM})
"""
"""A trace `t` that is not packed, or in an old form."""

# A packed trace that gets a span is packed again, but for its payloads. One that got a span lately may get more.
_LOCK = f"""
SELECT t.tenant_id, t.trace_id, {HAS_OLD_FORM} AS has_old_form
FROM unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)
JOIN traces t ON t.tenant_id = k.tenant_id AND t.trace_id = k.trace_id
WHERE {IS_LEFT} AND NOT EXISTS (
    SELECT 1 FROM spans s WHERE s.tenant_id = t.tenant_id AND s.trace_id = t.trace_id AND s.received_at >= $3
)
ORDER BY t.tenant_id, t.trace_id FOR UPDATE OF t SKIP LOCKED
"""
_OF_SPAN = "tenant_id, trace_id, span_id, parent_id, parent_is_remote"
_PAYLOADS = f"""
SELECT p.tenant_id, p.trace_id, p.span_id, p.input::text, p.output::text, p.target::text, p.attributes::text,
    p.metadata::text, p.labels::text, t.root_span_id = p.span_id AS is_root
FROM {TRACE_KEYS} CROSS JOIN {rows_of_tenant("traces", "trace_id", "k.trace_id", "root_span_id")} t
CROSS JOIN {spans_of_tenant("trace_id", "k.trace_id", _OF_SPAN)} s
CROSS JOIN {row_of_span("span_payloads", key="s")} p
WHERE NOT EXISTS (SELECT 1 FROM packed_payloads c WHERE c.tenant_id = k.tenant_id AND c.trace_id = k.trace_id)
    AND (t.root_span_id = s.span_id OR s.parent_id IS NOT NULL AND s.parent_is_remote IS NOT TRUE
        AND s.parent_id <> s.span_id AND s.trace_id <> s.span_id)
    AND p.error IS NULL AND (p.attributes ?| $3::text[]) IS NOT TRUE
ORDER BY p.tenant_id, p.trace_id, p.span_id
"""
_INSERT = """
INSERT INTO packed_payloads (tenant_id, trace_id, n_spans, content_bytes, packed, metadata, labels, form,
    root_id, root_input, root_output, root_target, root_attributes)
SELECT u.tenant_id, u.trace_id, u.n_spans, u.content_bytes, u.packed, u.metadata::jsonb, u.labels::jsonb, u.form,
    u.root_id, u.root_input::json, u.root_output::json, u.root_target::json, u.root_attributes::jsonb
FROM unnest($1::int[], $2::text[], $3::int[], $4::int[], $5::bytea[], $6::text[], $7::text[], $8::smallint[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
    AS u(tenant_id, trace_id, n_spans, content_bytes, packed, metadata, labels, form,
        root_id, root_input, root_output, root_target, root_attributes)
"""
_DELETE = f"""
DELETE FROM span_payloads WHERE ctid = ANY (ARRAY(
    SELECT x.ctid FROM {SPAN_KEYS} CROSS JOIN {row_of_span("span_payloads", "ctid")} x
))
"""
_NO_ROOT = (None,) * len(Payload.__struct_fields__)


class _Chosen(NamedTuple):
    """What is packed of a trace: its root's payload if that is, others, and the metadata and labels of each."""

    trace: TraceKey
    root: Payload | None
    others: list[Payload]
    shared: tuple[str | None, str | None]

    @property
    def keys(self) -> list[SpanKey]:
        return [SpanKey(*self.trace, p.span_id) for p in (self.root, *self.others) if p is not None]


async def pack_some(driver: Driver, keys: Sequence[TraceKey], before_us: int) -> int:
    """Pack those of these traces that are not packed, or in an old form, and have got no span since this time; how
    many."""
    rows = await driver.fetch(_LOCK, *columns(keys), before_us)
    locked = [TraceKey(row["tenant_id"], row["trace_id"]) for row in rows]
    if locked:
        old = [key for key, row in zip(locked, rows, strict=True) if row["has_old_form"]]
        await unpack_spans(driver, old)
        await unpack_traces(driver, old)
        await _pack_payloads(driver, locked)
        await pack_spans(driver, locked)
    return len(locked)


async def _pack_payloads(driver: Driver, traces: Sequence[TraceKey]) -> None:
    """Of traces that have none packed, and whose payloads together are neither few nor large."""
    rows = await driver.fetch(_PAYLOADS, *columns(traces), FILTERED)
    of_traces = [_choose(key, of_trace) for key, of_trace in groupby(rows, lambda row: TraceKey(*row[:2]))]
    chosen = [c for c in of_traces if c.others and len(c.keys) >= _LEAST_SPANS and _bytes(c.others) <= _MOST_BYTES]
    if chosen:
        await driver.execute(_INSERT, *columns(await asyncio.to_thread(_packed, chosen)))
        await driver.execute(_DELETE, *columns([key for of_trace in chosen for key in of_trace.keys]))


def _choose(trace: TraceKey, rows: Iterable[Any]) -> _Chosen:
    """Those with the metadata and labels that most of them have."""
    every = [(Payload(*row[2:7]), row[7:9], bool(row["is_root"])) for row in rows]
    ((usual, _),) = Counter(shared for _, shared, _ in every).most_common(1)
    alike = [(payload, is_root) for payload, shared, is_root in every if shared == usual]
    root = next((payload for payload, is_root in alike if is_root and _bytes([payload]) <= _MOST_BYTES_OF_ROOT), None)
    return _Chosen(trace, root, [payload for payload, is_root in alike if not is_root], usual)


def _packed(chosen: Iterable[_Chosen]) -> list[tuple[Any, ...]]:
    """Rows of `packed_payloads`."""
    rows = []
    for trace, root, others, shared in chosen:
        of_root = astuple(root) if root else _NO_ROOT
        packed = pack(others, of_root[1:4])
        rows.append((*trace, len(others), _bytes(others), packed, *shared, _FORM, *of_root))
    return rows


def _bytes(payloads: Iterable[Payload]) -> int:
    return sum(len(text.encode()) for payload in payloads for text in astuple(payload)[1:] if text)
