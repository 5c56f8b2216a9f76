"""A TCP proxy in front of the database that stalls, drops or refuses on command."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy.engine import URL, make_url

T = TypeVar("T")


class Proxy:
    """Runs in a thread of its own, so that it works while a test waits; `url` leads through it to the database."""

    def __init__(self, database_url: str) -> None:
        self._target: URL = make_url(database_url)
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = 0
        self._server = self._run(self._listen())

    @property
    def url(self) -> str:
        through = self._target.set(host="127.0.0.1", port=self.port).difference_update_query(["host"])
        return through.render_as_string(hide_password=False)

    def lead_to(self, database_url: str) -> None:
        """Carry new connections to another server; those that are open stay with the one that they were made to."""
        self._target = make_url(database_url)

    def stall(self) -> None:
        """Take what is sent and connections, and pass nothing on."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def flow(self) -> None:
        """Pass everything on again."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    def drop(self) -> None:
        """Cut all connections; new ones are taken."""
        self._run(self._cut())

    def refuse(self) -> None:
        """Cut all connections and take no new one until `accept`."""
        self._server.close()
        self.drop()

    def accept(self) -> None:
        self._server = self._run(self._listen())

    def close(self) -> None:
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _cut(self) -> None:
        for end in list(self._ends):
            end.transport.abort()
        # Those that wait for the flow would not notice.
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._ends.add(writer)
        ends = [writer]
        try:
            far = await self._reach()
            ends.append(far[1])
            self._ends.add(far[1])
            await asyncio.gather(self._pump(reader, far[1]), self._pump(far[0], writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in ends:
                end.transport.abort()
                self._ends.discard(end)
            self._tasks.discard(task)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        directory = self._target.query.get("host")
        if directory:
            return await asyncio.open_unix_connection(f"{directory}/.s.PGSQL.5432")
        return await asyncio.open_connection(self._target.host, self._target.port or 5432)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self._flowing.wait()
            sink.write(data)
            await sink.drain()
        sink.transport.abort()


@contextmanager
def proxy_to(database_url: str) -> Iterator[Proxy]:
    proxy = Proxy(database_url)
    try:
        yield proxy
    finally:
        proxy.close()
