"""A whole experiment, read from one snapshot in bounded pages."""

from collections.abc import AsyncGenerator
from typing import Any

from ..domain.archive import End, Evaluator, Experiment, Header, Line, Patch, Trace
from ..domain.keys import ExperimentKey, TenantId, TraceKey
from ..domain.span import Score, Span
from ..domain.standalone import StandaloneScore
from ..errors import NotFound
from ..store.session import Database, Driver, Kind, Timeouts
from ..store.spans import add_content, columns, scores_of_traces, spans_of_traces
from ..store.tables import every_span_with

_TRACES_AT_A_TIME = 100
_UNBOUNDED = Timeouts(0, 0)
# The first year, in microseconds since 1970; what is stored begins later.
_BEFORE_ALL = -62_135_596_800_000_000

_EXPERIMENT = """
SELECT e.key, e.id, e.created, e.created_at AS created_us, p.name AS project, e.name, e.run_name, e.run_key, e.status,
    e.metadata, e.definition, e.dataset_stats, e.started_at AS started_us, e.finished_at AS finished_us
FROM experiments e LEFT JOIN projects p ON p.tenant_id = e.tenant_id AND p.id = e.project_id
WHERE e.tenant_id = $1 AND e.id = $2 AND e.deleted_at IS NULL
"""
_EVALUATORS = """
SELECT key, value_type, id, slug, name FROM evaluators WHERE tenant_id = $1 AND key IN (
    SELECT DISTINCT k FROM traces, unnest(score_keys) AS k WHERE experiment_key = $2
) ORDER BY key
"""
_TRACES = """
SELECT start_time, trace_id FROM traces WHERE experiment_key = $1 AND (start_time, trace_id) > ($2, $3)
ORDER BY start_time, trace_id LIMIT $4
"""
_NAMES = "SELECT key, id FROM experiments WHERE key = ANY($1::bigint[]) AND deleted_at IS NULL"
_STANDALONE = """
SELECT s.* FROM unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)
JOIN scores s ON s.tenant_id = k.tenant_id AND s.trace_id = k.trace_id AND s.source = 'api'
ORDER BY s.trace_id, s.span_id, s.ordinal, s.evaluator_key
"""
_PATCHES = f"""
SELECT s.trace_id, p.span_id, p.trace_id = '' AS by_span_id, p.fields
FROM unnest($1::int[], $2::text[]) AS k(tenant_id, trace_id)
JOIN {every_span_with("by_span_id")} s ON s.tenant_id = k.tenant_id AND s.trace_id = k.trace_id
JOIN patches p ON p.tenant_id = s.tenant_id AND p.span_id = s.span_id
    AND p.trace_id = CASE WHEN s.by_span_id THEN '' ELSE s.trace_id END
ORDER BY p.span_id
"""


async def lines(database: Database, tenant_id: TenantId, experiment_id: str) -> AsyncGenerator[Line, None]:
    """The experiment, its traces by start and id, and their number. Raises `NotFound`, `Unavailable`."""
    async with database.with_timeouts(_UNBOUNDED).transaction(Kind.SNAPSHOT) as tx:
        row = await tx.driver.fetchrow(_EXPERIMENT, tenant_id, experiment_id)
        if row is None:
            raise NotFound(f"There is no experiment {experiment_id}")
        values = dict(row)
        key = values.pop("key")
        evaluators = [Evaluator(**e) for e in await tx.driver.fetch(_EVALUATORS, tenant_id, key)]
        yield Header(experiment=Experiment(**values), evaluators=evaluators)
        count = 0
        async for page in _pages(tx.driver, key):
            for trace in await _traces(tx.driver, [TraceKey(tenant_id, trace_id) for trace_id in page]):
                count += 1
                yield trace
        yield End(count)


async def _pages(driver: Driver, experiment_key: ExperimentKey) -> AsyncGenerator[list[str], None]:
    after = (_BEFORE_ALL, "")
    while rows := await driver.fetch(_TRACES, experiment_key, *after, _TRACES_AT_A_TIME):
        yield [row["trace_id"] for row in rows]
        after = rows[-1]["start_time"], rows[-1]["trace_id"]


async def _traces(driver: Driver, keys: list[TraceKey]) -> list[Trace]:
    spans = await spans_of_traces(driver, keys)
    await add_content(driver, spans, spans.keys())
    await _name_experiments(driver, list(spans.values()))
    for key, scores in (await scores_of_traces(driver, keys)).items():
        spans[key].scores = [s for s in scores if s.source != "api"] or None
    traces = {key[1]: Trace(trace_id=key[1], spans=[]) for key in keys}
    for (_, trace_id, _), span in sorted(spans.items()):
        traces[trace_id].spans.append(span)
    for row in await driver.fetch(_STANDALONE, *columns(keys)):
        traces[row["trace_id"]].standalone.append(_standalone(row))
    for row in await driver.fetch(_PATCHES, *columns(keys)):
        patch = Patch(span_id=row["span_id"], by_span_id=row["by_span_id"], fields=row["fields"])
        traces[row["trace_id"]].patches.append(patch)
    return list(traces.values())


async def _name_experiments(driver: Driver, spans: list[Span]) -> None:
    """Name experiments by their ids: keys are this store's own."""
    keys = {span.experiment_key for span in spans} - {None}
    names = {row["key"]: row["id"] for row in await driver.fetch(_NAMES, list(keys))}
    for span in spans:
        if span.experiment_key is not None:
            span.experiment_id, span.experiment_key = names.get(span.experiment_key), None


def _standalone(row: Any) -> StandaloneScore:
    of_score = ("value", "value_type", "text", "reason", "metric_id", "evaluator_id", "slug", "name")
    score = Score(key=row["evaluator_key"], source="api", **{name: row[name] for name in of_score})
    rest = {name: row[name] for name in ("span_id", "ordinal", "id", "log_id", "scorer")}
    details = row["details"] or {}
    return StandaloneScore(score=score, created_us=row["created_at"], details=details, **rest)
