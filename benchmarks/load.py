"""A load generator that costs little itself: raw HTTP/1.1 on kept-alive loopback connections."""

import asyncio
import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it goes over the wire."""

    wire: bytes

    @classmethod
    def make(cls, method: str, path: str, key: str, body: bytes = b"", kind: str = "application/json") -> "Request":
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nx-api-key: {key}\r\nAuthorization: Bearer {key}\r\n"
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        return cls(head.encode() + body)


@dataclass(slots=True)
class Result:
    """Latencies in seconds, of the whole answer and of its first byte; `bytes` is what was answered in all."""

    elapsed_s: float = 0
    latencies: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    bytes: int = 0

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.elapsed_s

    @property
    def p50_ms(self) -> float:
        return statistics.median(self.latencies) * 1000

    @property
    def p99_ms(self) -> float:
        return sorted(self.latencies)[int(len(self.latencies) * 0.99)] * 1000


async def run(port: int, requests: Iterable[Request], concurrency: int) -> Result:
    """Send all requests over so many connections at once. Raises `RuntimeError` on an answer that is no 2xx."""
    result, pending = Result(), iter(requests)
    began = time.perf_counter()
    await asyncio.gather(*(_connection(port, pending, result) for _ in range(concurrency)))
    result.elapsed_s = time.perf_counter() - began
    return result


async def _connection(port: int, pending: Iterator[Request], result: Result) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    for request in pending:
        began = time.perf_counter()
        writer.write(request.wire)
        head = await reader.readuntil(b"\r\n\r\n")
        result.first_bytes.append(time.perf_counter() - began)
        result.bytes += await _body(reader, head.lower())
        result.latencies.append(time.perf_counter() - began)
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(head.split(b"\r\n")[0].decode())
    writer.close()


async def _body(reader: asyncio.StreamReader, head: bytes) -> int:
    if b"transfer-encoding: chunked" not in head:
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        return length
    total = 0
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
        total += size
    await reader.readline()
    return total
