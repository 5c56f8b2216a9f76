"""A screen's requests to the interface, sent through the application itself: same keys, limits and errors."""

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode

import msgspec
from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import Message, Scope


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `path` is percent-encoded; with a `body` it is a POST of JSON, else a GET."""

    path: str
    query: Mapping[str, str | int] | Sequence[tuple[str, str | int]] = ()
    body: Any = None

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def curl(self, base_url: str) -> str:
        """The same request as a command; the key is read from the reader's shell."""
        parts = ["curl", "-H", '"Authorization: Bearer $SPANSTATS_API_KEY"', shlex.quote(base_url + self.target)]
        if self.body is not None:
            parts += ["-H", "'Content-Type: application/json'", "-d", shlex.quote(_visible(_json(self.body).decode()))]
        return " ".join(parts)


class Refused(Exception):
    """The interface answered with an error: its status, what it said, and when to ask again, as HTTP has it."""

    def __init__(
        self,
        call: Call,
        status: int,
        message: str,
        problems: Sequence[Mapping[str, Any]] = (),
        retry_after: str | None = None,
    ) -> None:
        super().__init__(message)
        self.call = call
        self.status = status
        self.message = message
        self.problems = problems
        self.retry_after = retry_after


def path_of(*segments: str) -> str:
    """A percent-encoded path; a slash inside of a segment is encoded too."""
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


async def ask(request: Request, key: str, call: Call) -> Any:
    """The content of the interface's answer. Raises `Refused`."""
    status, headers, body = await _send(
        request, _scope(request, key, call), b"" if call.body is None else _json(call.body)
    )
    try:
        content = msgspec.json.decode(body)
    except msgspec.DecodeError:
        content = None
    if status < 300:
        return content
    described = content if isinstance(content, dict) else {}
    problems = described.get("detail")
    message = str(described.get("error") or "The service gave no answer")
    listed = problems if isinstance(problems, list) else ()
    raise Refused(call, status, message, listed, headers.get("retry-after"))


async def ask_all(request: Request, key: str, *calls: Call) -> list[Any]:
    """The contents of several answers, asked for at once. Raises the first `Refused`."""
    return list(await asyncio.gather(*(ask(request, key, call) for call in calls)))


def _json(content: Any) -> bytes:
    return msgspec.json.encode(content)


def _visible(json_text: str) -> str:
    """The same JSON, in which what is not seen, or turns the direction of what is, has an escape: a terminal gets just
    what the page shows."""
    return "".join(c if c.isprintable() else "".join(f"\\u{unit:04x}" for unit in _units(c)) for c in json_text)


def _units(character: str) -> list[int]:
    encoded = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(encoded[i : i + 2]) for i in range(0, len(encoded), 2)]


def _scope(request: Request, key: str, call: Call) -> Scope:
    query = urlencode(call.query).encode()
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {key}".encode("latin-1", "replace"))]
    if call.body is not None:
        headers.append((b"content-type", b"application/json"))
    return {
        "type": "http",
        "asgi": request.scope["asgi"],
        "http_version": "1.1",
        "method": call.method,
        "scheme": "http",
        "path": unquote(call.path),
        "raw_path": call.path.encode(),
        "query_string": query,
        "headers": headers,
        "client": request.scope.get("client"),
        "server": request.scope.get("server"),
        "state": dict(request.scope["state"]),
        "root_path": "",
    }


async def _send(request: Request, scope: Scope, body: bytes) -> tuple[int, Headers, bytes]:
    status, headers, parts, is_body_sent = 503, Headers(), list[bytes](), False

    async def receive() -> Message:
        nonlocal is_body_sent
        if is_body_sent:
            # The caller stays until the answer is there.
            await asyncio.Event().wait()
        is_body_sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], Headers(raw=message["headers"])
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await request.app(scope, receive, send)
    return status, headers, b"".join(parts)
