"""Find what the ids of a batch lead to: stored spans with global ids, their overrides, and experiments.

Every write runs these statements: they are planned once, perhaps while the tables are small (`by_key.py`).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..domain.keys import ExperimentKey, GlobalSpanKey, NamedExperiment, SpanKey
from ..domain.span import Score
from ..store.by_key import SPAN_KEYS, row_of_span, rows_of_tenant, spans_of_tenant
from ..store.session import Driver
from ..store.spans import columns
from .batch import lock_number

# $1, $2: spans with global ids; $3, $4: experiments by name. KEY SHARE: any number of writers at once, but a deletion
# (which locks the row FOR UPDATE) waits for all of them.
_EXPERIMENT = rows_of_tenant(
    "experiments", "id", "k.id", "tenant_id, id, key", "AND deleted_at IS NULL", "FOR KEY SHARE"
)
_STORED = spans_of_tenant("span_id", "k.span_id", "trace_id", "AND by_span_id")
IDENTIFY_STATEMENT = f"""
WITH held AS MATERIALIZED (
    SELECT e.tenant_id, e.id, e.key FROM unnest($3::int[], $4::text[]) AS k(tenant_id, id) CROSS JOIN {_EXPERIMENT} e
)
SELECT k.tenant_id, k.span_id AS id, NULL::bigint AS experiment_key, s.trace_id, p.fields
FROM unnest($1::int[], $2::text[]) AS k(tenant_id, span_id)
LEFT JOIN {_STORED} s ON true
LEFT JOIN LATERAL (
    SELECT fields FROM patches WHERE tenant_id = k.tenant_id AND trace_id = '' AND span_id = k.span_id OFFSET 0
) p ON true
UNION ALL SELECT held.tenant_id, held.id, held.key, NULL, NULL FROM held
"""

OVERRIDES_STATEMENT = f"""
SELECT p.tenant_id, p.trace_id, p.span_id, p.fields FROM {SPAN_KEYS} CROSS JOIN {row_of_span("patches")} p
"""


def lock_of_global_ids(ids: Collection[GlobalSpanKey]) -> str:
    """The statement by which writers of spans with these ids wait for each other, before any row is locked.

    Its numbers need no placeholders, so it can travel together with other statements.
    """
    numbers = sorted({lock_number(*key) for key in ids})
    if len(numbers) == 1:
        # It is planned each time, and a statement that reads no rows in half the time.
        return f"SELECT pg_advisory_xact_lock({numbers[0]})"
    return f"SELECT pg_advisory_xact_lock(n) FROM unnest('{{{','.join(map(str, numbers))}}}'::bigint[]) AS n"


@dataclass(slots=True)
class Identified:
    """The trace ids of stored spans with global ids, the overrides of such spans, and the keys of experiments."""

    traces: dict[GlobalSpanKey, str] = field(default_factory=dict)
    overrides: dict[GlobalSpanKey, dict[str, Any]] = field(default_factory=dict)
    experiments: dict[NamedExperiment, ExperimentKey] = field(default_factory=dict)


async def identify_and_lock(
    driver: Driver, ids: Collection[GlobalSpanKey], names: Collection[NamedExperiment] = ()
) -> Identified:
    """Find the stored spans and overrides; find the named experiments and lock them against deletion."""
    result = Identified()
    span_columns, name_columns = [columns(keys) if keys else [[], []] for keys in (ids, names)]
    rows = await driver.fetch(IDENTIFY_STATEMENT, *span_columns, *name_columns)
    for tenant_id, name, experiment_key, trace_id, fields in rows:
        if trace_id is not None:
            result.traces[GlobalSpanKey(tenant_id, name)] = trace_id
        if fields is not None:
            result.overrides[GlobalSpanKey(tenant_id, name)] = _override(fields)
        if experiment_key is not None:
            result.experiments[NamedExperiment(tenant_id, name)] = experiment_key
    return result


async def read_overrides(driver: Driver, keys: Collection[SpanKey]) -> dict[SpanKey, dict[str, Any]]:
    """The fields of the stored overrides; the trace id is empty where the span id alone is the identity."""
    rows = await driver.fetch(OVERRIDES_STATEMENT, *columns(keys)) if keys else []
    return {SpanKey(r["tenant_id"], r["trace_id"], r["span_id"]): _override(r["fields"]) for r in rows}


def _override(fields: dict[str, Any]) -> dict[str, Any]:
    if fields.get("scores"):
        fields["scores"] = msgspec.convert(fields["scores"], list[Score])
    return fields
