"""A filter bound for a tenant: its evaluators are looked up, and the database compiles its regular expressions."""

from ..domain.keys import TenantId
from ..filters.bind import Limits, bind
from ..filters.fields import FieldTable
from ..filters.patterns import check_patterns
from ..filters.predicate import Bound, Group, evaluators
from ..store.session import Database
from .evaluators import find_keys


async def bind_filter(database: Database, tenant_id: TenantId, tree: Group, table: FieldTable, limits: Limits) -> Bound:
    """The filter over the fields of the table.

    Raises `InvalidInput` with problems that are located from the root of the request on, and `Unavailable`.
    """
    bound = bind(tree, table, await find_keys(database, tenant_id, evaluators(tree)), limits)
    await check_patterns(database, bound)
    return bound
