"""Tenants that move to another shard: exact at every moment, whoever dies, whoever writes."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import msgspec
import pytest
from tests.two_schemas import database_url, second_url, two_schemas

from spanstats.catalog import copying, datasets, keys, move_log, moves, placement, projects
from spanstats.catalog.datasets import Row
from spanstats.catalog.erasure import erase_some
from spanstats.catalog.keys import Placing
from spanstats.catalog.moving import move
from spanstats.catalog.packing import pack_some
from spanstats.dialects.parea.stats import stats_entry
from spanstats.domain.keys import TenantId, TraceKey
from spanstats.domain.score_blocks import BLOCKS_FROM
from spanstats.domain.span import Score, Span
from spanstats.domain.standalone import StandaloneScore
from spanstats.errors import Conflict, NotFound, Unavailable
from spanstats.ingest.commits import Committer
from spanstats.ingest.evaluators import Evaluators
from spanstats.ingest.tools import Tools
from spanstats.stats.maintenance import mismatches, refresh_rollups
from spanstats.store.outages import TenantMoved
from spanstats.store.session import Database, KeptConnections, Kind, create_engine
from spanstats.store.session.transaction import transaction_on
from spanstats.store.tables import metadata

__all__ = ["database_url", "second_url", "two_schemas"]

pytestmark = [pytest.mark.anyio, pytest.mark.one_database("it makes shards of its own")]

START = 1_780_000_000_000_000
BOTH = Placing(("first", "two"), "first")
OF_NO_TENANT = {
    "packing",
    "tenants",
    "api_keys",
    "shards",
    "primary_lives",
    "tenant_fences",
    "tenant_moves",
    "move_log",
}
CACHES = {"rollup_marks", "rollups", "rollup_lock", "column_chunks", "column_data", "column_invalidations"}

# An id is free as soon as the experiment that has it is deleted.
TAKE_OVER = "UPDATE experiments SET deleted_at = now() WHERE tenant_id = $1 AND id = 'x' AND deleted_at IS NULL"
NEW_EXPERIMENT = "INSERT INTO experiments (tenant_id, id) VALUES ($1, 'x')"

Shards = dict[str, Database]


@pytest.fixture
async def shards(database_url: str, second_url: str) -> AsyncIterator[Shards]:
    """The test's own database, and a schema in it as another shard."""
    databases = {"first": Database(create_engine(database_url)), "two": Database(create_engine(second_url))}
    await placement.register(databases["first"], databases["two"], "two")
    yield databases
    for database in databases.values():
        await database.dispose()


class World:
    """A tenant who writes wherever it lives, and what was acknowledged to it: the cost of each trace."""

    def __init__(self, shards: Shards, tenant_id: TenantId) -> None:
        self.shards, self.tenant_id = shards, tenant_id
        self.costs: dict[str, int] = {}
        self.refused = 0
        tools = Tools(lambda _span: None, stats_entry, Evaluators())
        self.committers = {name: Committer(shard, tools, may_move=True) for name, shard in shards.items()}

    async def home(self) -> str:
        return (await placement.home_of(self.shards["first"], "t")).shard

    async def write(self, trace: str, cost: int) -> bool:
        """Whether a span with this cost was acknowledged, and a score and a patch of it."""
        committer = self.committers[await self.home()]
        try:
            span = Span(
                trace_id=trace, span_id=f"{trace}.s", start_us=START + hash(trace) % 10**9, end_us=START + 2 * 10**9,
                status="success", cost_pd=cost, experiment_id="e", by_span_id=True, input='"x"',
            )  # fmt: skip
            await committer.submit(self.tenant_id, [span])
        except TenantMoved:
            self.refused += 1
            return False
        self.costs[trace] = cost
        return True

    async def decorate(self, trace: str) -> None:
        committer = self.committers[await self.home()]
        score = StandaloneScore(id=f"{trace}.q", log_id=f"{trace}.s", score=Score("q", 1.0), created_us=START)
        await committer.score(self.tenant_id, score)
        early = StandaloneScore(id=f"{trace}.e", log_id=f"{trace}.early", score=Score("q", 0.0), created_us=START)
        await committer.score(self.tenant_id, early)
        await committer.override(self.tenant_id, f"{trace}.s", {"name": f"name of {trace}"})
        await committer.override(self.tenant_id, f"{trace}.early", {"name": "n"})

    async def pack(self, trace: str = "packed") -> None:
        """A trace whose payloads are packed."""
        root = Span(trace_id=trace, span_id="p.s", start_us=START, end_us=START, status="success", cost_pd=1)
        children = [msgspec.structs.replace(root, span_id=n, parent_id="p.s", cost_pd=None) for n in ("c", "d")]
        home = await self.home()
        await self.committers[home].submit(self.tenant_id, [root, *children])
        self.costs[trace] = 1
        async with self.shards[home].transaction(Kind.WRITE) as tx:
            assert await pack_some(tx.driver, [TraceKey(self.tenant_id, trace)], START * 2) == 1

    async def score_much(self, trace: str = "scored") -> None:
        """A trace whose scores are in blocks."""
        root = Span(trace_id=trace, span_id="r", start_us=START, end_us=START, status="success", cost_pd=1)
        scores = [Score("q", 1.0)]
        children = [
            msgspec.structs.replace(root, span_id=f"{n}", parent_id="r", cost_pd=None, scores=scores)
            for n in range(BLOCKS_FROM + 1)
        ]
        home = await self.home()
        await self.committers[home].submit(self.tenant_id, [root, *children[1:]])
        await self.committers[home].submit(self.tenant_id, children[:1])
        self.costs[trace] = 1

    async def catalog(self, n: int) -> None:
        """A dataset, which grows afterwards, and an experiment that takes the id of the one before it."""
        database = self.shards[await self.home()].of_tenant(self.tenant_id)
        await projects.get_or_create(database, self.tenant_id, f"p{n % 3}")
        await datasets.create(database, self.tenant_id, f"d{n}", ["k"], [Row({"k": "1"}, None, [])])
        await datasets.add(database, self.tenant_id, f"d{n // 2}", [Row({"k": f"more {n}"}, None, [])])
        async with database.transaction(Kind.WRITE) as tx:
            await tx.driver.execute(TAKE_OVER, self.tenant_id)
            await tx.driver.execute(NEW_EXPERIMENT, self.tenant_id)

    async def check(self) -> None:
        """What is read where the tenant lives is what was acknowledged."""
        async with self.shards[await self.home()].of_tenant(self.tenant_id).transaction(Kind.SNAPSHOT) as tx:
            rows = await tx.driver.fetch("SELECT trace_id, cost_pd FROM traces WHERE tenant_id = $1", self.tenant_id)
        assert {row["trace_id"]: row["cost_pd"] for row in rows} == self.costs

    async def stop(self) -> None:
        for committer in self.committers.values():
            await committer.stop()


@pytest.fixture
async def world(shards: Shards) -> AsyncIterator[World]:
    tenant_id = await keys.ensure_tenant(shards["first"], "t", BOTH)
    other = await keys.ensure_tenant(shards["first"], "other", BOTH)
    moves, stays = World(shards, tenant_id), World(shards, other)
    for one in (moves, stays):
        for n in range(30):
            await one.write(f"t{n}", n)
        await one.decorate("t1")
        await one.pack()
        await one.score_much()
        first = shards["first"]
        await projects.get_or_create(first, one.tenant_id, "p")
        await datasets.create(first, one.tenant_id, "d", ["k"], [Row({"k": "1"}, None, [])])
    before = await everything(shards["first"], other)
    yield moves
    assert await everything(shards["first"], other) == before
    for one in (moves, stays):
        await one.stop()


async def everything(shard: Database, tenant_id: TenantId) -> dict[str, list[str]]:
    """All rows of the tenant, as text."""
    rows_by_table = {}
    async with shard.transaction(Kind.SNAPSHOT) as tx:
        for table in move_log.LOGGED:
            whose = "dataset_id IN (SELECT id FROM datasets WHERE tenant_id = $1)"
            where = whose if "tenant_id" not in table.columns else "tenant_id = $1"
            rows = await tx.driver.fetch(f"SELECT x::text FROM {table.name} x WHERE {where} ORDER BY 1", tenant_id)
            rows_by_table[table.name] = [row[0] for row in rows]
    return rows_by_table


async def moved(world: World, target: str) -> int:
    return await all_of(move(world.shards, world.shards["first"], "t", target))


async def all_of(steps: AsyncIterator[int]) -> int:
    return sum([count async for count in steps])


def test_every_table_is_moved_or_known_to_hold_nothing_that_moves() -> None:
    names = [table.name for table in move_log.LOGGED]
    assert {*names} | OF_NO_TENANT | CACHES == {*metadata.tables}


async def test_all_of_a_tenant_is_where_it_has_moved_and_nothing_where_it_was(world: World) -> None:
    before = await everything(world.shards["first"], world.tenant_id)
    assert [name for name, rows in before.items() if not rows] == []
    for home, other in (("two", "first"), ("first", "two")):
        await moved(world, home)
        assert await world.home() == home
        assert await everything(world.shards[home], world.tenant_id) == before
        assert not any((await everything(world.shards[other], world.tenant_id)).values())
        for shard in world.shards.values():
            await refresh_rollups(shard)
            assert await mismatches(shard) == []
    assert await moved(world, "first") == 0
    assert await world.write("after", 7)
    await world.check()


async def test_what_was_left_behind_is_closed_to_those_who_know_no_better(world: World) -> None:
    await moved(world, "two")
    behind = world.shards["first"].of_tenant(world.tenant_id)
    for kind in (Kind.READ, Kind.SNAPSHOT, Kind.STREAM, Kind.WRITE):
        with pytest.raises(TenantMoved):
            async with behind.transaction(kind):
                raise AssertionError
    with pytest.raises(TenantMoved):
        await behind.row("SELECT 1")
    with pytest.raises(TenantMoved):
        await world.committers["first"].submit(
            world.tenant_id, [Span(trace_id="x", span_id="x", start_us=START, end_us=START, status="success")]
        )
    with pytest.raises(NotFound):
        await moved(world, "three")


@pytest.mark.one_version("the phases are ours")
async def test_only_one_process_moves_a_tenant_and_to_one_shard(world: World) -> None:
    async with moves.mover_of(world.shards["first"], world.tenant_id) as mover:
        assert mover is not None
        with pytest.raises(Conflict, match="another process"):
            await moved(world, "two")
        await mover.begin("two")
    with pytest.raises(Conflict, match="to shard two"):
        await moved(world, "first")
    await moved(world, "two")


@pytest.mark.one_version("the connections are ours")
async def test_a_mover_is_lent_connections_that_are_kept_for_requests(world: World, database_url: str) -> None:
    connections = KeptConnections(create_engine(database_url, pool_size=1, pool_timeout_s=0.5))
    directory = Database(connections.engine, kept=connections)
    try:
        # From here on it is free, and not in the pool.
        assert await directory.row("SELECT 1")
        for _ in range(2):
            async with moves.mover_of(directory, world.tenant_id) as mover:
                assert mover is not None
                assert await mover.move() is None
        with pytest.raises(KeyError):
            async with moves.mover_of(directory, world.tenant_id):
                raise KeyError("x")
        assert connections.n_in_use == 0
        async with moves.mover_of(world.shards["first"], world.tenant_id) as mover:
            assert mover is not None
    finally:
        await directory.dispose()


class Killed(BaseException):
    """The process is no more: nothing that it would still do is done."""


_LEFT: ContextVar[list[int] | None] = ContextVar("left", default=None)


def step() -> None:
    """One of those moments at which a mover may be killed; once it is, it comes no further."""
    left = _LEFT.get()
    if left is not None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after each transaction of a mover, and the moment at which the tenant arrives."""
    begin, arrive = transaction_on, moves.Mover.arrive

    @asynccontextmanager
    async def transaction(*args: Any) -> AsyncIterator[Any]:
        step()
        async with begin(*args) as tx:
            yield tx
        step()

    async def arriving(self: moves.Mover, under_way: moves.Move) -> None:
        step()
        await arrive(self, under_way)
        step()

    monkeypatch.setattr("spanstats.store.session.database.transaction_on", transaction)
    monkeypatch.setattr(moves.Mover, "arrive", arriving)


async def killed_after(world: World, steps: int) -> bool:
    """Whether the mover was killed at that moment, and did not come to its end before."""

    async def doomed() -> bool:
        _LEFT.set([steps])
        try:
            await moved(world, "two")
        except Killed:
            return True
        return False

    return await asyncio.create_task(doomed())


@pytest.mark.one_version("what is killed is our mover")
@pytest.mark.usefixtures("deadly")
async def test_a_mover_killed_at_any_moment_loses_nothing_and_the_next_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "TRACES_AT_A_TIME", 20)
    monkeypatch.setattr(move_log, "LOGGED_AT_A_TIME", 40)
    random_ = random.Random(7)
    before = await everything(world.shards["first"], world.tenant_id)
    steps = 0
    homes = set()
    while await killed_after(world, steps):
        await moves.let_writes_go_on(world.shards["first"], world.shards)
        homes.add(await world.home())
        await world.check()
        # It can be written to at once, wherever it lives: old traces, new ones, and one that goes.
        for trace in (f"t{random_.randrange(30)}", f"k{steps}"):
            assert await world.write(trace, random_.randrange(1000))
        await world.decorate(f"k{steps}")
        await world.pack(f"packed{steps}")
        await world.catalog(steps)
        await world.check()
        before = await everything(world.shards[await world.home()], world.tenant_id)
        steps += 1
    assert steps > 20
    assert homes == {"first", "two"}
    assert await world.home() == "two"
    assert await everything(world.shards["two"], world.tenant_id) == before
    assert not any((await everything(world.shards["first"], world.tenant_id)).values())
    await world.check()
    for shard in world.shards.values():
        assert await mismatches(shard) == []


REST_S = 0.005
"""Between two requests of a client: without it a move takes longer the busier the machine is."""


async def write_until(world: World, ended: asyncio.Event, lane: int, rest_s: float = 0) -> None:
    number = 0
    while not ended.is_set():
        await asyncio.sleep(rest_s)
        if await world.write(f"w{lane}-{number % 40}", number):
            number += 1
        else:
            await asyncio.sleep(0.01)


async def read_until(world: World, ended: asyncio.Event) -> None:
    """Every read holds what was acknowledged before it."""
    while not ended.is_set():
        await asyncio.sleep(REST_S)
        trace_ids = {*world.costs}
        try:
            async with world.shards[await world.home()].of_tenant(world.tenant_id).transaction(Kind.SNAPSHOT) as tx:
                rows = await tx.driver.fetch("SELECT trace_id FROM traces WHERE tenant_id = $1", world.tenant_id)
        except TenantMoved:
            continue
        assert trace_ids <= {row["trace_id"] for row in rows}


@pytest.mark.one_version("our locks keep what is written meanwhile")
async def test_a_tenant_is_moved_there_and_back_while_it_writes(world: World) -> None:
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for lane in range(4):
            group.create_task(write_until(world, ended, lane, REST_S))
        for _ in range(2):
            group.create_task(read_until(world, ended))
        for target in ("two", "first", "two"):
            await moved(world, target)
            await asyncio.sleep(0.1)
            assert await world.home() == target
        ended.set()
    assert world.refused > 0
    await world.check()
    for shard in world.shards.values():
        assert await mismatches(shard) == []


class Refused(NamedTuple):
    """What the new shard had when the tenant arrived: all its rows, and those copied while writes were refused."""

    rows: int
    copied: int


@pytest.fixture
def refused(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Refused]:
    """One for each move."""
    refusals: list[Refused] = []
    began: list[int] = []
    fence, arrive = moves.set_fence, moves.Mover.arrive

    async def fencing(database: Database, tenant_id: TenantId, to: moves.Fence | None) -> None:
        await fence(database, tenant_id, to)
        if to == "closed":
            async with world.shards["two"].transaction(Kind.READ) as tx:
                began.append(await tx.driver.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"))

    async def arriving(self: moves.Mover, under_way: moves.Move) -> None:
        # The last but one closing was that of the old shard; the new one is closed too before the tenant arrives.
        refusals.append(await copied_since(world.shards["two"], world.tenant_id, began[-2]))
        await arrive(self, under_way)

    monkeypatch.setattr("spanstats.catalog.moving.set_fence", fencing)
    monkeypatch.setattr(moves.Mover, "arrive", arriving)
    return refusals


async def copied_since(shard: Database, tenant_id: TenantId, transaction: int) -> Refused:
    all_rows = copied = 0
    async with shard.transaction(Kind.SNAPSHOT) as tx:
        for table in move_log.LOGGED:
            whose = "dataset_id IN (SELECT id FROM datasets WHERE tenant_id = $1)"
            where = whose if "tenant_id" not in table.columns else "tenant_id = $1"
            xmins = await tx.driver.fetch(f"SELECT xmin::text::bigint FROM {table.name} WHERE {where}", tenant_id)
            all_rows += len(xmins)
            copied += len([row for row in xmins if row["xmin"] >= transaction])
    return Refused(all_rows, copied)


@pytest.mark.one_version("how much is copied when is our choice")
async def test_few_rows_are_copied_while_writes_are_refused_however_many_there_are(
    world: World, refused: list[Refused], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanstats.catalog.moving._MOST_LEFT", move_log.Left(changes=60, spans=60))
    monkeypatch.setattr("spanstats.catalog.moving._FEW", 30)
    cases = [Row({"k": str(n)}, None, []) for n in range(2_000)]
    await datasets.create(world.shards["first"], world.tenant_id, "large", ["k"], cases)
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for lane in range(2):
            group.create_task(write_until(world, ended, lane))
        while len(world.costs) < 60:
            await asyncio.sleep(0.01)
        await moved(world, "two")
        ended.set()
    [last] = refused
    assert last.rows > 2_000
    # A changed trace is copied whole: its span with its payload, its patch and itself.
    assert last.copied <= 4 * 60
    await world.check()


@pytest.mark.one_version("when to give up is our choice")
async def test_a_tenant_that_writes_too_fast_stays_and_is_written_to(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanstats.catalog.moving._MOST_LEFT", move_log.Left(changes=-1, spans=-1))
    with pytest.raises(Conflict, match="faster than it is copied"):
        await moved(world, "two")
    assert await world.home() == "first"
    assert await world.write("after", 3)
    await world.check()
    monkeypatch.undo()
    await moved(world, "two")
    await world.check()


@pytest.mark.one_version("how long writes are refused is our choice")
async def test_a_new_shard_that_goes_silent_does_not_keep_the_tenant_from_writing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanstats.catalog.moving._MOST_CLOSED_S", 0.5)
    steps = move(world.shards, world.shards["first"], "t", "two")
    await anext(steps)
    async with world.shards["two"].transaction(Kind.WRITE) as tx:
        await tx.driver.execute("LOCK TABLE tenant_fences IN SHARE MODE")
        with pytest.raises(Unavailable, match="call again"):
            await all_of(steps)
        assert await world.home() == "first"
        assert await world.write("after", 3)
    monkeypatch.undo()
    await moved(world, "two")
    await world.check()


async def test_a_copy_of_a_deleted_experiment_is_not_erased_before_it_is_whole(world: World) -> None:
    async with world.shards["first"].transaction(Kind.WRITE) as tx:
        await tx.driver.execute("UPDATE experiments SET deleted_at = now() WHERE tenant_id = $1", world.tenant_id)
    await moves.set_fence(world.shards["first"], world.tenant_id, "gone")
    while await erase_some(world.shards["first"]):
        pass
    assert len((await everything(world.shards["first"], world.tenant_id))["experiments"]) == 1
    await moves.set_fence(world.shards["first"], world.tenant_id, None)
    assert await erase_some(world.shards["first"])
