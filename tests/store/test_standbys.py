"""Reads on a hot standby: with all that was written before, or on the primary."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from tests.conftest import run_sql
from tests.servers import Server, follow, initialise, servers

from spanstats.errors import Unavailable
from spanstats.store.outages import StandbyLost
from spanstats.store.schema import migrate
from spanstats.store.session import Database, Kind, create_engine
from spanstats.store.standbys import HotStandbys

pytestmark = pytest.mark.anyio

WHERE = "SELECT pg_is_in_recovery()"


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Server, Server]]:
    """A primary, and a standby that lets no read delay what it replays."""
    with servers(2) as (primary, standby):
        initialise(primary)
        primary.start()
        migrate(address(primary))
        run_sql(primary.url, "CREATE TABLE numbers (n int)")
        follow(standby, primary)
        standby.start(max_standby_streaming_delay="0")
        yield primary, standby


def address(server: Server) -> str:
    return server.url.replace("postgresql:", "postgresql+asyncpg:")


@pytest.fixture
async def primary(pair: tuple[Server, Server]) -> AsyncIterator[Database]:
    database = Database(create_engine(address(pair[0])))
    yield database
    await database.dispose()


@pytest.fixture
async def unwatched(pair: tuple[Server, Server], primary: Database) -> AsyncIterator[HotStandbys]:
    """Standbys that nothing tries again by itself."""
    hot_standbys = HotStandbys(primary, {1: create_engine(address(pair[1]), pool_size=2, to_standby=True)}, wait_s=0.3)
    yield hot_standbys
    await hot_standbys.dispose()


@pytest.fixture
async def standbys(unwatched: HotStandbys) -> AsyncIterator[HotStandbys]:
    async with watched(unwatched):
        yield unwatched


@asynccontextmanager
async def watched(standbys: HotStandbys) -> AsyncIterator[None]:
    """While the standbys are tried again and again, from when one of them is in use."""
    watching = asyncio.create_task(standbys.watch(every_s=0.05))
    await until_in_use(standbys, 1)
    yield
    watching.cancel()
    await asyncio.wait([watching])


async def until_in_use(standbys: HotStandbys, count: int) -> None:
    async with asyncio.timeout(30):
        while standbys.in_use != count:
            await asyncio.sleep(0.02)


async def is_standby(database: Database, kind: Kind = Kind.SNAPSHOT) -> bool:
    async with database.transaction(kind) as tx:
        return bool(await tx.driver.fetchval(WHERE))


@pytest.mark.parametrize("kind", Kind)
async def test_only_what_reads_goes_to_a_standby(primary: Database, standbys: HotStandbys, kind: Kind) -> None:
    reading = Database(primary.engine, primary.timeouts, standbys)
    assert await is_standby(reading, kind) is (kind in (Kind.READ, Kind.SNAPSHOT, Kind.FIXED, Kind.STREAM, Kind.KEYS))
    assert (await reading.row(WHERE))[0]


async def test_a_read_sees_every_write_before_it_whoever_made_it(
    pair: tuple[Server, Server], primary: Database, standbys: HotStandbys
) -> None:
    other = await asyncpg.connect(pair[0].url)
    reading = Database(primary.engine, primary.timeouts, standbys)
    written = 0

    async def read() -> None:
        before = written
        async with reading.transaction(Kind.SNAPSHOT) as tx:
            assert await tx.driver.fetchval("SELECT count(*) FROM numbers") >= before
        before = written
        assert (await reading.row("SELECT count(*) FROM numbers"))[0] >= before

    for _ in range(100):
        await other.execute("INSERT INTO numbers VALUES (1)")
        written += 1
        await asyncio.gather(read(), read(), read())
    await other.close()
    assert standbys.in_use == 1


async def test_what_was_committed_before_as_of_is_in_the_answer(primary: Database, standbys: HotStandbys) -> None:
    reading = Database(primary.engine, primary.timeouts, standbys)
    for _ in range(20):
        await primary.row("INSERT INTO numbers VALUES (2) RETURNING n")
        committed_at = (await primary.row("SELECT clock_timestamp()"))[0]
        async with reading.transaction(Kind.SNAPSHOT) as tx:
            assert await tx.as_of() >= committed_at


async def test_a_standby_that_is_too_late_is_left_out_and_comes_back(
    pair: tuple[Server, Server], primary: Database, standbys: HotStandbys
) -> None:
    reading = Database(primary.engine, primary.timeouts, standbys)
    await asyncio.to_thread(run_sql, pair[1].url, "SELECT pg_wal_replay_pause()")
    try:
        before = (await primary.row("INSERT INTO numbers VALUES (3) RETURNING (SELECT count(*) FROM numbers)"))[0]
        async with reading.transaction(Kind.SNAPSHOT) as tx:
            assert not await tx.driver.fetchval(WHERE)
            assert await tx.driver.fetchval("SELECT count(*) FROM numbers") == before + 1
        assert standbys.in_use == 0
    finally:
        await asyncio.to_thread(run_sql, pair[1].url, "SELECT pg_wal_replay_resume()")
    await until_in_use(standbys, 1)
    assert await is_standby(reading)


async def test_a_standby_that_does_not_show_the_primarys_life_is_left_out(
    primary: Database, unwatched: HotStandbys
) -> None:
    """As one of another primary, which may be further by its own count."""
    reading = Database(primary.engine, primary.timeouts, unwatched)
    async with watched(unwatched):
        assert await is_standby(reading)
    async with primary.transaction(Kind.WRITE) as tx:
        await tx.driver.execute("UPDATE primary_lives SET began_at = began_at - interval '1 day'")
    assert not await is_standby(reading)
    assert unwatched.in_use == 0
    # It was this primary's after all, whose row was lost: the row is written again.
    async with watched(unwatched):
        assert await is_standby(reading)


async def test_a_read_in_the_way_of_replay_can_be_asked_of_the_primary(
    primary: Database, standbys: HotStandbys
) -> None:
    reading = Database(primary.engine, primary.timeouts, standbys)
    await primary.row("INSERT INTO numbers VALUES (4) RETURNING n")

    async def read_long() -> None:
        async with reading.transaction(Kind.SNAPSHOT) as tx:
            assert await tx.driver.fetchval(WHERE)
            await tx.driver.fetch("SELECT * FROM numbers")
            async with primary.engine.connect() as connection:
                await connection.exec_driver_sql("DELETE FROM numbers")
                await connection.exec_driver_sql("VACUUM numbers")
            for _ in range(100):
                await tx.driver.fetch("SELECT * FROM numbers")
                await asyncio.sleep(0.05)

    with pytest.raises(StandbyLost):
        await read_long()
    # The standby itself is well, even if it ended the connection.
    await until_in_use(standbys, 1)


async def test_a_statement_that_takes_too_long_is_no_fault_of_the_standby(
    primary: Database, standbys: HotStandbys
) -> None:
    reading = Database(primary.engine, primary.timeouts, standbys)

    async def read_too_long() -> None:
        async with reading.transaction(Kind.READ) as tx:
            await tx.driver.execute("SET LOCAL statement_timeout = 100")
            await tx.driver.execute("SELECT pg_sleep(5)")

    with pytest.raises(Unavailable) as caught:
        await read_too_long()
    assert not isinstance(caught.value, StandbyLost)
    assert standbys.in_use == 1


async def test_where_all_connections_are_in_use_the_primary_answers(primary: Database, standbys: HotStandbys) -> None:
    reading = Database(primary.engine, primary.timeouts, standbys)
    async with reading.transaction(Kind.READ), reading.transaction(Kind.READ):
        assert not await is_standby(reading)
    assert await is_standby(reading)
    assert standbys.in_use == 1
