"""Fences keep a tenant's requests out of a database while the tenant moves to another shard, and ever after.

A row in `tenant_fences` forbids writes (`closed`), or reads and writes (`gone`). A transaction of a tenant begins with
a look at it. Writers hold a lock while they look and until they end, and a process that sets a fence waits for that
lock. So once a fence is set, no writer is left who did not see it.

Fences are used only if there are several shards.
"""

from collections.abc import Iterable

import asyncpg

from ..domain.keys import TenantId

_LOCK = "hashtextextended('spanstats writers of ' || {tenant} || ' in ' || current_schema(), 0)"
_LOOK = "SELECT 1 / (CASE WHEN EXISTS (SELECT 1 FROM tenant_fences WHERE {fenced}) THEN 0 ELSE 1 END)"

LOCK_OUT = f"SELECT pg_advisory_xact_lock({_LOCK.format(tenant='$1::int')})"
"""Waits for the tenant's writers, and holds up others until the transaction ends."""

FENCED = asyncpg.DivisionByZeroError
"""What looks fail with at a fence: they begin a transaction, together with others, and answer no rows."""


def look_to_write(tenants: Iterable[TenantId]) -> str:
    """The statements, without parameters, that a transaction which writes for these tenants begins with."""
    ids = sorted({int(tenant) for tenant in tenants})
    locks = ", ".join(f"pg_advisory_xact_lock_shared({_LOCK.format(tenant=number)})" for number in ids)
    listed = ", ".join(map(str, ids))
    return f"SELECT {locks}; {_LOOK.format(fenced=f'tenant_id IN ({listed})')}"


def look_to_read(tenant: TenantId) -> str:
    """The same of one that reads: it sees the fence in the snapshot in which it reads."""
    return _LOOK.format(fenced=f"tenant_id = {int(tenant)} AND fence = 'gone'")
