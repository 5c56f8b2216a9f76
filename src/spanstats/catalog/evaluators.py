"""Evaluators by any name that a client knows: key, id, slug or name."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import any_, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from ..domain.keys import TenantId
from ..domain.values import is_clean
from ..store.session import Database, Kind
from ..store.tables import ByBytes, evaluators


async def find_keys(database: Database, tenant_id: TenantId, names: Collection[str]) -> dict[str, frozenset[str]]:
    """The keys of the evaluators that have each name, as key, id, slug or name; names that none has are left out.

    Raises `Unavailable`.
    """
    storable = sorted(name for name in names if is_clean(name))
    if not storable:
        return {}
    columns = evaluators.c.key, evaluators.c.id, evaluators.c.slug, evaluators.c.name
    one_of_them = any_(literal(storable, ARRAY(ByBytes)))
    statement = select(*columns).where(
        evaluators.c.tenant_id == tenant_id, or_(*(column == one_of_them for column in columns))
    )
    async with database.transaction(Kind.READ) as tx:
        rows = (await tx.connection.execute(statement)).all()
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        for name in {*row} & set(storable):
            by_name[name].add(row.key)
    return {name: frozenset(keys) for name, keys in by_name.items()}
