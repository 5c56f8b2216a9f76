"""What the embedded PostgreSQL writes into its own log when statements fail: that something happened, never of what."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest

from spanstats.store.embedded import EmbeddedServer

from .leaks import CANARY, assert_nothing_leaked

pytestmark = pytest.mark.anyio

Connection: TypeAlias = Any  # asyncpg has no types
Connect = Callable[[], Awaitable[Connection]]

TABLES = "CREATE TABLE held (name text PRIMARY KEY, n int); INSERT INTO held VALUES ('a', 1), ('b', 1)"
FAILING = [
    ("INSERT INTO held SELECT $1 FROM generate_series(1, 2)", (CANARY,)),
    ("SELECT $1::text::int", (CANARY,)),
    ("SELECT $1::text::jsonb", (f'{{"question": "{CANARY}" nonsense',)),
    ("SELECT * FROM jsonb_to_recordset($1::text::jsonb) AS t(n int)", (f'[{{"n": "{CANARY}"}}]',)),
    ("SELECT $1::text::timestamptz", (CANARY,)),
    (f"SELECT '{CANARY}' nonsense nonsense", ()),
    (f"DO $$ BEGIN RAISE EXCEPTION '{CANARY}' USING DETAIL = '{CANARY}', HINT = '{CANARY}'; END $$", ()),
    ("INSERT INTO held SELECT string_agg(md5($1 || n), ''), 1 FROM generate_series(1, 1000) AS n", (CANARY,)),
    ("SELECT pg_sleep(30), $1::text", (CANARY,)),
]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    embedded = EmbeddedServer(tmp_path / "data", settings={"fsync": "off", "shared_buffers": "32MB"})
    await asyncio.to_thread(embedded.start)
    yield embedded
    await asyncio.to_thread(embedded.stop)


@pytest.fixture
async def connect(server: EmbeddedServer) -> AsyncIterator[Connect]:
    connections: list[Connection] = []

    async def begin() -> Connection:
        impatient = {"statement_timeout": "2s", "deadlock_timeout": "10ms"}
        connections.append(await asyncpg.connect(server.url().replace("+asyncpg", ""), server_settings=impatient))
        return connections[-1]

    yield begin
    for connection in connections:
        connection.terminate()


async def logged(server: EmbeddedServer, *lines: str) -> str:
    """All that the server has written, once these are in it."""
    async with asyncio.timeout(60):
        while True:
            text = "".join(file.read_text() for file in sorted(server.directory.rglob("*.log")))
            if all(line in text for line in lines):
                return text
            await asyncio.sleep(0.05)


async def test_failed_cancelled_and_killed_statements_leave_nothing_of_themselves(
    server: EmbeddedServer, connect: Connect
) -> None:
    connection = await connect()
    await connection.execute(TABLES)
    for statement, values in FAILING:
        with pytest.raises(asyncpg.PostgresError):
            await connection.fetch(statement, *values)
    await connection.execute(f"DO $$ BEGIN RAISE WARNING '{CANARY}'; END $$")
    await _deadlock(connect)
    [victim] = await connection.fetch("SELECT pg_backend_pid() AS pid")
    other = await connect()
    await other.execute("SELECT pg_terminate_backend($1::int)", victim["pid"])
    # What an operator needs is there all the same.
    lines = "database system is ready to accept connections", "terminating connection due to administrator command"
    assert_nothing_leaked(await logged(server, *lines))


async def test_a_killed_backend_is_told_of_without_what_it_was_doing(server: EmbeddedServer, connect: Connect) -> None:
    connection = await connect()
    await connection.execute("SET statement_timeout = 0")
    [victim] = await connection.fetch("SELECT pg_backend_pid() AS pid")
    sleeping = asyncio.create_task(connection.execute(f"SELECT pg_sleep(30) /* {CANARY} */"))
    await asyncio.sleep(0.2)
    os.kill(victim["pid"], signal.SIGKILL)
    with suppress(asyncpg.PostgresError, OSError):
        await sleeping
    await _back(connect)
    assert_nothing_leaked(await logged(server, "was terminated by signal 9"))


async def _back(connect: Connect) -> None:
    async with asyncio.timeout(60):
        while True:
            with suppress(asyncpg.PostgresError, OSError):
                await connect()
                return
            await asyncio.sleep(0.1)


async def _deadlock(connect: Connect) -> None:
    one, two = await connect(), await connect()
    for connection, first in ((one, "a"), (two, "b")):
        await connection.execute(f"BEGIN; UPDATE held SET n = 2 WHERE name = '{first}'")
    results = await asyncio.gather(
        one.execute(f"UPDATE held SET n = 3 WHERE name = 'b' /* {CANARY} */"),
        two.execute(f"UPDATE held SET n = 3 WHERE name = 'a' /* {CANARY} */"),
        return_exceptions=True,
    )
    assert asyncpg.DeadlockDetectedError in map(type, results)
