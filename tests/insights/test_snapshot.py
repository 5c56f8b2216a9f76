"""What rollups answer is what columns answer, in one snapshot, whoever writes, refreshes or is killed meanwhile."""

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar.reader import Columns
from spanstats.dialects.insights.answers import figures_of, totals_object
from spanstats.filters.predicate import EVERYTHING
from spanstats.insights.from_rollups import FigureSet
from spanstats.insights.granularity import buckets, time_zone
from spanstats.insights.measures import measure_specs, parse_name
from spanstats.insights.measuring import measure
from spanstats.insights.questions import Question
from spanstats.insights.series import points_of
from spanstats.insights.snapshot import Snapshot, snapshot
from spanstats.store.session import Database
from tests.ingest.worlds import START, TENANT, committer
from tests.stats.test_rollups import EXPERIMENTS, HOURS, MINUTE, random_span, random_window, rebuild, write

pytestmark = pytest.mark.anyio
COMPARED = 20
WRITERS = 8
ROLLED = [
    *("cost.sum", "cost.mean", "latency.mean", "ttft.sum", "tps.mean", "total_tokens.sum", "error.mean"),
    *("prompt_tokens.mean", "completion_tokens.sum", "cost.std_dev", "latency.max", "ttft.min", "tps.std_dev"),
]


@pytest.mark.one_version("our transactions and invalidations keep the answers equal")
async def test_answers_of_both_kinds_are_of_one_state(engine: AsyncEngine) -> None:
    rng, columns, ended = random.Random(71), Columns(), asyncio.Event()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        writers = [await stack.enter_async_context(committer(engine)) for _ in range(WRITERS)]
        await writers[0].submit(TENANT, [random_span(rng) for _ in range(200)])
        for number, writer in enumerate(writers):
            group.create_task(write(writer, random.Random(number), ended))
        for number in range(2):
            group.create_task(rebuild(engine, random.Random(number), ended))
        for _ in range(COMPARED):
            async with snapshot(Database(engine), TENANT) as state:
                await compare(state, columns, rng)
        ended.set()


async def compare(state: Snapshot, columns: Columns, rng: random.Random) -> None:
    experiment = await state.experiment(rng.choice(EXPERIMENTS))
    measures = measure_specs([parse_name(name) for name in ROLLED], {})
    rolled = Question(random_window(rng), None, measures)
    computed = Question(rolled.window, EVERYTHING, measures)
    both = [await measure(state, columns, experiment.key, question) for question in (rolled, computed)]
    assert shown(both[0], rolled) == shown(both[1], rolled)
    zone = time_zone(rng.choice(["UTC", "Asia/Kathmandu"]))
    edges = buckets(rng.choice(["hour", "day"]), zone, START - MINUTE, START + (HOURS * 60 + 1) * MINUTE)
    points = [await points_of(state, columns, experiment, question, edges) for question in (rolled, computed)]
    assert len(points[0]) == len(points[1])
    assert all(of_point(points[0][number], rolled) == of_point(points[1][number], rolled) for number in points[0])


def of_point(measured: FigureSet, question: Question) -> tuple[Any, ...]:
    return measured.traces, measured.failed, measured.cost_partial, dict(figures_of(measured, question))


def shown(measured: FigureSet, question: Question) -> tuple[dict[str, Any], dict[str, Any]]:
    return totals_object(measured), dict(figures_of(measured, question))
