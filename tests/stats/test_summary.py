"""Filtered summaries, against the spans that were posted."""

import random

import pytest
from sqlalchemy import and_
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar.reader import Columns
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.keys import ExperimentKey
from spanstats.filters.bind import bind
from spanstats.filters.disjuncts import Filter, compile_filter
from spanstats.filters.predicate import EVERYTHING
from spanstats.filters.trace_fields import TRACES
from spanstats.stats.summary import Estimates, directly, summarize
from spanstats.stats.sums import Window
from spanstats.store.session import Database, Kind
from spanstats.store.tables import traces
from tests.ingest.worlds import START, TENANT, committer, stored_traces

from .test_rollups import EXPERIMENTS, random_span
from .warming import warm

pytestmark = pytest.mark.anyio


async def test_sums_are_the_same_with_scores_and_without(engine: AsyncEngine) -> None:
    rng = random.Random(11)
    async with committer(engine) as writer:
        await writer.submit(TENANT, [random_span(rng) for _ in range(400)])
    rows = (await stored_traces(engine)).values()
    window = Window(START + 3_600_000_000, START + 90_000_000_000)
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        for key in range(1, len(EXPERIMENTS) + 1):
            parts = [
                and_(traces.c.status == "error", traces.c.many_models),
                and_(traces.c.status == "error", ~traces.c.many_models),
            ]
            scored, *others = [
                await directly(tx, ExperimentKey(key), window, parts, Estimates(n)) for n in (2, 1, 3, 16)
            ]
            assert others == [scored] * 3
            plain = await directly(tx, ExperimentKey(key), window, parts, Estimates(n_scores=0))
            matching = [
                r
                for r in rows
                if r["experiment_key"] == key
                and r["status"] == "error"
                and window.start_us <= r["start_time"] < window.end_us
            ]
            assert scored[0] == plain[0]
            assert plain[1] == {}
            assert scored[0]["n"] == len(matching) > 0
            assert (scored[0]["cost_pd"] or 0) == sum(r["cost_pd"] or 0 for r in matching)
            accuracy = [v for r in matching for k, v in scores_of(r) if k == "accuracy" and v is not None]
            assert (scored[1]["accuracy"].n, scored[1]["accuracy"].total) == (len(accuracy), sum(accuracy))
            assert scored[1]["accuracy"].squares == sum(v * v for v in accuracy)


def scores_of(row: dict) -> list[tuple[str, int | None]]:
    return list(zip(row["score_keys"] or [], row["score_values"] or [], strict=True))


async def test_a_filter_that_nothing_matches_sums_to_nothing(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [random_span(random.Random(n)) for n in range(40)])
    nothing = traces.c.status == "no such status"
    summary = await summarize(
        Columns(), Database(engine), TENANT, EXPERIMENTS[0], Window(), Filter(EVERYTHING, TENANT, [nothing])
    )
    totals = [summary.total(name) for name in ("n", "cost_pd", "n_latency_us")]
    assert (totals, summary.scores) == ([0, 0, 0], {})


_MANY = "UPDATE column_chunks SET n = 20000 WHERE experiment_key = 1"
_INVALID = "INSERT INTO {} SELECT 1, now() - n * interval '1 minute' FROM generate_series(1, 5001) n"


@pytest.mark.parametrize(
    ("prepared", "field", "reads_columns"),
    [
        (_MANY, "status", True),
        (_MANY, "metadata__env", True),
        (_MANY, "span_name", False),
        (f"{_MANY}; {_INVALID.format('column_invalidations')}", "status", False),
        (f"{_MANY}; {_INVALID.format('rollup_marks')}", "status", False),
        ("SELECT 1", "status", False),
    ],
)
async def test_columns_are_read_where_that_is_faster(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, prepared: str, field: str, *, reads_columns: bool
) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [random_span(random.Random(n)) for n in range(40)])
    await warm(engine)
    async with engine.connect() as connection:
        for statement in prepared.split("; "):
            await connection.exec_driver_sql(statement)
    calls = []

    async def note(*_asked: object, **_more: object) -> object:
        calls.append("directly")
        return {}, {}

    monkeypatch.setattr("spanstats.stats.summary.directly", note)
    tree = read_filters({"filters": {field: {"operator": "contains", "value": ["x"]}}})
    assert tree is not None
    matching = compile_filter(bind(tree, TRACES), TENANT)
    await summarize(Columns(), Database(engine), TENANT, EXPERIMENTS[0], Window(), matching)
    assert calls == ([] if reads_columns else ["directly"])
