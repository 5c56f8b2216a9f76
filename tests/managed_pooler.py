"""A pooler as providers run it: it refuses more than PgBouncer does.

Startup parameters, named prepared statements and what changes or clears a session are each refused by some of
Supavisor, Neon's pooler, Odyssey and RDS Proxy. It speaks as much of PostgreSQL's protocol as that needs:
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import asyncio
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy.engine import make_url

TAKEN = frozenset({"user", "database", "application_name", "client_encoding"})
_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
_REFUSED_WORDS = ("DISCARD ", "RESET ALL", "LISTEN ", "PREPARE ")


@dataclass
class Ending:
    """One server connection, ready for a query."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@dataclass
class ManagedPooler:
    """Lends one of a few servers to a client, for a transaction or for as long as the client stays."""

    database_url: str
    is_short: bool
    servers: int = 3
    refused: list[str] = field(default_factory=list)
    """What clients sent that such a pooler does not take."""
    port: int = 0
    _free: "asyncio.Queue[Ending]" = field(default_factory=asyncio.Queue)
    _connected: int = 0

    @property
    def url(self) -> str:
        address = make_url(self.database_url)
        return f"postgresql://{address.username}@127.0.0.1:{self.port}/{address.database}"

    async def listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Client(self, reader, writer).serve()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def take(self) -> Ending:
        if self.is_short and (not self._free.empty() or self._connected >= self.servers):
            return await self._free.get()
        self._connected += 1
        return await self._connect()

    def give_back(self, server: Ending) -> None:
        self._free.put_nowait(server)

    async def end(self) -> None:
        """Leave the servers that no client has."""
        while not self._free.empty():
            self.leave(self._free.get_nowait())

    def leave(self, server: Ending) -> None:
        """Its client is gone in the middle of something, or for good."""
        self._connected -= 1
        server.writer.close()

    async def _connect(self) -> Ending:
        address = make_url(self.database_url)
        host, port = address.query.get("host", address.host), address.port or 5432
        if isinstance(host, str) and host.startswith("/"):
            reader, writer = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            reader, writer = await asyncio.open_connection(str(host), port)
        pairs = {"user": address.username or "postgres", "database": address.database or "postgres"}
        body = b"".join(f"{key}\0{value}\0".encode() for key, value in pairs.items()) + b"\0"
        writer.write(struct.pack("!ii", len(body) + 8, 196608) + body)
        while (await _message(reader))[0] != b"Z":
            pass
        return Ending(reader, writer)


@dataclass
class _Client:
    pooler: ManagedPooler
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: Ending | None = None
    waiting: int = 0
    """Answers that the server still owes."""

    async def serve(self) -> None:
        if not await self._starts():
            return
        back: asyncio.Task[None] | None = None
        try:
            while (message := await _message(self.reader))[0] != b"X":
                if (why := _refusal(message, is_short=self.pooler.is_short)) is not None:
                    await self._refuse(why, message[0])
                    continue
                if self.server is None:
                    self.server = await self.pooler.take()
                    back = asyncio.create_task(self._answers(self.server))
                self.waiting += message[0] in (b"Q", b"S")
                self.server.writer.write(_encoded(*message))
        finally:
            if back is not None and self.server is not None:
                back.cancel()
                self.pooler.leave(self.server)

    async def _starts(self) -> bool:
        """Whether the client's first words are taken."""
        while True:
            length, code = struct.unpack("!ii", await self.reader.readexactly(8))
            body = await self.reader.readexactly(length - 8)
            if code not in (_SSL, _GSS):
                break
            self.writer.write(b"N")
        if code == _CANCEL:
            return False
        words = body.decode().split("\0")
        odd = sorted(set(words[0:-2:2]) - TAKEN)
        if odd:
            self.pooler.refused.append(f"startup parameter {odd[0]}")
            self.writer.write(_error("08P01", f"unsupported startup parameter: {odd[0]}"))
            return False
        parameters = {"server_version": "15.0", "client_encoding": "UTF8", "integer_datetimes": "on", "TimeZone": "UTC"}
        self.writer.write(_encoded(b"R", struct.pack("!i", 0)))
        for name, value in (parameters | {"standard_conforming_strings": "on"}).items():
            self.writer.write(_encoded(b"S", f"{name}\0{value}\0".encode()))
        self.writer.write(_encoded(b"K", struct.pack("!ii", 4242, 4242)) + _READY)
        return True

    async def _answers(self, server: Ending) -> None:
        """Carry what the server says; after its transaction it is another client's."""
        while True:
            message = await _message(server.reader)
            self.writer.write(_encoded(*message))
            self.waiting -= message[0] == b"Z"
            if self.pooler.is_short and message == (b"Z", b"I") and not self.waiting:
                self.server = None
                self.pooler.give_back(server)
                return

    async def _refuse(self, why: str, kind: bytes) -> None:
        """After an error, what was sent along with the statement is passed over."""
        self.pooler.refused.append(why)
        self.writer.write(_error("0A000", f"{why} is not supported by this pooler"))
        while kind == b"P" and (await _message(self.reader))[0] != b"S":
            pass
        self.writer.write(_READY)


def _refusal(message: tuple[bytes, bytes], *, is_short: bool) -> str | None:
    kind, body = message
    if is_short and kind == b"P" and body.split(b"\0")[0]:
        return "a named prepared statement"
    text = body.split(b"\0")[0 if kind == b"Q" else 1].decode().upper() if kind in (b"Q", b"P") else ""
    return next((f"{word.strip()}" for word in _REFUSED_WORDS if text.lstrip().startswith(word)), None)


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!ci", await reader.readexactly(5))
    return kind, await reader.readexactly(length - 4)


def _encoded(kind: bytes, body: bytes) -> bytes:
    return struct.pack("!ci", kind, len(body) + 4) + body


_READY = _encoded(b"Z", b"I")


def _error(code: str, text: str) -> bytes:
    return _encoded(b"E", f"SFATAL\0VFATAL\0C{code}\0M{text}\0\0".encode())


@contextmanager
def managed(database_url: str, *, is_short: bool) -> Iterator[ManagedPooler]:
    """A pooler in a thread of its own."""
    pooler = ManagedPooler(database_url, is_short)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(pooler.listen(), loop).result(10)
    try:
        yield pooler
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(pooler.end(), loop).result(10)
        asyncio.run_coroutine_threadsafe(_end_all(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # Transports close in the next turn of the loop.
    await asyncio.sleep(0)
