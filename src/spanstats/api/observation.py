"""Around every request: its id, its metrics and its line in the access log. Nothing of its content or key is noted."""

import logging
import os
import re
import time
from contextvars import ContextVar
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..dialects.batch import Batch
from ..metrics import REQUEST_SECONDS, REQUESTS, ingested, rejected

REQUEST_ID: ContextVar[str | None] = ContextVar("spanstats_request_id", default=None)
"""The id of the request that this task serves."""

HEADER = "x-request-id"

logger = logging.getLogger("spanstats.access")

_HEADER = HEADER.encode()
_TRACEPARENT = b"traceparent"
# What else clients call their requests is not let into logs.
_ACCEPTED = re.compile(rb"[A-Za-z0-9_.:/+=@-]{1,128}")
# https://www.w3.org/TR/trace-context/: version, trace id, parent id, flags; an id of zeros is none.
_TRACE = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNMATCHED = "unmatched"
_DISCONNECTED = 499

_Seen = tuple[Any, Any]


class Observation:
    """An ASGI middleware; the outermost, so that what the others do is measured too."""

    def __init__(self, app: ASGIApp, access_log: bool = False) -> None:
        self._app = app
        self._access_log = access_log
        self._seen: dict[tuple[str, str, int], _Seen] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope["headers"])
        REQUEST_ID.set(request_id)
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (_HEADER, request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            status = status or 500
            raise
        finally:
            self._note(scope, status or _DISCONNECTED, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", _UNMATCHED)
        pair = self._seen.get((method, route, status))
        if pair is None:
            counters = REQUESTS.labels(method, route, status), REQUEST_SECONDS.labels(method, route)
            pair = self._seen[method, route, status] = counters
        requests, duration = pair
        requests.inc()
        duration.observe(seconds)
        if self._access_log:
            _log(scope, method, route, status, seconds)


def note_batch(dialect: str, batch: Batch) -> None:
    """The good spans of this batch are committed, the others were left out."""
    ingested(dialect, len(batch.spans))
    for _, problem in batch.rejected:
        rejected(problem.code)


def _log(scope: Scope, method: str, route: str, status: int, seconds: float) -> None:
    caller = scope.get("state", {}).get("caller")
    fields = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 3)}
    if caller is not None:
        fields["tenant_id"] = caller.tenant_id
    line = " ".join(f"{name}={value}" for name, value in fields.items())
    logger.info("%s", line, extra={"fields": fields})


def _request_id(headers: list[tuple[bytes, bytes]]) -> str:
    """What the client calls its request, else its trace, else a new id."""
    request_id = trace_id = None
    for name, value in headers:
        if name == _HEADER and _ACCEPTED.fullmatch(value):
            request_id = value
        elif name == _TRACEPARENT and (match := _TRACE.fullmatch(value)):
            trace_id = match[1]
    chosen = request_id or trace_id
    return chosen.decode() if chosen is not None else os.urandom(16).hex()
