"""The rolled-up answer equals the direct aggregate at every moment, whoever writes, rebuilds or is killed meanwhile."""

import asyncio
import random
from contextlib import AsyncExitStack

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.keys import ExperimentKey
from spanstats.domain.span import Score, Span
from spanstats.ingest.commits import Committer
from spanstats.stats import rollups
from spanstats.stats.measures import COST_PARTIAL
from spanstats.stats.rolled_up import rolled_up
from spanstats.stats.summary import directly
from spanstats.stats.sums import Window
from spanstats.store.cache_tables import LOCK
from spanstats.store.session import Database, Kind, Transaction
from tests.ingest.worlds import START, TENANT, committer, rows

pytestmark = pytest.mark.anyio
READS = 80
MOST_READS = 10_000
"""Until a mistake is found."""
EXPERIMENTS = ("a", "b", "c")
HOURS = 75
MINUTE = rollups.MINUTE.length_us


class Killed(Exception):
    """Stands for the end of a process in the middle of a rebuild: its transaction is rolled back."""


async def rebuild_once(engine: AsyncEngine, limit: int = 10_000, *, killed: bool = False) -> int:
    async with Database(engine).transaction(Kind.CACHES) as tx:
        await tx.driver.execute(LOCK)
        n_invalidations = await rollups.refresh(tx.driver, limit)
        if killed:
            raise Killed
        return n_invalidations


async def rebuild_and_take_marks_late(engine: AsyncEngine) -> None:
    """The mistake that the test must find: marks that arrived during the aggregation are deleted with the others."""
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute(LOCK)
        marked = await tx.driver.fetch("SELECT DISTINCT experiment_key, minute FROM rollup_marks")
        if not marked:
            return
        await rollups.refresh_minutes(tx.driver, [(r["experiment_key"], r["minute"]) for r in marked])
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


async def write(writer: Committer, rng: random.Random, ended: asyncio.Event) -> None:
    while not ended.is_set():
        await writer.submit(TENANT, [random_span(rng) for _ in range(rng.choice([1, 1, 5, 20]))])


async def rebuild(engine: AsyncEngine, rng: random.Random, ended: asyncio.Event) -> None:
    """Until the others have ended and one rebuild was killed."""
    kills = 0
    while not ended.is_set() or kills == 0:
        try:
            await rebuild_once(engine, rng.choice([3, 50, 10_000]), killed=rng.random() < 0.1)
        except Killed:
            kills += 1
        await asyncio.sleep(rng.uniform(0, 0.02))


TRACES_WITH_SCORES = """
SELECT s.name, count(DISTINCT trace_id) FILTER (WHERE s.v IS NOT NULL) AS n
FROM traces, unnest(score_keys, score_values) AS s(name, v)
WHERE experiment_key = $1 AND start_time >= coalesce($2, start_time)
    AND (start_time < $3 OR $3::timestamptz IS NULL) GROUP BY s.name
"""


async def is_exact(tx: Transaction, key: ExperimentKey, window: Window) -> bool:
    """Whether the answer from rollups is that from the traces, of one snapshot."""
    sums, scores = await rolled_up(tx.driver, key, window)
    having = await tx.driver.fetch(TRACES_WITH_SCORES, key, window.start_us, window.end_us)
    if {name: of_name.n_traces for name, of_name in scores.items()} != {row["name"]: row["n"] for row in having}:
        return False
    expected, expected_scores = await directly(tx, key, window)
    # Read beside the rollups: a trace whose cost is partial is found by an index.
    del expected[COST_PARTIAL]
    return (sums, scores) == (expected, expected_scores)


async def five_reads(engine: AsyncEngine, rng: random.Random) -> bool:
    """Whether the answers from rollups are those from the traces."""
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        questions = [(ExperimentKey(rng.randrange(1, len(EXPERIMENTS) + 1)), random_window(rng)) for _ in range(5)]
        return all([await is_exact(tx, *one) for one in questions])


@pytest.mark.one_version("our locks and invalidations keep the answers equal")
async def test_no_answer_differs_while_eight_writers_and_rebuilds_run(engine: AsyncEngine) -> None:
    ended = asyncio.Event()

    async def read(rng: random.Random) -> None:
        for _ in range(READS // 5):
            assert await five_reads(engine, rng)

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for number in range(8):
            writer = await stack.enter_async_context(committer(engine))
            group.create_task(write(writer, random.Random(number), ended))
        for number in range(2):
            group.create_task(rebuild(engine, random.Random(100 + number), ended))
        await asyncio.gather(*(read(random.Random(200 + number)) for number in range(2)))
        ended.set()
    assert await rows(engine, "SELECT 1 FROM rollups LIMIT 1")


@pytest.mark.one_version("our locks and invalidations keep the answers equal")
async def test_the_comparison_finds_a_rebuild_that_takes_its_marks_late(engine: AsyncEngine) -> None:
    rng, ended, differs = random.Random(9), asyncio.Event(), False

    async def rebuild_wrongly() -> None:
        while not ended.is_set():
            await rebuild_and_take_marks_late(engine)

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for number in range(4):
            writer = await stack.enter_async_context(committer(engine))
            group.create_task(write(writer, random.Random(number), ended))
        group.create_task(rebuild_wrongly())
        for _ in range(MOST_READS):
            differs = not await five_reads(engine, rng)
            if differs:
                break
        ended.set()
    assert differs


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
            assert await is_exact(tx, ExperimentKey(1), Window())
            assert (await rolled_up(tx.driver, ExperimentKey(1), Window()))[0]["prompt_tokens"] == 7


async def test_clean_minutes_are_read_from_the_rollups_alone(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [lone_span(5)])
    await rebuild_once(engine)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE traces SET prompt_tokens = 6")
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        assert (await rolled_up(tx.driver, ExperimentKey(1), Window()))[0]["prompt_tokens"] == 5
