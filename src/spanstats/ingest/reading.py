"""What a write must know of the store before it changes it. Every statement here runs after the locks it relies on."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from ..domain.span import Score
from ..store.session import Driver
from ..store.spans import StoredKey, TraceKey, columns

LooseKey = tuple[int, str]
"""(tenant id, span id) of a span that is found by its span id alone."""

_TRACE_KEYS = "unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)"
_SPAN_KEYS = "unnest($1::int[], $2::text[], $3::text[]) AS k(tenant_id, trace_id, span_id)"

# Taken one after another in the order given (sorted), before any row is locked.
_SERIALISE = "SELECT pg_advisory_xact_lock(n) FROM unnest($1::bigint[]) AS n"

LOOSE_STATEMENT = """
SELECT k.tenant_id, k.span_id, s.trace_id, p.fields FROM unnest($1::int[], $2::text[]) AS k(tenant_id, span_id)
LEFT JOIN spans s ON s.tenant_id = k.tenant_id AND s.span_id = k.span_id AND s.by_span_id
LEFT JOIN patches p ON p.tenant_id = k.tenant_id AND p.trace_id = '' AND p.span_id = k.span_id
"""

_PATCHES = f"""
SELECT p.tenant_id, p.trace_id, p.span_id, p.fields FROM {_SPAN_KEYS}
JOIN patches p ON p.tenant_id = k.tenant_id AND p.trace_id = k.trace_id AND p.span_id = k.span_id
"""

TRACES_STATEMENT = f"""
SELECT t.tenant_id, t.trace_id, t.experiment_key, t.start_time, t.n_spans, t.score_keys IS NOT NULL AS scored, t.fold
FROM {_TRACE_KEYS} JOIN traces t ON t.tenant_id = k.tenant_id AND t.trace_id = k.trace_id
"""

_PRESENT = f"""
SELECT DISTINCT s.tenant_id, s.trace_id FROM {_SPAN_KEYS}
JOIN spans s ON s.tenant_id = k.tenant_id AND s.trace_id = k.trace_id AND s.span_id = k.span_id
"""


async def serialise(driver: Driver, locks: Sequence[int]) -> None:
    await driver.fetch(_SERIALISE, sorted(set(locks)))


async def loose(
    driver: Driver, ids: Collection[LooseKey]
) -> tuple[dict[LooseKey, str], dict[LooseKey, dict[str, Any]]]:
    """The trace ids of the stored spans that are found by their span id alone, and the fields of their patches."""
    found = {(r["tenant_id"], r["span_id"]): r for r in await driver.fetch(LOOSE_STATEMENT, *columns(ids))}
    homes = {key: r["trace_id"] for key, r in found.items() if r["trace_id"] is not None}
    return homes, {key: _patch(r["fields"]) for key, r in found.items() if r["fields"] is not None}


async def patches(driver: Driver, keys: Collection[StoredKey]) -> dict[StoredKey, dict[str, Any]]:
    """The fields of the stored patches; the trace id is empty where the span id alone is the identity."""
    rows = await driver.fetch(_PATCHES, *columns(keys)) if keys else []
    return {(r["tenant_id"], r["trace_id"], r["span_id"]): _patch(r["fields"]) for r in rows}


def _patch(fields: dict[str, Any]) -> dict[str, Any]:
    if fields.get("scores"):
        fields["scores"] = msgspec.convert(fields["scores"], list[Score])
    return fields


async def traces(driver: Driver, keys: Collection[TraceKey]) -> dict[TraceKey, Any]:
    """The rows of locked traces: experiment_key, start_time, n_spans, scored, fold."""
    return {(r["tenant_id"], r["trace_id"]): r for r in await driver.fetch(TRACES_STATEMENT, *columns(keys))}


async def present(driver: Driver, keys: Collection[StoredKey]) -> set[TraceKey]:
    """The traces of those spans that are stored already."""
    return {(r["tenant_id"], r["trace_id"]) for r in await driver.fetch(_PRESENT, *columns(keys))} if keys else set()
