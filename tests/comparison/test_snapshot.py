"""A comparison is of one state of the store, whoever writes and refreshes caches meanwhile."""

import asyncio
import random
from contextlib import AsyncExitStack, suppress

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar import plan as planning
from spanstats.columnar.reader import Columns
from spanstats.comparison import compare as comparing
from spanstats.comparison.arms import Arm
from spanstats.comparison.compare import compare
from spanstats.comparison.pairing import PairBy
from spanstats.comparison.request import Request
from spanstats.domain.span import Score, Span
from spanstats.filters.disjuncts import Filter, compile_filter
from spanstats.filters.predicate import EVERYTHING
from spanstats.ingest.commits import Committer
from spanstats.store.session import Database, Kind
from tests.ingest.worlds import START, TENANT, committer
from tests.stats.test_rollups import Killed, rebuild_once
from tests.stats.warming import refresh_columns

pytestmark = pytest.mark.anyio
READS = 30
MOST_READS = 1_200
"""Until a mistake is found."""
ITEMS = 60


def same_in_both(rng: random.Random) -> list[Span]:
    """An item of both runs, with the same new values in both: of equal runs no state differs."""
    item, cost, failed = rng.randrange(ITEMS), rng.randrange(1, 10**12), rng.random() < 0.3
    scores = [Score("right", float(rng.random() < 0.5), "boolean"), Score("grade", round(rng.random(), 3))]
    return [
        Span(
            trace_id=f"{run}-{item}",
            span_id=f"{run}-{item}",
            experiment_id=run,
            input=f'"{item}"',
            start_us=START + item * 30_000_000,
            end_us=START + item * 30_000_000 + cost % 10**7,
            cost_pd=cost,
            status="error" if failed else "success",
            scores=scores,
        )
        for run in ("a", "b")
    ]


async def write(writer: Committer, rng: random.Random, ended: asyncio.Event) -> None:
    while not ended.is_set():
        await writer.submit(TENANT, same_in_both(rng))


async def refresh(engine: AsyncEngine, rng: random.Random, ended: asyncio.Event) -> None:
    while not ended.is_set():
        with suppress(Killed):
            await rebuild_once(engine, rng.choice([3, 10_000]), killed=rng.random() < 0.1)
        await refresh_columns(engine)
        await asyncio.sleep(rng.uniform(0, 0.02))


async def are_equal(engine: AsyncEngine, columns: Columns, request: Request) -> bool:
    """Whether nothing differs between the runs."""
    evaluators = {"right": {"right"}, "grade": {"grade"}}
    comparison = await compare(columns, Database(engine), TENANT, request, evaluators)
    (candidate,) = comparison.candidates
    same = (comparison.base.traces, comparison.base.failed) == (candidate.arm.traces, candidate.arm.failed)
    for measure in candidate.measures:
        same &= (measure.base, measure.difference or 0) == (measure.candidate, 0)
        if measure.paired is not None:
            pairing = candidate.pairing
            assert pairing is not None
            same &= (pairing.only_base, pairing.only_candidate, measure.paired.dd) == (0, 0, 0)
            # What stands beside the pairs is of the same state: each item has one trace.
            same &= (measure.paired.n, measure.paired.a) == (measure.base.n, measure.base.total)
    return same


def every_trace() -> Filter:
    return compile_filter(EVERYTHING, TENANT)


REQUESTS = [
    Request(Arm("a"), (Arm("b"),), PairBy("auto")),
    Request(Arm("a"), (Arm("b"),), PairBy("name")),
    Request(Arm("a", matching=every_trace()), (Arm("b", matching=every_trace()),), PairBy("input")),
    Request(Arm("a"), (Arm("b"),), None),
]


async def reads_under_writers(engine: AsyncEngine, most: int) -> list[bool]:
    """Whether runs were equal in each read; no more reads after one in which they were not."""
    ended, columns, same = asyncio.Event(), Columns(), [True]
    rng = random.Random(9)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        first = await stack.enter_async_context(committer(engine))
        await first.submit(TENANT, [span for _ in range(40) for span in same_in_both(rng)])
        for number in range(4):
            writer = await stack.enter_async_context(committer(engine))
            group.create_task(write(writer, random.Random(number), ended))
        group.create_task(refresh(engine, random.Random(100), ended))
        while same[-1] and len(same) <= most:
            same.append(await are_equal(engine, columns, rng.choice(REQUESTS)))
        ended.set()
    return same


@pytest.mark.one_version("our transactions and invalidations keep the answers equal")
async def test_nothing_differs_between_runs_that_are_written_as_one(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "FEW_TRACES", 0)
    assert all(await reads_under_writers(engine, READS))


@pytest.mark.one_version("our transactions and invalidations keep the answers equal")
async def test_the_test_finds_a_comparison_that_reads_several_states(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong:
        FIXED = Kind.READ

    monkeypatch.setattr(comparing, "Kind", Wrong)
    monkeypatch.setattr(planning, "FEW_TRACES", 0)
    assert not all(await reads_under_writers(engine, MOST_READS))
