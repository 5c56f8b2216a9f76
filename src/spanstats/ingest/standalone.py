"""Scores that are posted on their own: each finds the span that it is of, now or when that span comes.

A write keeps every posted score among the early ones first, and then takes from there what now has a span. It looks for
early scores in a statement whose snapshot is newer than its lock on the table `traces`; so a writer of spans that did
not see an early score holds that lock until it commits, and the request that brought the score waits for it to go and
looks again (`commits.py`).
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Set
from dataclasses import dataclass
from typing import Any

import msgspec

from ..domain.keys import LogKey, SpanKey, TenantId, TraceKey
from ..domain.span import Span
from ..domain.standalone import Outcome, StandaloneScore
from ..errors import InvalidInput, invalid
from ..store.by_key import rows_of_tenant
from ..store.session import Database, Driver, Kind
from ..store.spans import columns, scores_of_traces
from . import rows
from .arrivals import Arrival
from .batch import Batch
from .stored import Stored

MAX_POSTED = 100
"""Most posted scores of a span, and as many may wait for one log: what waits was acknowledged, and is never refused."""

_LOGS = "unnest($1::int[], $2::text[]) AS k(tenant_id, log_id)"
FIND = f"""
SELECT k.tenant_id, k.log_id, coalesce(
    (SELECT s.trace_id FROM {rows_of_tenant("spans", "span_id", "k.log_id")} s
     ORDER BY s.start_time DESC, s.trace_id DESC LIMIT 1),
    (SELECT t.trace_id FROM traces t WHERE t.tenant_id = k.tenant_id AND t.trace_id = k.log_id)
) AS trace_id
FROM {_LOGS}
"""

_KEEP = """
INSERT INTO early_scores (tenant_id, id, log_id, fields)
SELECT u.* FROM unnest($1::int[], $2::text[], $3::text[], $4::jsonb[]) AS u(tenant_id, id, log_id, fields)
ORDER BY u.tenant_id, u.id
ON CONFLICT (tenant_id, id) DO UPDATE SET fields = excluded.fields
"""

# Locked, since the same span id may come in two traces at once; in the order of the logs, as they are passed.
EARLY = f"""
SELECT e.tenant_id, e.fields FROM {_LOGS}
CROSS JOIN {rows_of_tenant("early_scores", "log_id", "k.log_id", lock="FOR UPDATE")} e
"""

CROWDED = f"""
SELECT 1 FROM {_LOGS} CROSS JOIN {rows_of_tenant("early_scores", "log_id", "k.log_id")} e
GROUP BY e.tenant_id, e.log_id HAVING count(*) > $3 LIMIT 1
"""

FORGET = f"""
DELETE FROM early_scores WHERE ctid = ANY (ARRAY(
    SELECT x.ctid FROM unnest($1::int[], $2::text[]) AS k(tenant_id, id)
    CROSS JOIN {rows_of_tenant("early_scores", "id", "k.id", "ctid")} x
))
"""

_POSTED = """
SELECT s.tenant_id, s.trace_id, s.span_id, s.evaluator_key, s.ordinal, s.id, s.log_id, s.scorer
FROM unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)
JOIN scores s ON s.tenant_id = k.tenant_id AND s.trace_id = k.trace_id AND s.source = 'api'
"""

_DROP = """
DELETE FROM scores s USING unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::int[])
    AS k(tenant_id, trace_id, span_id, evaluator_key, ordinal)
WHERE s.tenant_id = k.tenant_id AND s.trace_id = k.trace_id AND s.span_id = k.span_id AND s.source = 'api'
    AND s.evaluator_key = k.evaluator_key AND s.ordinal = k.ordinal
"""

_PUT = """
INSERT INTO scores (tenant_id, trace_id, span_id, source, evaluator_key, ordinal, value, value_type, text, reason,
    evaluator_id, slug, name, created_at, id, log_id, scorer, details)
VALUES ($1, $2, $3, 'api', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (tenant_id, trace_id, span_id, source, evaluator_key, ordinal) DO UPDATE SET value = excluded.value,
    value_type = excluded.value_type, text = excluded.text, reason = excluded.reason,
    evaluator_id = coalesce(excluded.evaluator_id, scores.evaluator_id), slug = coalesce(excluded.slug, scores.slug),
    name = coalesce(excluded.name, scores.name), details = excluded.details
"""


# Every transaction that writes spans holds this lock on the table from its first trace until it ends.
_WRITERS = """
SELECT virtualtransaction FROM pg_locks
WHERE locktype = 'relation' AND relation = 'traces'::regclass AND mode = 'RowExclusiveLock' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_POLL_S = 0.005


async def others_written(database: Database) -> None:
    """Return once all transactions that are writing spans now have ended, or no write may take so long."""
    waited_for = await _writers(database)
    deadline = time.monotonic() + database.timeouts.write_s
    while waited_for and time.monotonic() < deadline:
        await asyncio.sleep(_POLL_S)
        waited_for &= await _writers(database)


async def _writers(database: Database) -> set[str]:
    async with database.transaction(Kind.READ) as tx:
        return {row["virtualtransaction"] for row in await tx.driver.fetch(_WRITERS)}


@dataclass(frozen=True, slots=True)
class _Early:
    """A score that may have found its trace."""

    trace: TraceKey
    posted: StandaloneScore


async def find_logs(driver: Driver, logs: Collection[LogKey]) -> dict[LogKey, TraceKey]:
    """The traces of those logs that are stored: of the span of this id (of several the latest), else of this trace."""
    found = await driver.fetch(FIND, *columns(sorted(logs))) if logs else []
    return {
        LogKey(r["tenant_id"], r["log_id"]): TraceKey(r["tenant_id"], r["trace_id"])
        for r in found
        if r["trace_id"] is not None
    }


async def take_early(
    driver: Driver, batch: Batch, arrivals: Iterable[Arrival], found: dict[LogKey, TraceKey], any_kept: bool
) -> list[_Early]:
    """Keep the posted scores of the batch; all kept ones that are of a found log or of a span of this batch.

    `any_kept` is whether there was any, of whatever log, when the traces had been locked.
    """
    if batch.scores:
        latest = {(tenant, posted.id): (tenant, posted.id, posted.log_id, posted) for tenant, posted in batch.scores}
        await driver.execute(_KEEP, *columns([(*row[:3], rows.to_json(row[3])) for row in latest.values()]))
    homes = {**_by_id(arrivals), **found}
    if not homes or not (any_kept or batch.scores):
        return []
    early = await driver.fetch(EARLY, *columns(sorted(homes)))
    posted = [(r["tenant_id"], msgspec.convert(r["fields"], StandaloneScore)) for r in early]
    return [_Early(homes[LogKey(tenant, score.log_id)], score) for tenant, score in posted]


def _by_id(arrivals: Iterable[Arrival]) -> dict[LogKey, TraceKey]:
    """The traces of the arriving spans by trace id and, which goes before, by span id, of several the latest."""
    by_span: dict[LogKey, Span] = {}
    by_trace: dict[LogKey, TraceKey] = {}
    for arrival in arrivals:
        span, key = arrival.span, LogKey(arrival.tenant_id, arrival.span.span_id)
        by_trace[LogKey(arrival.tenant_id, span.trace_id)] = TraceKey(arrival.tenant_id, span.trace_id)
        if key not in by_span or (by_span[key].start_us or 0) < (span.start_us or 0):
            by_span[key] = span
    return by_trace | {key: TraceKey(key[0], span.trace_id) for key, span in by_span.items()}


Outcomes = dict[tuple[TenantId, str], Outcome]
"""By tenant and the id that the score came with."""


async def apply(driver: Driver, stored: Stored, batch: Batch, early: list[_Early]) -> Outcomes:
    """Give the taken scores to their spans, whose traces were read whole; what became of the batch's own scores.

    Raises `InvalidInput` where the batch brings a span, or a log that scores wait for, more than the limit.
    """
    sent = {(tenant_id, score.id) for tenant_id, score in batch.scores}
    placed = await _place(driver, stored, early, sent)
    outcomes = {key: Outcome(placed.get(key, key[1]), key not in placed) for key in sent}
    gone = placed.keys() | {(tenant_id, score.id) for tenant_id, score in batch.scores if score.deleted}
    if gone:
        await driver.execute(FORGET, *columns(sorted(gone)))
    await _check_pending(driver, {(t, s.log_id) for t, s in batch.scores if outcomes[t, s.id].is_pending})
    await _read_again(driver, stored, {e.trace for e in early})
    return outcomes


async def _place(
    driver: Driver, stored: Stored, early: list[_Early], sent: Set[tuple[TenantId, str]]
) -> dict[tuple[TenantId, str], str]:
    """Write those scores whose span is stored; the ids that they go by now."""
    traces = {e.trace for e in early}
    known = list(await driver.fetch(_POSTED, *columns(traces))) if traces else []
    placed: dict[tuple[TenantId, str], str] = {}
    for entry in early:
        span_id = _span_of(stored, entry)
        if span_id is not None:
            key = entry.trace.tenant_id, entry.posted.id
            placed[key] = await _write(driver, entry, span_id, known, key in sent)
            stored.dirty.add(entry.trace)
    return placed


async def _check_pending(driver: Driver, waiting: Collection[tuple[TenantId, str]]) -> None:
    """Raises `InvalidInput` where more scores than the limit wait for one of these logs."""
    if waiting and await driver.fetchval(CROWDED, *columns(sorted(waiting)), MAX_POSTED):
        raise _crowded()


def as_spans(early: Iterable[_Early]) -> list[tuple[TenantId, Span]]:
    """The scores as if spans had brought them, from which evaluators are learnt."""
    return [(e.trace.tenant_id, Span(trace_id="", span_id="", scores=[e.posted.score])) for e in early]


def _span_of(stored: Stored, entry: _Early) -> str | None:
    """The span of this id, else the root of the trace of this id, else its earliest span."""
    spans = stored.spans.get(entry.trace, {})
    if entry.posted.log_id in spans:
        return entry.posted.log_id
    if entry.posted.log_id != entry.trace.trace_id or not spans:
        return None
    first = min(spans.values(), key=lambda s: (not s.is_root, s.start_us or 0, s.span_id))
    return first.span_id


def _crowded() -> InvalidInput:
    return invalid(f"a log has at most {MAX_POSTED} posted scores", "log_id", kind="too_many")


async def _write(driver: Driver, entry: _Early, span_id: str, known: list[Any], is_new: bool) -> str:
    """Insert, update or delete the score; its id. `known`, the scores of its trace, is brought up to date.

    Raises `InvalidInput` where a new one is one too many.
    """
    posted, score = entry.posted, entry.posted.score
    home = SpanKey(*entry.trace, span_id)
    same = [r for r in known if (r["tenant_id"], r["trace_id"], r["evaluator_key"]) == (*home.trace, score.key)]
    before = next((r for r in same if r["scorer"] == posted.scorer and _is_same_log(r, posted, span_id)), None)
    if posted.deleted:
        if before is not None:
            known.remove(before)
            place = [before[name] for name in ("span_id", "evaluator_key", "ordinal")]
            await driver.execute(_DROP, *columns([(*home.trace, *place)]))
        return posted.id
    if before is None:
        own = [r for r in known if (r["tenant_id"], r["trace_id"], r["span_id"]) == home]
        if is_new and len(own) >= MAX_POSTED:
            raise _crowded()
        ordinal = max((r["ordinal"] for r in same if r["span_id"] == span_id), default=-1) + 1
        before = {"span_id": span_id, "ordinal": ordinal, "id": posted.id}
        names = {**entry.trace._asdict(), "evaluator_key": score.key}
        known.append({**before, **names, "log_id": posted.log_id, "scorer": posted.scorer})
    values = (score.value, score.value_type, score.text, score.reason, score.evaluator_id, score.slug, score.name)
    details = rows.to_json(posted.details) if posted.details else None
    about = (posted.created_us, before["id"], posted.log_id, posted.scorer, details)
    await driver.execute(_PUT, *home.trace, before["span_id"], score.key, before["ordinal"], *values, *about)
    return str(before["id"])


def _is_same_log(row: Any, posted: StandaloneScore, span_id: str) -> bool:
    return bool(row["id"] == posted.id or row["log_id"] == posted.log_id or row["span_id"] == span_id)


async def _read_again(driver: Driver, stored: Stored, traces: Collection[TraceKey]) -> None:
    if traces:
        stored.scores = {key: scores for key, scores in stored.scores.items() if key.trace not in traces}
        stored.scores |= await scores_of_traces(driver, traces)
