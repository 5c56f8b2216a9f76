"""Write the traces of an archive as they were: nothing is merged or priced, only the rows of traces are computed."""

from collections.abc import Collection, Sequence
from typing import Any

from ..domain.archive import Trace
from ..domain.keys import ExperimentKey, GlobalSpanKey, NamedExperiment, SpanKey, TenantId, TraceKey
from ..domain.merge import with_standalone
from ..domain.span import Score
from ..domain.standalone import StandaloneScore
from ..domain.trace_fold import TraceFold, fold
from ..errors import Conflict
from ..store.session import Database, Driver, Kind, Timeouts
from ..store.spans import columns
from . import changes, rows
from .experiments import lock_or_insert_experiments
from .identities import identify_and_lock, lock_of_global_ids
from .tools import Tools
from .trace_rows import row_of_fold

_TIMEOUTS = Timeouts(60, 60)

_ELSEWHERE = """
SELECT t.trace_id FROM unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)
JOIN traces t ON t.tenant_id = k.tenant_id AND t.trace_id = k.trace_id
WHERE t.experiment_key IS DISTINCT FROM $3::bigint ORDER BY t.trace_id
"""
_STANDALONE = """
INSERT INTO scores (tenant_id, trace_id, span_id, source, evaluator_key, ordinal, value, value_type, text, reason,
    metric_id, evaluator_id, slug, name, created_at, id, log_id, scorer, details)
VALUES ($1, $2, $3, 'api', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
"""


def _json(value: object) -> str | None:
    return None if value is None else rows.to_json(value)


async def restore_traces(
    database: Database, tenant_id: TenantId, experiment_key: ExperimentKey, traces: Sequence[Trace], tools: Tools
) -> int:
    """Write the traces that are not stored yet, in one transaction; how many.

    Raises `Conflict` where another experiment has one of them, or another trace one of the spans.
    """
    async with database.with_timeouts(_TIMEOUTS).transaction(Kind.WRITE) as tx:
        by_id = {TraceKey(tenant_id, trace.trace_id): trace for trace in traces}
        await _lock_spans(tx.driver, by_id)
        await _lock_experiments(tx.driver, by_id)
        as_new = [row_of_fold(key, _fold(by_id[key]), tools) for key in sorted(by_id)]
        inserted, _ = await changes.lock_or_insert_traces(tx.driver, as_new)
        await _refuse_others(tx.driver, by_id.keys() - inserted, experiment_key)
        await _write(tx.driver, {key: by_id[key] for key in inserted})
    return len(inserted)


async def _lock_spans(driver: Driver, traces: dict[TraceKey, Trace]) -> None:
    """Wait for writers of spans with the same global ids; refuse spans that are stored in another trace."""
    here = {
        GlobalSpanKey(key[0], s.span_id): key[1] for key, trace in traces.items() for s in trace.spans if s.by_span_id
    }
    if not here:
        return
    await driver.execute(lock_of_global_ids(here))
    stored = await identify_and_lock(driver, list(here))
    for key, trace_id in stored.traces.items():
        if trace_id != here[key]:
            raise Conflict(f"Span {key.span_id} belongs to trace {trace_id}")


async def _lock_experiments(driver: Driver, traces: dict[TraceKey, Trace]) -> None:
    spans = [(key[0], span) for key, trace in traces.items() for span in trace.spans if span.experiment_id is not None]
    keys = await lock_or_insert_experiments(
        driver, {NamedExperiment(tenant_id, str(span.experiment_id)) for tenant_id, span in spans}
    )
    for tenant_id, span in spans:
        span.experiment_key, span.experiment_id = keys[NamedExperiment(tenant_id, str(span.experiment_id))], None


def _fold(trace: Trace) -> TraceFold:
    of_span: dict[str | None, list[Score]] = {}
    for entry in trace.standalone:
        of_span.setdefault(entry.span_id, []).append(entry.score)
    spans = [with_standalone(span, of_span.get(span.span_id, [])) for span in trace.spans]
    state = fold(spans)
    for own, scored in zip(trace.spans, spans, strict=True):
        own.uncounted = scored.uncounted
    return state


async def _refuse_others(driver: Driver, existing: Collection[TraceKey], experiment_key: ExperimentKey) -> None:
    for row in await driver.fetch(_ELSEWHERE, *columns(existing), experiment_key) if existing else []:
        raise Conflict(f"Trace {row['trace_id']} belongs to another experiment")


async def _write(driver: Driver, traces: dict[TraceKey, Trace]) -> None:
    await changes.write(driver, [(key[0], span) for key, trace in traces.items() for span in trace.spans])
    scores = [_score_row(key, entry) for key, trace in traces.items() for entry in trace.standalone]
    if scores:
        await driver.executemany(_STANDALONE, scores)
    overrides: dict[SpanKey, dict[str, Any]] = {
        SpanKey(key[0], "" if patch.by_span_id else key[1], patch.span_id): patch.fields
        for key, trace in traces.items()
        for patch in trace.patches
    }
    await changes.upsert_overrides(driver, overrides)


def _score_row(key: TraceKey, entry: StandaloneScore) -> tuple[Any, ...]:
    s = entry.score
    values = (s.value, s.value_type, s.text, s.reason, s.metric_id, s.evaluator_id, s.slug, s.name)
    about = (entry.created_us, entry.id, entry.log_id, entry.scorer, _json(entry.details or None))
    return (*key, entry.span_id, s.key, entry.ordinal, *values, *about)
