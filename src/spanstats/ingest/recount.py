"""`spanstats recount`: count the usage of stored traces again by today's rules, some traces at a time.

A trace that was stored before a change of the rules keeps its numbers until then. Spans that came over OpenTelemetry
have global ids, and get the response id that is stored among their attributes. Nothing is merged or priced again.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

from ..domain.keys import TenantId, TraceKey
from ..errors import NotFound
from ..store.packed_payloads import unpack_traces
from ..store.packed_spans import unpack_spans
from ..store.session import Database, Driver, Kind, Timeouts
from ..store.tables import every_span_with
from . import changes
from .merging import count_again
from .reading import TraceBefore
from .rows import TraceRow
from .stored import Stored, fold_trace, load_whole
from .tools import Tools
from .trace_rows import row_of_fold

_TIMEOUTS = Timeouts(600, 600)
_TRACES_AT_A_TIME = 500
_SPANS_AT_A_TIME = 5_000

_SUMS = (
    *("prompt_tokens", "completion_tokens", "total_tokens", "cost_pd", "n_llm_calls", "n_unpriced"),
    *("latency_us", "tps", "status"),
)
# In key order, as every writer locks them.
_NEXT = f"""
SELECT trace_id, experiment_key, start_time AS start_us, end_time AS end_us, score_keys IS NOT NULL AS scored,
    {", ".join(_SUMS)}
FROM traces WHERE tenant_id = $1 AND trace_id = ANY ($2::text[]) ORDER BY trace_id FOR UPDATE
"""
_AFTER = """
SELECT trace_id, n_spans FROM traces
WHERE tenant_id = $1 AND trace_id > $2 AND ($3::bigint IS NULL OR experiment_key = $3) ORDER BY trace_id LIMIT $4
"""
_SET_USAGE_ONCE = """
UPDATE spans s SET usage_once = true, response_id = coalesce(s.response_id, left(p.attributes->>'response_id', 255))
FROM span_payloads p
WHERE s.tenant_id = $1 AND s.trace_id = ANY ($2::text[]) AND s.usage_once IS NULL AND NOT s.by_span_id
    AND s.trace_id ~ '^[0-9a-f]{32}$' AND s.span_id ~ '^[0-9a-f]{16}$'
    AND p.tenant_id = s.tenant_id AND p.trace_id = s.trace_id AND p.span_id = s.span_id
"""
_LACK_USAGE_ONCE = f"""
SELECT DISTINCT trace_id FROM {every_span_with("usage_once", "by_span_id")} s
WHERE tenant_id = $1 AND trace_id = ANY ($2::text[]) AND usage_once IS NULL AND NOT by_span_id
"""
_EXPERIMENT = "SELECT key FROM experiments WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL"


@dataclass(frozen=True, slots=True)
class Recounted:
    """One transaction: how many traces were looked at, how many of them changed, and the last one."""

    traces: int
    changed: int
    last: str


async def recount(
    database: Database, tenant_id: TenantId, tools: Tools, experiment_id: str | None = None, after: str = ""
) -> AsyncGenerator[Recounted, None]:
    """Count the tenant's traces again in the order of their ids, from the one after `after`; yields each transaction.

    To do so twice changes nothing. Raises `NotFound` where there is no such experiment, `Unavailable`.
    """
    experiment_key = None if experiment_id is None else await _experiment(database, tenant_id, experiment_id)
    while True:
        async with database.with_timeouts(_TIMEOUTS).transaction(Kind.WRITE) as tx:
            traces = await tx.driver.fetch(_AFTER, tenant_id, after, experiment_key, _TRACES_AT_A_TIME)
            ids = _first([(row["trace_id"], row["n_spans"]) for row in traces])
            if not ids:
                return
            done = Recounted(len(ids), await recount_traces(tx.driver, tenant_id, ids, tools), ids[-1])
        after = done.last
        yield done


async def _experiment(database: Database, tenant_id: TenantId, experiment_id: str) -> int:
    async with database.with_timeouts(_TIMEOUTS).transaction(Kind.READ) as tx:
        key: int | None = await tx.driver.fetchval(_EXPERIMENT, tenant_id, experiment_id)
    if key is None:
        raise NotFound(f"There is no experiment {experiment_id}")
    return key


def _first(traces: list[tuple[str, int]]) -> list[str]:
    """As many as have a bounded number of spans together, one at least."""
    ids: list[str] = []
    total = 0
    for trace_id, n_spans in traces:
        total += n_spans
        if ids and total > _SPANS_AT_A_TIME:
            break
        ids.append(trace_id)
    return ids


async def recount_traces(driver: Driver, tenant_id: TenantId, ids: list[str], tools: Tools) -> int:
    """Count these traces, within the open transaction; how many of them have other numbers than before."""
    before = {TraceKey(tenant_id, row["trace_id"]): row for row in await driver.fetch(_NEXT, tenant_id, ids)}
    await _set_usage_once(driver, tenant_id, ids)
    stored = await _load(driver, before)
    recounted = count_again(stored)
    await unpack_spans(driver, {key.trace for key in recounted})
    await changes.update_uncounted(driver, recounted)
    changed = _changed_rows(stored, before, tools)
    starts = [(before[key]["experiment_key"], before[key]["start_us"]) for key in changed]
    await changes.write(driver, [], list(changed.values()), starts)
    return len(changed)


async def _set_usage_once(driver: Driver, tenant_id: TenantId, ids: list[str]) -> None:
    """Store of spans that came over OpenTelemetry before the rules that their usage counts once, and response ids."""
    traces = [row["trace_id"] for row in await driver.fetch(_LACK_USAGE_ONCE, tenant_id, ids)]
    if traces:
        keys = [TraceKey(tenant_id, trace_id) for trace_id in traces]
        await unpack_spans(driver, keys)
        await unpack_traces(driver, keys)
        await driver.execute(_SET_USAGE_ONCE, tenant_id, traces)


async def _load(driver: Driver, rows: Mapping[TraceKey, Any]) -> Stored:
    before = {
        key: TraceBefore(row["experiment_key"], row["start_us"], row["scored"], None) for key, row in rows.items()
    }
    stored = Stored(before)
    await load_whole(driver, stored, before.keys())
    stored.to_fold |= before.keys()
    return stored


def _changed_rows(stored: Stored, before: Mapping[TraceKey, Any], tools: Tools) -> dict[TraceKey, TraceRow]:
    """The rows of traces that have other numbers than before."""
    changed = {}
    for key, old in before.items():
        state = fold_trace(stored, key)
        row = row_of_fold(key, state, tools) if state.n_spans else None
        if row is not None and any(getattr(row, name) != old[name] for name in (*_SUMS, "start_us", "end_us")):
            changed[key] = row
    return changed
