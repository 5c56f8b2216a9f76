"""Filtered sums from columns equal those of the traces at every moment, whoever writes, refreshes or is killed."""

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar import members, plan
from spanstats.columnar.arms import Arm
from spanstats.columnar.chunk import Info
from spanstats.columnar.keep import waiting_days
from spanstats.columnar.predicate import resolve
from spanstats.columnar.reader import Columns
from spanstats.columnar.refresh import put_chunks, refresh_some
from spanstats.columnar.stored import unpacked
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.keys import ExperimentKey
from spanstats.domain.span import Score, Span
from spanstats.filters.bind import bind
from spanstats.filters.disjuncts import Filter, compile_filter
from spanstats.filters.predicate import EVERYTHING
from spanstats.filters.trace_fields import TRACES
from spanstats.ingest.commits import Committer
from spanstats.stats import rollups, summary
from spanstats.stats.summary import Estimates, directly
from spanstats.stats.sums import Sums, Window
from spanstats.store.cache_tables import LOCK
from spanstats.store.session import Database, Kind, Transaction
from tests.ingest.worlds import START, TENANT, committer, rows
from tests.stats.test_rollups import (
    EXPERIMENTS,
    MINUTE,
    Killed,
    lone_span,
    random_span,
    random_window,
    rebuild,
    rebuild_once,
)
from tests.stats.warming import refresh_columns, warm

pytestmark = pytest.mark.anyio
READS = 30
MOST_READS = 3_000
"""Until a mistake is found."""
MODELS = (None, "gpt-4o", "GPT", "claude")

FILTERS: tuple[dict[str, Any], ...] = (
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
    matching = compile_filter(EVERYTHING if tree is None else bind(tree, TRACES), TENANT)
    assert resolve(matching.predicate, TENANT) is not None
    return matching


@pytest.fixture(autouse=True)
def always_from_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "FEW_TRACES", 0)


async def filtered(
    tx: Transaction,
    key: int,
    window: Window,
    matching: Filter,
    *,
    n_scores: int = 1,
    columns: Columns | None = None,
) -> Sums:
    return await summary.filtered(
        columns or Columns(), tx, Arm(ExperimentKey(key), window, matching), Estimates(n_scores)
    )


def span_with_model(rng: random.Random) -> Span:
    span = random_span(rng)
    span.model = rng.choice(MODELS)
    span.name = rng.choice(["a", "ab", "b"])
    span.labels = {"environment": rng.choice(["staging", "live"])} if rng.random() < 0.5 else {}
    span.metadata = {"env": rng.choice(["prod", "test"]), "user": f"u{rng.randrange(100)}"}
    span.metadata |= rng.choice([{}, {"n": rng.randrange(9)}, {"n": str(rng.randrange(9))}, {"n": None}])
    # Such a value is omitted: its segment is read from the traces where a filter asks for that name.
    span.metadata |= {"essay": "x" * 300} if rng.random() < 0.02 else {}
    return span


async def equal(tx: Transaction, columns: Columns, rng: random.Random, window: Window) -> bool:
    key, matching = rng.randrange(1, len(EXPERIMENTS) + 1), compiled(rng.choice(FILTERS))
    from_columns = await filtered(tx, key, window, matching, n_scores=rng.choice([0, 1, 4]), columns=columns)
    from_traces = await directly(
        tx, ExperimentKey(key), window, matching.disjuncts, Estimates(4 if from_columns[1] else 0)
    )
    return from_columns[0] == from_traces[0] and (from_columns[1] in ({}, from_traces[1]))


async def refresh_once(engine: AsyncEngine, rng: random.Random, *, killed: bool = False) -> None:
    days = await waiting_days(Database(engine), rest_s=0)
    if days:
        async with Database(engine).transaction(Kind.CACHES) as tx:
            await tx.driver.execute(LOCK)
            await refresh_some(tx, *rng.choice(days), rest_s=0, most=rng.choice([3, 20, 1_000]))
            if killed:
                raise Killed


async def keep_refreshing(engine: AsyncEngine, rng: random.Random, ended: asyncio.Event) -> None:
    """Until the others have ended and one refresh was killed."""
    kills = 0
    while not ended.is_set() or kills == 0:
        try:
            await refresh_once(engine, rng, killed=rng.random() < 0.1)
        except Killed:
            kills += 1
        await asyncio.sleep(rng.uniform(0, 0.02))


async def write(writer: Committer, rng: random.Random, ended: asyncio.Event) -> None:
    while not ended.is_set():
        await writer.submit(TENANT, [span_with_model(rng) for _ in range(rng.choice([1, 1, 5, 20]))])
        await asyncio.sleep(rng.uniform(0, 0.1))


CLEAN = """
SELECT count(*) FROM column_chunks c WHERE NOT EXISTS (
    SELECT FROM column_invalidations i
    WHERE i.experiment_key = c.experiment_key AND minute >= c.start_time AND minute < c.end_time
)
"""


async def three_reads(engine: AsyncEngine, columns: Columns, rng: random.Random) -> tuple[bool, int]:
    """Whether the answers of one snapshot are the same, and how many chunks could be read from."""
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        stored = await tx.driver.fetchval(CLEAN)
        return all([await equal(tx, columns, rng, random_window(rng)) for _ in range(3)]), stored


@pytest.mark.one_version("our locks and invalidations keep the answers equal")
async def test_no_answer_differs_while_writers_and_refreshes_run(engine: AsyncEngine) -> None:
    ended = asyncio.Event()

    async def read(rng: random.Random) -> None:
        # A cache that is full now and then.
        columns = Columns(rng.choice([0, 40_000, 2**20]))
        reads = stored = 0
        # Without chunks nothing would be read from columns.
        while reads < READS or stored < READS:
            same, of_reads = await three_reads(engine, columns, rng)
            assert same
            reads, stored = reads + 3, stored + of_reads

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for number in range(8):
            writer = await stack.enter_async_context(committer(engine))
            group.create_task(write(writer, random.Random(number), ended))
        for number in range(2):
            group.create_task(keep_refreshing(engine, random.Random(50 + number), ended))
        group.create_task(rebuild(engine, random.Random(100), ended))
        await asyncio.gather(*(read(random.Random(200 + number)) for number in range(2)))
        ended.set()


async def refresh_and_take_invalidations_late(engine: AsyncEngine) -> None:
    """The mistake that the test must find: invalidations that came during the refresh are deleted with the others."""
    await rebuild_once(engine)
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute(LOCK)
        days = await tx.driver.fetch(
            "SELECT DISTINCT experiment_key, date_trunc('day', minute, 'UTC') FROM column_invalidations"
        )
        for key, day in days:
            segment = day, day + rollups.DAY.length_us
            within = "experiment_key = $1 AND start_time >= $2 AND start_time < $3"
            await tx.driver.execute(f"DELETE FROM column_chunks WHERE {within}", key, *segment)
            await put_chunks(tx, key, segment)
        # Those that writers left meanwhile are taken as well.
        await tx.driver.execute("DELETE FROM rollup_marks")
        for key, day in days:
            within = "experiment_key = $1 AND minute >= $2 AND minute < $3"
            await tx.driver.execute(
                f"DELETE FROM column_invalidations WHERE {within}", key, day, day + rollups.DAY.length_us
            )


@pytest.mark.one_version("our locks and invalidations keep the answers equal")
async def test_the_comparison_finds_a_refresh_that_takes_invalidations_late(engine: AsyncEngine) -> None:
    rng, ended, differs = random.Random(9), asyncio.Event(), False

    async def refresh_wrongly() -> None:
        while not ended.is_set():
            await refresh_and_take_invalidations_late(engine)

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for number in range(4):
            writer = await stack.enter_async_context(committer(engine))
            group.create_task(write(writer, random.Random(number), ended))
        group.create_task(refresh_wrongly())
        for _ in range(MOST_READS):
            same, _ = await three_reads(engine, Columns(), rng)
            differs = not same
            if differs:
                break
        ended.set()
    assert differs


async def fill(engine: AsyncEngine) -> None:
    rng = random.Random(5)
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span_with_model(rng) for _ in range(400)])
    await warm(engine)
    assert await rows(engine, "SELECT 1 FROM column_invalidations UNION ALL SELECT 1 FROM rollup_marks") == []


@pytest.mark.parametrize("filters", FILTERS)
async def test_columns_alone_give_what_the_traces_give(filled: AsyncEngine, filters: object) -> None:
    matching, rng, total = compiled(filters), random.Random(7), 0
    async with Database(filled).transaction(Kind.SNAPSHOT) as tx:
        for key in range(1, len(EXPERIMENTS) + 1):
            for window in (Window(), *(random_window(rng) for _ in range(2))):
                answers = [await filtered(tx, key, window, matching, n_scores=n) for n in (1, 3, 16)]
                assert answers == [await directly(tx, ExperimentKey(key), window, matching.disjuncts, Estimates(3))] * 3
                assert (await filtered(tx, key, window, matching, n_scores=0))[0] == answers[0][0]
                total += answers[0][0]["n"] or 0
    assert total > 10


async def test_valid_minutes_are_read_from_the_columns_alone(filled: AsyncEngine) -> None:
    async with filled.connect() as connection:
        await connection.exec_driver_sql("UPDATE traces SET prompt_tokens = 0, many_models = false")
    async with Database(filled).transaction(Kind.SNAPSHOT) as tx:
        from_columns = await filtered(tx, 1, Window(), compiled({}))
        assert (
            (await directly(tx, ExperimentKey(1), Window()))[0]["prompt_tokens"]
            == 0
            != from_columns[0]["prompt_tokens"]
        )


async def test_what_a_chunk_omits_is_read_from_the_traces(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        for n in range(8):
            times: dict[str, Any] = {"start_us": START + n * MINUTE, "end_us": START + n * MINUTE + n}
            metadata = {"essay": "x" * 300 + str(n % 2), "env": "prod" if n % 2 else "test"}
            span = Span(trace_id=f"t{n}", span_id=f"t{n}", experiment_id="a", metadata=metadata, **times)
            await writer.submit(TENANT, [span])
    await warm(engine)
    infos = [unpacked(row["data"]) for row in await rows(engine, "SELECT data FROM column_data WHERE name = ''")]
    assert [info.omitted for info in infos if isinstance(info, Info)] == [("metadata.essay",)]
    async with engine.connect() as connection:
        await connection.exec_driver_sql("UPDATE traces SET total_tokens = 5")
    values = {"essay": "x" * 300 + "1", "env": "prod"}
    for names, tokens in ((["essay"], 20), (["env"], 0), (["essay", "env"], 20)):
        matching = compiled({f"metadata__{name}": {"operator": "", "value": [values[name]]} for name in names})
        async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
            sums, _ = await filtered(tx, 1, Window(), matching)
        assert (sums["n"], sums["total_tokens"]) == (4, tokens)


async def test_scores_of_all_sorts_are_summed_from_columns(engine: AsyncEngine) -> None:
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
            times: dict[str, Any] = {"start_us": START + n * 1_000, "end_us": START + n * 1_000 + n}
            span = Span(trace_id=f"t{n}", span_id=f"t{n}", experiment_id="a", scores=scores[n % 4 :], **times)
            span.status = rng.choice(["success", "error"])
            await writer.submit(TENANT, [span])
    await warm(engine)
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        for filters in ({}, FILTERS[1], {"duration": {"operator": "lt", "value": [0.0001]}}):
            matching = compiled(filters)
            sums = await filtered(tx, 1, Window(), matching, n_scores=6)
            assert sums == await directly(tx, ExperimentKey(1), Window(), matching.disjuncts, Estimates(6))
            assert len(sums[1]) == 6


async def test_false_alone_is_counted(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        for n in range(6):
            passed = [Score("passed", float(n >= 3), "boolean")]
            status = "error" if n < 3 else "success"
            times: dict[str, Any] = {"start_us": START + n, "end_us": START + n}
            await writer.submit(
                TENANT, [Span(trace_id=f"t{n}", span_id="s", experiment_id="a", status=status, scores=passed, **times)]
            )
    await warm(engine)
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        sums = await filtered(tx, 1, Window(), compiled(FILTERS[1]))
        assert (sums[1]["passed"].n_false, sums[1]["passed"].n_true) == (3, 0)
        assert sums == await directly(tx, ExperimentKey(1), Window(), compiled(FILTERS[1]).disjuncts)


async def test_nothing_is_kept_of_statements_that_do_not_come_again(engine: AsyncEngine) -> None:
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        before = 0
        for tokens in range(20):
            await filtered(tx, 1, Window(), compiled({"total_tokens": {"operator": "gt", "value": [tokens]}}))
            count = await tx.driver.fetchval("SELECT count(*) FROM pg_prepared_statements")
            assert count <= (before or count)
            before = count


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
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        sums, _ = await filtered(tx, 1, Window(), compiled({}))
        assert (sums["cost_pd"], sums["n_cost_pd"]) == (2**63 - 2 + 2**32 + 2**31, 6)
        assert sums == (await directly(tx, ExperimentKey(1), Window()))[0]


async def test_a_segment_of_very_many_models_is_read_from_the_traces(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "FEW_VALUES", 64)
    async with committer(engine) as writer:
        times = [START + n * MINUTE for n in range(70)]
        spans = [
            Span(trace_id=f"t{n}", span_id=f"t{n}", experiment_id="a", model=f"m{n}", start_us=t, end_us=t + 9)
            for n, t in enumerate(times)
        ]
        await writer.submit(TENANT, spans)
    await warm(engine)
    stored = "SELECT name FROM column_data WHERE name IN ('model', 'status')"
    assert [row["name"] for row in await rows(engine, stored)] == ["status"]
    matching = compiled({"model": {"operator": "startswith", "value": ["m1"]}})
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        for window, n in ((Window(), 11), (Window(times[10] + 1, times[12] + 1), 2)):
            sums, _ = await filtered(tx, 1, window, matching)
            assert sums["n"] == n
    # Once there are fewer, they have a column.
    async with committer(engine) as writer:
        await writer.submit(TENANT, [Span(trace_id=s.trace_id, span_id=s.span_id, model="m") for s in spans])
    await warm(engine)
    assert sorted(row["name"] for row in await rows(engine, stored)) == ["model", "status"]
    assert await refresh_columns(engine) == 0
