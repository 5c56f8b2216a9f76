"""Transactions begin, end and fail as they say."""

import asyncio
from contextlib import suppress
from typing import cast

import pytest
from sqlalchemy import QueuePool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.conftest import run_sql

from spanstats.domain.keys import TenantId
from spanstats.errors import Unavailable
from spanstats.store.outages import sqlstate
from spanstats.store.session import BY_KEY, Database, KeptConnections, Kind, Timeouts, create_engine

pytestmark = pytest.mark.anyio


@pytest.fixture
def kept(database_url: str) -> str:
    run_sql(database_url, "CREATE TABLE kept (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)")
    return database_url


async def rows(engine: AsyncEngine) -> list[int]:
    async with Database(engine).transaction(Kind.READ) as tx:
        return [row["id"] for row in await tx.driver.fetch("SELECT id FROM kept ORDER BY id")]


async def test_times_are_microseconds_since_1970_in_both_ways(engine: AsyncEngine) -> None:
    async with Database(engine).transaction(Kind.READ) as tx:
        parameter = await tx.driver.fetchval("SELECT $1::timestamptz", 1_700_000_000_123_456)
        constant = await tx.driver.fetchval("SELECT '1970-01-01 00:00:01.000002Z'::timestamptz")
        many = await tx.driver.fetchval("SELECT $1::timestamptz[]", [0, -1])
    assert (parameter, constant, many) == (1_700_000_000_123_456, 1_000_002, [0, -1])


async def test_a_block_that_ends_well_is_committed(kept: str, engine: AsyncEngine) -> None:
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.connection.execute(text("INSERT INTO kept VALUES (1)"))
        await tx.driver.execute("INSERT INTO kept VALUES (2)")
    assert await rows(engine) == [1, 2]


async def test_a_block_that_raises_is_rolled_back(kept: str, engine: AsyncEngine) -> None:
    async def fail() -> None:
        async with Database(engine).transaction(Kind.WRITE) as tx:
            await tx.driver.execute("INSERT INTO kept VALUES (1)")
            raise KeyError("x")

    with pytest.raises(KeyError):
        await fail()
    assert await rows(engine) == []


async def test_a_cancelled_block_is_rolled_back_and_its_connection_usable(kept: str, database_url: str) -> None:
    engine = create_engine(database_url, pool_size=1)

    async def slow() -> None:
        async with Database(engine).transaction(Kind.WRITE) as tx:
            await tx.driver.execute("INSERT INTO kept VALUES (1)")
            await tx.driver.execute("SELECT pg_sleep(30)")

    task = asyncio.create_task(slow())
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await rows(engine) == []
    await engine.dispose()


async def test_a_failure_at_commit_is_raised_and_leaves_nothing(kept: str, engine: AsyncEngine) -> None:
    with pytest.raises(Exception, match="duplicate key") as failure:
        async with Database(engine).transaction(Kind.WRITE) as tx:
            await tx.driver.execute("INSERT INTO kept VALUES (1), (1)")
    assert sqlstate(failure.value) == "23505"
    assert await rows(engine) == []


@pytest.mark.parametrize("kind", [Kind.READ, Kind.SNAPSHOT])
async def test_a_read_cannot_write(kept: str, engine: AsyncEngine, kind: Kind) -> None:
    with pytest.raises(Unavailable, match="read-only"):
        async with Database(engine).transaction(kind) as tx:
            await tx.driver.execute("INSERT INTO kept VALUES (1)")


async def test_a_snapshot_does_not_see_what_is_committed_meanwhile(kept: str, engine: AsyncEngine) -> None:
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        before = await tx.driver.fetchval("SELECT count(*) FROM kept")
        async with Database(engine).transaction(Kind.WRITE) as other:
            await other.driver.execute("INSERT INTO kept VALUES (1)")
        assert await tx.driver.fetchval("SELECT count(*) FROM kept") == before == 0
    assert await rows(engine) == [1]


@pytest.mark.parametrize(("kind", "limit"), [(Kind.READ, "1500ms"), (Kind.WRITE, "2s"), (Kind.CACHES, "0")])
@pytest.mark.every_case("each kind has settings of its own")
async def test_each_kind_has_its_statement_timeout(engine: AsyncEngine, kind: Kind, limit: str) -> None:
    async with Database(engine, Timeouts(read_s=1.5, write_s=2)).transaction(kind) as tx:
        assert await tx.driver.fetchval("SHOW statement_timeout") == limit


def lent(engine: AsyncEngine) -> int:
    return cast(QueuePool, engine.pool).checkedout()


_PLANNED_BY = (*BY_KEY, "statement_timeout", "plan_cache_mode", "transaction_isolation")


async def _settings(database: Database, kind: Kind) -> dict[str, str]:
    async with database.transaction(kind) as tx:
        return {name: await tx.driver.fetchval(f"SHOW {name}") for name in _PLANNED_BY}


@pytest.mark.every_case("each kind has settings of its own")
@pytest.mark.parametrize("kind", Kind)
async def test_a_session_that_is_set_for_ingest_need_not_be_set_again(
    database_url: str, engine: AsyncEngine, kind: Kind
) -> None:
    timeouts = Timeouts(write_s=2)
    of_ingest = create_engine(database_url, pool_size=2, statement_timeout_s=2, settings=BY_KEY)
    with_own = Database(engine, timeouts, for_ingest=KeptConnections(of_ingest))
    assert await _settings(with_own, kind) == await _settings(Database(engine, timeouts), kind)
    async with Database(of_ingest, timeouts).transaction(Kind.READ) as tx:
        source = tx.driver.source
    beginning = kind.beginning(timeouts, source)
    assert (kind is Kind.INGEST) == (beginning == "BEGIN ISOLATION LEVEL READ COMMITTED")
    async with with_own.transaction(kind) as tx:
        assert (tx.driver.source is source) == (kind is Kind.INGEST)
    await with_own.dispose()


async def test_a_connection_for_ingest_is_kept_for_the_next_use_until_it_is_lost(
    database_url: str, engine: AsyncEngine
) -> None:
    of_ingest = create_engine(database_url, pool_size=1, settings=BY_KEY)
    database = Database(engine, for_ingest=KeptConnections(of_ingest))

    async def pid() -> int:
        async with database.of_tenant(TenantId(1)).with_timeouts(Timeouts()).transaction(Kind.INGEST) as tx:
            return int(await tx.driver.fetchval("SELECT pg_backend_pid()"))

    first = await pid()
    assert lent(of_ingest) == 1
    with pytest.raises(KeyError):
        async with database.transaction(Kind.INGEST):
            raise KeyError("x")
    assert await pid() == first
    async with database.transaction(Kind.INGEST) as tx:
        tx.driver.source.generation += 1
    second = await pid()
    assert second != first
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute(f"SELECT pg_terminate_backend({second}, 5000)")
    assert await pid() not in (first, second)
    assert lent(of_ingest) == 1
    await database.dispose()
    assert lent(of_ingest) == 0


async def test_a_connection_whose_rollback_fails_is_not_kept(database_url: str, engine: AsyncEngine) -> None:
    of_ingest = create_engine(database_url, pool_size=1, settings=BY_KEY)
    database = Database(engine, for_ingest=KeptConnections(of_ingest))

    async def refuse(statement: str) -> None:
        raise TimeoutError(statement)

    async def fail() -> None:
        async with database.transaction(Kind.INGEST) as tx:
            tx.driver.execute = refuse
            raise KeyError("x")

    with pytest.raises(KeyError):
        await fail()
    async with database.transaction(Kind.INGEST) as tx:
        assert await tx.driver.fetchval("SELECT 1") == 1
        # A dead connection that is met has others of its age replaced.
        assert tx.driver.source.generation == 0
    await database.dispose()


async def test_a_task_that_is_cancelled_while_it_rolls_back_ends(engine: AsyncEngine) -> None:
    rolls_back, pids = asyncio.Event(), []

    async def never(_statement: str) -> None:
        rolls_back.set()
        await asyncio.Event().wait()

    async def go_on_after_errors() -> None:
        while True:
            with suppress(KeyError):
                async with Database(engine).transaction(Kind.WRITE) as tx:
                    pids.append(tx.driver.get_server_pid())
                    tx.driver.execute = never
                    raise KeyError("x")

    task = asyncio.create_task(go_on_after_errors())
    await rolls_back.wait()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=10)
    assert done
    assert task.cancelled()
    async with Database(engine).transaction(Kind.READ) as tx:
        assert tx.driver.get_server_pid() not in pids


async def test_a_connection_that_is_kept_is_used_no_longer_than_it_may(database_url: str, engine: AsyncEngine) -> None:
    of_ingest = create_engine(database_url, pool_size=1, connection_life_s=1, settings=BY_KEY)
    database = Database(engine, for_ingest=KeptConnections(of_ingest))
    pids = set()
    for _ in range(3):
        async with database.transaction(Kind.INGEST) as tx:
            pids.add(tx.driver.get_server_pid())
        await asyncio.sleep(1.1)
    assert len(pids) == 3
    assert lent(of_ingest) == 1
    await database.dispose()


async def test_connections_of_requests_are_kept_but_not_from_those_that_wait_for_the_pool(database_url: str) -> None:
    engine = create_engine(database_url, pool_size=2, pool_timeout_s=0.5)
    database = Database(engine, kept=KeptConnections(engine))
    ends = [asyncio.Event(), asyncio.Event()]

    async def pid(end: asyncio.Event) -> int:
        async with database.of_tenant(TenantId(1)).transaction(Kind.READ) as tx:
            backend = int(await tx.driver.fetchval("SELECT pg_backend_pid()"))
            await end.wait()
            return backend

    tasks = [asyncio.create_task(pid(end)) for end in (ends[0], ends[0], ends[1], ends[1])]
    while lent(engine) < 2:
        await asyncio.sleep(0.01)
    assert database.connections.n_in_use == 2
    # Both are given back at once, while two others wait and nothing else is going to be given back.
    ends[0].set()
    first = {await task for task in tasks[:2]}
    await asyncio.sleep(0.6)
    assert database.connections.n_in_use == 2
    ends[1].set()
    assert {await task for task in tasks[2:]} == first
    # From here on nobody waits.
    assert await database.row("SELECT pg_backend_pid()") == await database.row("SELECT pg_backend_pid()")
    assert (lent(engine), database.connections.n_in_use) == (2, 0)
    await database.dispose()
    assert lent(engine) == 0


async def test_a_statement_over_its_time_is_an_outage_not_a_fault(engine: AsyncEngine) -> None:
    with pytest.raises(Unavailable, match="took longer"):
        async with Database(engine, Timeouts(read_s=0.1)).transaction(Kind.READ) as tx:
            await tx.connection.execute(text("SELECT pg_sleep(5)"))


async def test_a_full_pool_is_an_outage(database_url: str) -> None:
    engine = create_engine(database_url, pool_size=1, pool_timeout_s=0.1)
    async with Database(engine).transaction(Kind.READ):
        with pytest.raises(Unavailable, match="all connections"):
            async with Database(engine).transaction(Kind.READ):
                pass
    await engine.dispose()


async def test_a_server_that_is_away_is_an_outage(tmp_path: object) -> None:
    engine = create_engine(f"postgresql+asyncpg://postgres@/none?host={tmp_path}")
    with pytest.raises(Unavailable, match="away"):
        async with Database(engine).transaction(Kind.READ):
            pass
    await engine.dispose()


async def test_connections_that_the_server_ended_are_an_outage_then_replaced(
    kept: str, engine: AsyncEngine, server_url: str
) -> None:
    assert await rows(engine) == []
    others = create_engine(server_url)
    async with others.connect() as connection:
        await connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :its_own"),
            {"its_own": engine.url.database},
        )
    await others.dispose()
    with suppress(Unavailable):
        await rows(engine)
    assert await rows(engine) == []


async def test_a_mistake_in_sql_is_no_outage(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError) as failure:
        async with Database(engine).transaction(Kind.READ) as tx:
            await tx.connection.execute(text("SELECT nonsense"))
    assert sqlstate(failure.value) == "42703"
