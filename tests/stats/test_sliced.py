"""Filtered sums from bit slices equal those of the traces at every moment, whoever writes, slices or is killed."""

import asyncio
import random
import time
from contextlib import AsyncExitStack

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.dialects.respan_filters import read_filters
from spanstats.domain.span import Score, Span
from spanstats.filters.bind import bind
from spanstats.filters.parts import Filter, compile_filter
from spanstats.filters.predicate import EVERYTHING
from spanstats.filters.trace_fields import TRACES
from spanstats.ingest.commits import Committer
from spanstats.stats import rollups
from spanstats.stats.slices import put_slices
from spanstats.stats.slicing import slice_some, waiting_days
from spanstats.stats.summary import directly, filtered
from spanstats.stats.sums import Window
from spanstats.store.session import Kind, Timeouts, Transaction, transaction
from tests.ingest.worlds import START, TENANT, committer, rows

from .test_rollups import (
    EXPERIMENTS,
    MINUTE,
    SECONDS,
    Killed,
    lone_span,
    random_span,
    random_window,
    rebuild,
    rebuild_once,
)
from .warming import slice_all, warm

pytestmark = pytest.mark.anyio
NO_BOUND = Timeouts()
MODELS = (None, "gpt-4o", "GPT", "claude")

FILTERS = (
    {},
    {"status": {"operator": "", "value": ["error"]}},
    {"status": {"operator": "not", "value": ["error"]}, "total_cost": {"operator": "lt", "value": [60_000]}},
    {"total_cost": {"operator": "isnull", "value": [True]}},
    {"total_tokens": {"operator": "gt", "value": [100]}},
    {"duration": {"operator": "lt", "value": [40]}, "llm_call_count": {"operator": "lte", "value": [1]}},
    {"model": {"operator": "contains", "value": ["gpt"]}},
    {"model": {"operator": "not", "value": ["claude"]}},
    {"scores__accuracy": {"operator": "lt", "value": [4e9]}},
    {"scores__passed": {"operator": "not", "value": [1]}, "status": {"operator": "", "value": ["success"]}},
    {"scores__rare": {"operator": "isnull", "value": [False]}},
    {"span_count": {"operator": "gte", "value": [2]}, "error_count": {"operator": "", "value": [1]}},
    {"metadata__env": {"operator": "", "value": ["prod"]}},
    {"metadata__user": {"operator": "contains", "value": ["1"]}, "status": {"operator": "", "value": ["error"]}},
    {"metadata__user": {"operator": "not", "value": ["u11", "u12"]}},
    {"metadata__n": {"operator": "gt", "value": [3]}},
    {"metadata__essay": {"operator": "isnull", "value": [False]}},
    {"name": {"operator": "startswith", "value": ["a"]}},
    {"environment": {"operator": "", "value": ["staging"]}, "model": {"operator": "", "value": ["claude"]}},
)


def compiled(filters: object) -> Filter:
    tree = read_filters({"filters": filters})
    made = compile_filter(EVERYTHING if tree is None else bind(tree, TRACES), TENANT)
    assert made.mask is not None
    return made


def span_with_model(rng: random.Random) -> Span:
    span = random_span(rng)
    span.model = rng.choice(MODELS)
    span.name = rng.choice(["a", "ab", "b"])
    span.labels = {"environment": rng.choice(["staging", "live"])} if rng.random() < 0.5 else {}
    span.metadata = {"env": rng.choice(["prod", "test"]), "user": f"u{rng.randrange(100)}"}
    span.metadata |= rng.choice([{}, {"n": rng.randrange(9)}, {"n": str(rng.randrange(9))}, {"n": None}])
    # Such a value is not listed: its stretch is read from the traces where a filter asks for that name.
    span.metadata |= {"essay": "x" * 300} if rng.random() < 0.02 else {}
    return span


async def equal(tx: Transaction, rng: random.Random, window: Window) -> bool:
    key, matching = rng.randrange(1, len(EXPERIMENTS) + 1), compiled(rng.choice(FILTERS))
    from_slices = await filtered(tx, key, window, matching, places=rng.choice([0, 1, 4]))
    from_traces = await directly(tx, key, window, matching.parts, places=4 if from_slices[1] else 0)
    return from_slices[0] == from_traces[0] and (from_slices[1] in ({}, from_traces[1]))


async def slice_once(engine: AsyncEngine, rng: random.Random, *, killed: bool = False) -> None:
    days = await waiting_days(engine, NO_BOUND, rest_s=0)
    if days:
        async with transaction(engine, Kind.REBUILD, NO_BOUND) as tx:
            await tx.driver.execute(rollups.LOCK)
            await slice_some(tx.driver, *rng.choice(days), rest_s=0, most=rng.choice([3, 20, 1_000]))
            if killed:
                raise Killed


async def keep_slicing(engine: AsyncEngine, rng: random.Random, until: float) -> int:
    kills = 0
    while time.monotonic() < until:
        try:
            await slice_once(engine, rng, killed=rng.random() < 0.1)
        except Killed:
            kills += 1
        await asyncio.sleep(rng.uniform(0, 0.02))
    return kills


async def write(writer: Committer, rng: random.Random, until: float) -> None:
    while time.monotonic() < until:
        await writer.submit(TENANT, [span_with_model(rng) for _ in range(rng.choice([1, 1, 5, 20]))])
        await asyncio.sleep(rng.uniform(0, 0.1))


async def read(engine: AsyncEngine, rng: random.Random, until: float) -> tuple[int, int, int]:
    reads = mismatches = sliced = 0
    while time.monotonic() < until:
        async with transaction(engine, Kind.SNAPSHOT, NO_BOUND) as tx:
            clean = "SELECT count(*) FROM slices s WHERE NOT EXISTS (SELECT FROM slice_marks m WHERE "
            clean += "m.experiment_key = s.experiment_key AND minute >= s.start_time AND minute < s.end_time)"
            sliced += await tx.driver.fetchval(clean)
            for _ in range(3):
                same = await equal(tx, rng, random_window(rng))
                reads, mismatches = reads + 1, mismatches + (not same)
    return reads, mismatches, sliced


async def test_no_answer_differs_while_writers_rebuilds_and_slicing_run(engine: AsyncEngine) -> None:
    until = time.monotonic() + 2 * SECONDS
    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(committer(engine)) for _ in range(8)]
        writes = [write(w, random.Random(i), until) for i, w in enumerate(writers)]
        slicing = [keep_slicing(engine, random.Random(50 + i), until) for i in range(2)]
        reads = [read(engine, random.Random(200 + i), until) for i in range(2)]
        kept_warm = rebuild(engine, random.Random(100), until)
        results = await asyncio.gather(*writes, *slicing, *reads, kept_warm)
    assert sum(results[8:10]) > 0, "no slicing was killed"
    assert sum(r[0] for r in results[10:12]) > 100
    assert sum(r[1] for r in results[10:12]) == 0
    assert sum(r[2] for r in results[10:12]) > 100, "hardly anything was read from slices"


async def slice_and_take_marks_late(engine: AsyncEngine) -> None:
    """The mistake that the test must find: marks that arrived during the slicing are deleted with the others."""
    await rebuild_once(engine)
    async with transaction(engine, Kind.WRITE, NO_BOUND) as tx:
        await tx.driver.execute(rollups.LOCK)
        days = await tx.driver.fetch(
            "SELECT DISTINCT experiment_key, date_trunc('day', minute, 'UTC') FROM slice_marks"
        )
        for key, day in days:
            stretch = day, day + rollups.DAY.length_us
            within = "experiment_key = $1 AND {0} >= $2 AND {0} < $3"
            for table in ("slices", "slice_scores", "slice_dictionaries"):
                await tx.driver.execute(f"DELETE FROM {table} WHERE {within.format('start_time')}", key, *stretch)
            await put_slices(tx.driver, key, stretch)
        # Those that writers left meanwhile are taken as well.
        await tx.driver.execute("DELETE FROM rollup_marks")
        for key, day in days:
            within = "experiment_key = $1 AND minute >= $2 AND minute < $3"
            await tx.driver.execute(f"DELETE FROM slice_marks WHERE {within}", key, day, day + rollups.DAY.length_us)


async def test_the_comparison_finds_slicing_that_takes_its_marks_late(engine: AsyncEngine) -> None:
    until = time.monotonic() + SECONDS

    async def slice_wrongly() -> None:
        while time.monotonic() < until:
            await slice_and_take_marks_late(engine)

    async def compare() -> int:
        """Bits of one chunk that are not of the same traces are an error of the database."""
        try:
            return (await read(engine, random.Random(9), until))[1]
        except asyncpg.StringDataLengthMismatchError:
            return 1

    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(committer(engine)) for _ in range(4)]
        writes = [write(w, random.Random(i), until) for i, w in enumerate(writers)]
        *_, found = await asyncio.gather(*writes, slice_wrongly(), compare())
    assert found > 0


@pytest.fixture
async def filled(engine: AsyncEngine) -> AsyncEngine:
    rng = random.Random(5)
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span_with_model(rng) for _ in range(400)])
    await warm(engine)
    assert await rows(engine, "SELECT 1 FROM slice_marks UNION ALL SELECT 1 FROM rollup_marks") == []
    return engine


@pytest.mark.parametrize("filters", FILTERS)
async def test_slices_alone_give_what_the_traces_give(filled: AsyncEngine, filters: object) -> None:
    matching, rng, found = compiled(filters), random.Random(7), 0
    async with transaction(filled, Kind.SNAPSHOT, NO_BOUND) as tx:
        for key in range(1, len(EXPERIMENTS) + 1):
            for window in (Window(), *(random_window(rng) for _ in range(5))):
                answers = [await filtered(tx, key, window, matching, places=n) for n in (1, 3, 16)]
                assert answers == [await directly(tx, key, window, matching.parts, places=3)] * 3
                assert (await filtered(tx, key, window, matching, places=0))[0] == answers[0][0]
                found += answers[0][0]["n"] or 0
    assert found > 20


async def test_clean_minutes_are_read_from_the_slices_alone(filled: AsyncEngine) -> None:
    async with filled.connect() as connection:
        await connection.exec_driver_sql("UPDATE traces SET prompt_tokens = 0, many_models = false")
    async with transaction(filled, Kind.SNAPSHOT, NO_BOUND) as tx:
        from_slices = await filtered(tx, 1, Window(), compiled({}))
        assert (await directly(tx, 1, Window()))[0]["prompt_tokens"] == 0 != from_slices[0]["prompt_tokens"]


async def test_what_is_not_listed_is_read_from_the_traces(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        for n in range(8):
            times = {"start_us": START + n * MINUTE, "end_us": START + n * MINUTE + n}
            metadata = {"essay": "x" * 300 + str(n % 2), "env": "prod" if n % 2 else "test"}
            span = Span(trace_id=f"t{n}", span_id=f"t{n}", experiment_id="a", metadata=metadata, **times)
            await writer.submit(TENANT, [span])
    await warm(engine)
    assert [row["unlisted"] for row in await rows(engine, "SELECT unlisted FROM slices")] == [["metadata.essay"]]
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE traces SET total_tokens = 5")
    asked = {"essay": "x" * 300 + "1", "env": "prod"}
    for names, tokens in ((["essay"], 20), (["env"], 0), (["essay", "env"], 20)):
        matching = compiled({f"metadata__{name}": {"operator": "", "value": [asked[name]]} for name in names})
        async with transaction(engine, Kind.SNAPSHOT, NO_BOUND) as tx:
            sums, _ = await filtered(tx, 1, Window(), matching)
        assert (sums["n"], sums["total_tokens"]) == (4, tokens)


async def test_scores_of_all_sorts_are_summed_from_slices(engine: AsyncEngine) -> None:
    """Few different ones, many, several of one evaluator in a trace, texts, and values that are no number."""
    rng = random.Random(3)
    async with committer(engine) as writer:
        for n in range(600):
            scores = [
                Score("few", rng.choice([0.0, 0.5, -1.0])),
                Score("many", rng.uniform(-9e9, 9e9)),
                Score("wild", rng.choice([1e300, 1.0])),
                Score("said", None, "text", text="fine"),
                Score("passed", float(rng.random() < 0.5), "boolean"),
            ]
            scores += [Score("twice", 0.25)] * (n % 3)
            times = {"start_us": START + n * 1_000, "end_us": START + n * 1_000 + n}
            span = Span(trace_id=f"t{n}", span_id=f"t{n}", experiment_id="a", scores=scores[n % 4 :], **times)
            span.status = rng.choice(["success", "error"])
            await writer.submit(TENANT, [span])
    await warm(engine)
    forms = await rows(engine, "SELECT name, kind, bits IS NULL AS listed FROM slice_scores ORDER BY name, kind")
    assert {(row["name"], row["listed"]) for row in forms} == {
        ("few", False),
        ("many", True),
        ("wild", False),
        ("said", False),
        ("passed", False),
        ("twice", True),
    }
    async with transaction(engine, Kind.SNAPSHOT, NO_BOUND) as tx:
        for filters in ({}, FILTERS[1], {"duration": {"operator": "lt", "value": [0.0001]}}):
            matching = compiled(filters)
            found = await filtered(tx, 1, Window(), matching, places=6)
            assert found == await directly(tx, 1, Window(), matching.parts, places=6)
            assert len(found[1]) == 6


async def test_false_alone_is_counted(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        for n in range(6):
            passed = [Score("passed", float(n >= 3), "boolean")]
            status = "error" if n < 3 else "success"
            times = {"start_us": START + n, "end_us": START + n}
            await writer.submit(
                TENANT, [Span(trace_id=f"t{n}", span_id="s", experiment_id="a", status=status, scores=passed, **times)]
            )
    await warm(engine)
    async with transaction(engine, Kind.SNAPSHOT, NO_BOUND) as tx:
        found = await filtered(tx, 1, Window(), compiled(FILTERS[1]))
        assert (found[1]["passed"].n_false, found[1]["passed"].n_true) == (3, 0)
        assert found == await directly(tx, 1, Window(), compiled(FILTERS[1]).parts)


async def test_nothing_is_kept_of_statements_that_do_not_come_again(engine: AsyncEngine) -> None:
    async with transaction(engine, Kind.SNAPSHOT, NO_BOUND) as tx:
        before = await tx.driver.fetchval("SELECT count(*) FROM pg_prepared_statements")
        for tokens in range(20):
            await filtered(tx, 1, Window(), compiled({"total_tokens": {"operator": "gt", "value": [tokens]}}))
        assert await tx.driver.fetchval("SELECT count(*) FROM pg_prepared_statements") <= before + 2


async def test_numbers_at_the_ends_of_their_range_are_summed(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [lone_span(1)])
    async with engine.connect() as connection:
        for n, cost in enumerate((2**63 - 1, 2**63 - 1, -(2**63), 0, None, 2**32, 2**31)):
            copied = f"INSERT INTO traces SELECT (jsonb_populate_record(t, jsonb_build_object('trace_id', 'c{n}'))).* "
            await connection.exec_driver_sql(f"{copied} FROM traces t WHERE trace_id = 't'")
            cost_pd = "null" if cost is None else f"({cost})"
            await connection.exec_driver_sql(f"UPDATE traces SET cost_pd = {cost_pd} WHERE trace_id = 'c{n}'")
    await warm(engine)
    async with transaction(engine, Kind.SNAPSHOT, NO_BOUND) as tx:
        sums, _ = await filtered(tx, 1, Window(), compiled({}))
        assert (sums["cost_pd"], sums["n_cost_pd"]) == (2**63 - 2 + 2**32 + 2**31, 6)
        assert sums == (await directly(tx, 1, Window()))[0]


async def test_a_stretch_of_too_many_models_is_read_from_the_traces(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        times = [START + n * MINUTE for n in range(70)]
        named = [
            Span(trace_id=f"t{n}", span_id=f"t{n}", experiment_id="a", model=f"m{n}", start_us=t, end_us=t + 9)
            for n, t in enumerate(times)
        ]
        await writer.submit(TENANT, named)
    await warm(engine)
    assert [row["n"] for row in await rows(engine, "SELECT n FROM slices")] == [0]
    matching = compiled({"model": {"operator": "startswith", "value": ["m1"]}})
    async with transaction(engine, Kind.SNAPSHOT, NO_BOUND) as tx:
        for window, n in ((Window(), 11), (Window(times[10] + 1, times[12] + 1), 2)):
            sums, _ = await filtered(tx, 1, window, matching)
            assert sums["n"] == n
    # Once there are fewer, they are sliced.
    async with committer(engine) as writer:
        await writer.submit(TENANT, [Span(trace_id=s.trace_id, span_id=s.span_id, model="m") for s in named])
    await warm(engine)
    assert [row["n"] for row in await rows(engine, "SELECT n FROM slices")] == [70]
    assert await slice_all(engine) == 0
