"""Standalone scores that wait for their span.

A write first inserts every standalone score as a pending one. Then it takes the pending scores that have a span now. It
reads them in a statement whose snapshot is newer than its lock on the table `traces`. A writer of spans that did not
see a pending score holds that lock until it commits. The request of the score waits until then and looks again
(`commits.py`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec

from ..domain.keys import LogKey, ScoreKey, TenantId, TraceKey
from ..domain.standalone import StandaloneScore
from ..errors import InvalidInput, invalid
from ..store.by_key import rows_of_tenant, spans_of_tenant
from ..store.session import Driver
from ..store.spans import columns
from . import rows

MAX_OF_SPAN = 100
"""Most standalone scores of a span, and most that are pending of a log: one that was acknowledged is never refused."""

_LOGS = "unnest($1::int[], $2::text[]) AS k(tenant_id, log_id)"
FIND_LOGS = f"""
SELECT k.tenant_id, k.log_id, coalesce(
    (SELECT s.trace_id FROM {spans_of_tenant("span_id", "k.log_id", "trace_id, start_time")} s
     ORDER BY s.start_time DESC, s.trace_id DESC LIMIT 1),
    (SELECT t.trace_id FROM traces t WHERE t.tenant_id = k.tenant_id AND t.trace_id = k.log_id)
) AS trace_id
FROM {_LOGS}
"""

_INSERT = """
INSERT INTO early_scores (tenant_id, id, log_id, fields)
SELECT u.* FROM unnest($1::int[], $2::text[], $3::text[], $4::jsonb[]) AS u(tenant_id, id, log_id, fields)
ORDER BY u.tenant_id, u.id
ON CONFLICT (tenant_id, id) DO UPDATE SET fields = excluded.fields
"""

# Locked, since the same span id may come in two traces at once; in the order of the logs, as they are passed.
LOCK_PENDING = f"""
SELECT e.tenant_id, e.fields FROM {_LOGS}
CROSS JOIN {rows_of_tenant("early_scores", "log_id", "k.log_id", lock="FOR UPDATE")} e
"""

CROWDED = f"""
SELECT 1 FROM {_LOGS} CROSS JOIN {rows_of_tenant("early_scores", "log_id", "k.log_id")} e
GROUP BY e.tenant_id, e.log_id HAVING count(*) > $3 LIMIT 1
"""

DELETE_PENDING = f"""
DELETE FROM early_scores WHERE ctid = ANY (ARRAY(
    SELECT x.ctid FROM unnest($1::int[], $2::text[]) AS k(tenant_id, id)
    CROSS JOIN {rows_of_tenant("early_scores", "id", "k.id", "ctid")} x
))
"""


@dataclass(frozen=True, slots=True)
class PendingScore:
    """A pending score whose trace is known."""

    trace: TraceKey
    score: StandaloneScore


async def find_logs(driver: Driver, logs: Collection[LogKey]) -> dict[LogKey, TraceKey]:
    """The traces of the stored logs: of the span of this id (of several the latest), else the trace of this id."""
    of_logs = await driver.fetch(FIND_LOGS, *columns(sorted(logs))) if logs else []
    return {
        LogKey(r["tenant_id"], r["log_id"]): TraceKey(r["tenant_id"], r["trace_id"])
        for r in of_logs
        if r["trace_id"] is not None
    }


async def insert_and_lock_pending(
    driver: Driver, new: Collection[tuple[TenantId, StandaloneScore]], traces: Mapping[LogKey, TraceKey]
) -> list[PendingScore]:
    """Insert the new scores as pending; lock all pending scores of these logs, whose traces are known."""
    if new:
        latest = {(tenant, score.id): (tenant, score.id, score.log_id, score) for tenant, score in new}
        await driver.execute(_INSERT, *columns([(*row[:3], rows.to_json(row[3])) for row in latest.values()]))
    locked = await driver.fetch(LOCK_PENDING, *columns(sorted(traces))) if traces else []
    pending = [(r["tenant_id"], msgspec.convert(r["fields"], StandaloneScore)) for r in locked]
    return [PendingScore(traces[LogKey(tenant, score.log_id)], score) for tenant, score in pending]


async def delete_pending(driver: Driver, keys: Collection[ScoreKey]) -> None:
    """Delete pending scores that are stored with their spans now, or that a client deleted."""
    if keys:
        await driver.execute(DELETE_PENDING, *columns(sorted(keys)))


async def check_pending(driver: Driver, logs: Collection[LogKey]) -> None:
    """Raises `InvalidInput` where more scores than the limit are pending of one of these logs."""
    if logs and await driver.fetchval(CROWDED, *columns(sorted(logs)), MAX_OF_SPAN):
        raise crowded()


def crowded() -> InvalidInput:
    """The error that refuses one score too many."""
    return invalid(f"a log has at most {MAX_OF_SPAN} standalone scores", "log_id", code="too_many")
