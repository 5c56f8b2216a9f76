"""The rolled-up answer equals the direct aggregate at every moment, whoever writes, rebuilds or is killed meanwhile."""

import asyncio
import random
import time
from contextlib import AsyncExitStack

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.span import Score, Span
from spanstats.ingest.commits import Committer
from spanstats.stats import rollups
from spanstats.stats.rolled_up import rolled_up
from spanstats.stats.summary import directly
from spanstats.stats.sums import Window
from spanstats.store.cache_tables import LOCK
from spanstats.store.session import Database, Driver, Kind
from tests.ingest.worlds import START, TENANT, committer, rows

pytestmark = pytest.mark.anyio
SECONDS = 4.0
EXPERIMENTS = ("a", "b", "c")
HOURS = 75
MINUTE = rollups.MINUTE.length_us


class Killed(Exception):
    """Stands for the end of a process in the middle of a rebuild: its transaction is rolled back."""


async def rebuild_once(engine: AsyncEngine, limit: int = 10_000, *, killed: bool = False) -> int:
    async with Database(engine).transaction(Kind.REBUILD) as tx:
        await tx.driver.execute(LOCK)
        taken = await rollups.rebuild(tx.driver, limit)
        if killed:
            raise Killed
        return taken


async def rebuild_and_take_marks_late(engine: AsyncEngine) -> None:
    """The mistake that the test must find: marks that arrived during the aggregation are deleted with the others."""
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute(LOCK)
        marked = await tx.driver.fetch("SELECT DISTINCT experiment_key, minute FROM rollup_marks")
        if not marked:
            return
        await rollups.refill(tx.driver, [(r["experiment_key"], r["minute"]) for r in marked])
        columns = [r["experiment_key"] for r in marked], [r["minute"] for r in marked]
        await tx.driver.execute(
            "DELETE FROM rollup_marks m USING unnest($1::bigint[], $2::timestamptz[]) AS u(k, t) "
            "WHERE m.experiment_key = u.k AND m.minute = u.t",
            *columns,
        )


def random_span(rng: random.Random) -> Span:
    trace = rng.randrange(150)
    start = START + rng.randrange(HOURS * 60 * MINUTE)
    return Span(
        trace_id=f"t{trace}",
        span_id=f"t{trace}-{rng.randrange(3)}",
        by_span_id=True,
        parent_id=rng.choice([None, f"t{trace}-0"]),
        experiment_id=rng.choice([*EXPERIMENTS, None]),
        status=rng.choice(["success", "error"]),
        start_us=start,
        end_us=start + rng.randrange(MINUTE),
        ttft_us=rng.choice([None, rng.randrange(10**6)]),
        prompt_tokens=rng.randrange(1, 100),
        completion_tokens=rng.randrange(1, 100),
        cost_pd=rng.choice([None, rng.randrange(1, 10**17)]),
        scores=random_scores(rng) if rng.random() < 0.7 else None,
    )


def random_scores(rng: random.Random) -> list[Score]:
    return [
        Score("accuracy", rng.uniform(-1, 9e9)),
        Score("passed", float(rng.random() < 0.5), "boolean"),
        Score("comment", None, "text", text="fine"),
        Score(rng.choice(["accuracy", "rare"]), rng.random()),
    ]


def random_window(rng: random.Random) -> Window:
    edges = sorted(START + rng.randrange(-MINUTE, (HOURS * 60 + 1) * MINUTE) for _ in range(2))
    grain = rng.choice([1, 1, MINUTE, 60 * MINUTE, 24 * 60 * MINUTE])
    start, end = (edge // grain * grain for edge in edges)
    if rng.random() < 0.2:
        end = start + rng.randrange(MINUTE)
    return Window(rng.choice([None, start, start]), rng.choice([None, end, end]))


async def write(writer: Committer, rng: random.Random, until: float) -> None:
    while time.monotonic() < until:
        await writer.submit(TENANT, [random_span(rng) for _ in range(rng.choice([1, 1, 5, 20]))])


async def rebuild(engine: AsyncEngine, rng: random.Random, until: float) -> int:
    kills = 0
    while time.monotonic() < until:
        try:
            await rebuild_once(engine, rng.choice([3, 50, 10_000]), killed=rng.random() < 0.1)
        except Killed:
            kills += 1
        await asyncio.sleep(rng.uniform(0, 0.02))
    return kills


async def compare(driver: Driver, tx: object, key: int, window: Window) -> bool:
    return await rolled_up(driver, key, window) == await directly(tx, key, window)  # type: ignore[arg-type]


async def read(engine: AsyncEngine, rng: random.Random, until: float) -> tuple[int, int]:
    reads = mismatches = 0
    while time.monotonic() < until:
        async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
            for _ in range(5):
                same = await compare(tx.driver, tx, rng.randrange(1, len(EXPERIMENTS) + 1), random_window(rng))
                reads, mismatches = reads + 1, mismatches + (not same)
    return reads, mismatches


async def test_no_answer_differs_while_eight_writers_and_rebuilds_run(engine: AsyncEngine) -> None:
    until = time.monotonic() + SECONDS
    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(committer(engine)) for _ in range(8)]
        writes = [write(w, random.Random(i), until) for i, w in enumerate(writers)]
        rebuilds = [rebuild(engine, random.Random(100 + i), until) for i in range(2)]
        reads = [read(engine, random.Random(200 + i), until) for i in range(2)]
        results = await asyncio.gather(*writes, *rebuilds, *reads)
    assert sum(results[8:10]) > 0, "no rebuild was killed"
    assert sum(r[0] for r in results[10:]) > 100
    assert sum(r[1] for r in results[10:]) == 0
    assert await rows(engine, "SELECT 1 FROM rollups LIMIT 1")


async def test_the_comparison_finds_a_rebuild_that_takes_its_marks_late(engine: AsyncEngine) -> None:
    until = time.monotonic() + SECONDS

    async def rebuild_wrongly() -> None:
        while time.monotonic() < until:
            await rebuild_and_take_marks_late(engine)

    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(committer(engine)) for _ in range(4)]
        writes = [write(w, random.Random(i), until) for i, w in enumerate(writers)]
        *_, (_, mismatches) = await asyncio.gather(*writes, rebuild_wrongly(), read(engine, random.Random(9), until))
    assert mismatches > 0


def lone_span(prompt_tokens: int) -> Span:
    return Span(trace_id="t", span_id="t", experiment_id="a", start_us=START, prompt_tokens=prompt_tokens)


async def test_a_writer_that_is_open_over_a_whole_rebuild_keeps_its_mark(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [lone_span(1)])
        async with Database(engine).transaction(Kind.WRITE) as open_writer:
            await open_writer.driver.execute("UPDATE traces SET prompt_tokens = 7")
            await open_writer.driver.execute(
                "INSERT INTO rollup_marks SELECT experiment_key, date_trunc('minute', start_time) FROM traces"
            )
            assert await rebuild_once(engine) == 1
        async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
            assert await compare(tx.driver, tx, 1, Window())
            assert (await rolled_up(tx.driver, 1, Window()))[0]["prompt_tokens"] == 7


async def test_clean_minutes_are_read_from_the_rollups_alone(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [lone_span(5)])
    await rebuild_once(engine)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE traces SET prompt_tokens = 6")
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        assert (await rolled_up(tx.driver, 1, Window()))[0]["prompt_tokens"] == 5
