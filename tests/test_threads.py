"""The thread for long work does one thing after the other, and only so much may wait for it."""

import asyncio
import threading
from contextlib import closing

import pytest

from spanstats.errors import Unavailable
from spanstats.threads import BoundedThread

pytestmark = pytest.mark.anyio


async def test_work_is_done_in_one_other_thread() -> None:
    with closing(BoundedThread("test")) as thread:
        first, second = [await thread.run(threading.current_thread, 1) for _ in range(2)]
    assert first is second is not threading.current_thread()


async def test_what_waits_is_bounded_and_the_rest_is_refused() -> None:
    go_on = threading.Event()
    with closing(BoundedThread("test", max_bytes=10, wait_s=0.05)) as thread:
        running = [asyncio.create_task(thread.run(go_on.wait, size)) for size in (6, 4)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as refused:
            await thread.run(go_on.wait, 1)
        assert refused.value.retry_after_s == 5
        go_on.set()
        assert await asyncio.gather(*running) == [True, True]
        assert await thread.run(go_on.wait, 1)


async def test_what_finds_room_in_time_is_done() -> None:
    go_on = threading.Event()
    with closing(BoundedThread("test", max_bytes=10, wait_s=30)) as thread:
        tasks = [asyncio.create_task(thread.run(go_on.wait, 10)) for _ in range(3)]
        await asyncio.sleep(0)
        go_on.set()
        assert await asyncio.gather(*tasks) == [True] * 3


async def test_an_idle_thread_takes_what_is_larger_than_all_that_may_wait() -> None:
    with closing(BoundedThread("test", max_bytes=10)) as thread:
        assert await thread.run(lambda: "done", 1_000) == "done"


async def test_work_that_fails_makes_room_too() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with closing(BoundedThread("test", max_bytes=1, wait_s=0.05)) as thread:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await thread.run(fail, 1)
