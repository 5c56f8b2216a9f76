"""What background tasks need: to run beside other work, to go on after an outage, to work in one process at a time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager

from ..errors import Unavailable
from .outages import translated
from .session import Database


@asynccontextmanager
async def meanwhile(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs endless work in the background of the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        # Once may not do: a library in between may take a cancellation for its own.
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=1)


@contextmanager
def outlasting(log: logging.Logger, waits: str, fails: str) -> Iterator[None]:
    """Log why the block failed, and raise nothing: the task tries again later.

    `waits` is the message of an outage, with `%s` for its reason; `fails` is the message of any other error.
    """
    try:
        yield
    except Unavailable as error:
        log.warning(waits, error)
    except Exception:
        log.exception(fails)


@asynccontextmanager
async def turn(database: Database, work: str) -> AsyncIterator[bool]:
    """Whether this process may do the work, until the end of the block or of the connection; others may not meanwhile.

    Raises `Unavailable`.
    """
    lock = f"hashtextextended('spanstats {work} in ' || current_schema(), 0)"
    with translated():
        async with database.engine.connect() as connection:
            is_ours = bool((await connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({lock})")).scalar())
            try:
                yield is_ours
            finally:
                if is_ours:
                    await connection.exec_driver_sql(f"SELECT pg_advisory_unlock({lock})")
