"""API keys: 256 random bits, stored as their SHA-256 alone. The tenant of a request is its key's and nothing else."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from ..domain.keys import TenantId
from ..domain.shards import FIRST
from ..domain.values import is_clean
from ..errors import Conflict, NotFound, invalid
from ..store.session import Database, Kind, Transaction
from ..store.tables import api_keys, tenants

PREFIX = "sps_"
DEFAULT_TENANT = "default"

Scope: TypeAlias = Literal["all", "ingest", "read"]
SCOPES: tuple[Scope, ...] = ("all", "ingest", "read")

_MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class Placing:
    """Where a new tenant is to live: in `shard`, else in that one of `shards` that has the fewest tenants."""

    shards: tuple[str, ...] = (FIRST,)
    shard: str | None = None


ALL_IN_FIRST = Placing()


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """Whose key it is and what it may do."""

    tenant_id: TenantId
    key_id: int
    scope: Scope
    shard: str = FIRST


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key as `keys list` shows it; times are microseconds since 1970."""

    id: int
    tenant: str
    name: str
    scope: Scope
    created_at: int
    revoked_at: int | None


async def create(
    database: Database,
    name: str,
    tenant: str = DEFAULT_TENANT,
    scope: Scope = "all",
    placing: Placing = ALL_IN_FIRST,
) -> str:
    """Make a key, and its tenant where there is none; the answer is the only time that the key is seen.

    Raises `InvalidInput`, `Conflict` where the tenant lives in another shard than it is to, and `Unavailable`.
    """
    plain = generate()
    await ensure(database, plain, tenant, name, scope, placing)
    return plain


def generate() -> str:
    """A new random key, stored nowhere."""
    return PREFIX + secrets.token_urlsafe(32)


async def ensure(
    database: Database,
    plain: str,
    tenant: str = DEFAULT_TENANT,
    name: str = "default",
    scope: Scope = "all",
    placing: Placing = ALL_IN_FIRST,
) -> None:
    """Make `plain` a key of `tenant`. One that exists stays as it is, revoked where it was.

    Raises `InvalidInput`, `Conflict` where the tenant lives in another shard than it is to, and `Unavailable`.
    """
    for what, text in (("name", name), ("tenant", tenant)):
        if not 0 < len(text) <= _MAX_NAME or not is_clean(text) or not text.isprintable():
            raise invalid(f"must be 1 to {_MAX_NAME} printable characters", what)
    async with database.transaction(Kind.WRITE) as tx:
        row = insert(api_keys).values(
            tenant_id=await _ensure_tenant(tx, tenant, placing), name=name, hash=digest(plain), scope=scope
        )
        await tx.connection.execute(row.on_conflict_do_nothing())


async def _ensure_tenant(tx: Transaction, name: str, placing: Placing) -> TenantId:
    tenant = tenants.c
    by_name = select(tenant.id, tenant.shard).where(tenant.name == name)
    if (row := (await tx.connection.execute(by_name)).one_or_none()) is None:
        shard = placing.shard or await _least_full(tx, placing.shards)
        await tx.connection.execute(insert(tenants).values(name=name, shard=shard).on_conflict_do_nothing())
        row = (await tx.connection.execute(by_name)).one()
    if placing.shard not in (None, row.shard):
        raise Conflict(f"Tenant {name} lives in shard {row.shard}")
    return TenantId(row.id)


async def _least_full(tx: Transaction, names: Sequence[str]) -> str:
    """The shard with the fewest tenants, of several the first."""
    counted = await tx.connection.execute(select(tenants.c.shard, func.count()).group_by(tenants.c.shard))
    counts: dict[str, int] = {row[0]: row[1] for row in counted}
    return min(names, key=lambda name: counts.get(name, 0))


async def ensure_tenant(database: Database, name: str, placing: Placing = ALL_IN_FIRST) -> TenantId:
    """The tenant of this name, made if there is none."""
    async with database.transaction(Kind.WRITE) as tx:
        return await _ensure_tenant(tx, name, placing)


async def list_keys(database: Database) -> Sequence[ListedKey]:
    """All keys, revoked ones too, in the order of their making. Raises `Unavailable`."""
    key = api_keys.c
    statement = select(key.id, tenants.c.name, key.name, key.scope, key.created_at, key.revoked_at)
    async with database.transaction(Kind.READ) as tx:
        rows = await tx.connection.execute(statement.join(tenants, tenants.c.id == key.tenant_id).order_by(key.id))
        return [ListedKey(*row) for row in rows]


async def revoke(database: Database, key_id: int) -> None:
    """Stop a key; revoking it again changes nothing. Raises `NotFound` and `Unavailable`."""
    if not 0 < key_id < 2**31:
        raise NotFound(f"There is no key {key_id}")
    stopped = func.coalesce(api_keys.c.revoked_at, func.now())
    async with database.transaction(Kind.WRITE) as tx:
        done = await tx.connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(revoked_at=stopped))
        if done.rowcount == 0:
            raise NotFound(f"There is no key {key_id}")


async def find(database: Database, plain: str) -> KeyInfo | None:
    """Whose key `plain` is; `None` where it is unknown or revoked. Raises `Unavailable`."""
    presented = digest(plain)
    key = api_keys.c
    of_key = key.hash == presented, key.revoked_at.is_(None)
    statement = select(key.hash, key.tenant_id, key.id, key.scope, tenants.c.shard)
    statement = statement.join(tenants, tenants.c.id == key.tenant_id).where(*of_key)
    async with database.transaction(Kind.READ) as tx:
        row = (await tx.connection.execute(statement)).one_or_none()
    # The index compares hashes byte by byte; the time of this look-up does not reveal how many were right.
    if row is None or not hmac.compare_digest(bytes(row.hash), presented):
        return None
    return KeyInfo(row.tenant_id, row.id, row.scope, row.shard)


def digest(plain: str) -> bytes:
    """What is stored of a key. One round suffices: 256 random bits cannot be guessed."""
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()
