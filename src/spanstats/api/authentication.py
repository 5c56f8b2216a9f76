"""Who is asking: the API key of a request, and what it may do."""

import asyncio
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import TypeAlias

from starlette.datastructures import Headers

from ..catalog.keys import KeyInfo
from ..errors import Forbidden, Unauthenticated

Caller: TypeAlias = KeyInfo

_AUTHORIZATION = b"authorization"
PAREA_HEADERS = (b"x-api-key", _AUTHORIZATION, b"x-user-id")
RESPAN_HEADERS = (_AUTHORIZATION, b"x-api-key", b"x-user-id")

_SCHEMES = frozenset({"bearer", "api-key"})
_ENCODED = re.compile(r"\s*(bearer|api-key)(%20)+", re.IGNORECASE)
_ENCODED_EXPLAINED = (
    "Authorization has %20 where a blank belongs: this client sends OTEL_EXPORTER_OTLP_HEADERS as it is, so write "
    "Authorization=Bearer KEY with a blank there, or x-api-key=KEY"
)


class Permission(Enum):
    """What a route needs of a key."""

    READ = frozenset({"all", "read"})
    WRITE = frozenset({"all", "ingest"})
    ERASE = frozenset({"all"})
    """Whole traces and experiments; a key that may only ingest can add and change, and lose nothing."""
    ANY = READ | WRITE

    def check(self, caller: Caller) -> None:
        """Raises `Forbidden` where the key's scope does not go so far."""
        if caller.scope not in self.value:
            raise Forbidden(f"This API key may not {'write' if self is Permission.ANY else self.name.lower()}")


def presented_key(headers: Headers, order: Sequence[bytes]) -> str:
    """The key in the first header that is not empty; a bad one there is not made good by another header.

    Raises `Unauthenticated` where there is none, or no one key in it.
    """
    keys: dict[bytes, bytes] = {}
    for name, value in headers.raw:
        if name == _AUTHORIZATION and name in keys:
            raise Unauthenticated("Authorization was sent more than once")
        keys.setdefault(name, value)
    for name in order:
        if value := keys.get(name, b"").strip():
            return _of_authorization(value.decode("latin-1")) if name == _AUTHORIZATION else value.decode("latin-1")
    raise Unauthenticated("An API key is required")


def _of_authorization(value: str) -> str:
    """The key of `Bearer <key>`, `Api-Key <key>` or the bare key."""
    if _ENCODED.match(value):
        raise Unauthenticated(_ENCODED_EXPLAINED)
    scheme, _, key = value.strip().partition(" ")
    key = key.strip()
    if not key:
        return scheme
    if scheme.lower() not in _SCHEMES or " " in key:
        raise Unauthenticated("Authorization must be Bearer and one API key")
    return key


Lookup = Callable[[str], Awaitable[KeyInfo | None]]


class KeyCache:
    """Keys looked up at most once a second each, so that a revoked one stops within a second.

    Unknown keys are remembered as well, but apart: a flood of them displaces no good key. Requests that come while a
    key is being looked up wait for that one look-up.
    """

    def __init__(self, lookup: Lookup, lifetime_s: float = 1.0, max_entries: int = 10_000) -> None:
        self._lookup = lookup
        self._lifetime_s = lifetime_s
        self._max_entries = max_entries
        self._known: dict[bytes, tuple[float, KeyInfo]] = {}
        self._unknown: dict[bytes, tuple[float, None]] = {}
        self._pending: dict[bytes, asyncio.Task[KeyInfo | None]] = {}

    async def find(self, key: str) -> KeyInfo | None:
        """The key's tenant and scope, `None` where it is unknown or revoked. Raises `Unavailable`."""
        digest = hashlib.sha256(key.encode()).digest()
        entry = self._known.get(digest) or self._unknown.get(digest)
        if entry is not None and time.monotonic() < entry[0]:
            return entry[1]
        pending = self._pending.get(digest)
        if pending is None:
            pending = self._pending[digest] = asyncio.ensure_future(self._look_up(digest, key))
        # Shielded: one client that hangs up must not fail the others that wait.
        return await asyncio.shield(pending)

    def forget(self, key: str) -> None:
        """Look the key up again at its next use: what was found of it is no longer so."""
        self._known.pop(hashlib.sha256(key.encode()).digest(), None)

    async def _look_up(self, digest: bytes, key: str) -> KeyInfo | None:
        expires = time.monotonic() + self._lifetime_s
        try:
            key_info = await self._lookup(key)
        finally:
            del self._pending[digest]
        self._known.pop(digest, None)
        self._unknown.pop(digest, None)
        if key_info is None:
            self._unknown[digest] = (expires, None)
            _shrink(self._unknown, self._max_entries)
        else:
            self._known[digest] = (expires, key_info)
            _shrink(self._known, self._max_entries)
        return key_info


def _shrink(entries: dict[bytes, tuple[float, KeyInfo]] | dict[bytes, tuple[float, None]], limit: int) -> None:
    """Forget the oldest; a dict keeps the order in which its keys came."""
    if len(entries) > limit:
        del entries[next(iter(entries))]
