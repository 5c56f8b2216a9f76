"""What evaluators are called: their ids, slugs and names by evaluator key."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..domain.keys import TenantId
from ..store.session import Transaction


class Evaluator(msgspec.Struct, frozen=True):
    """What an evaluator is called; any of it may be unknown."""

    id: str | None = None
    slug: str | None = None
    name: str | None = None
    value_type: str = "numerical"


def evaluators_sql(tenant: str, of_keys: str) -> str:
    """A query for one JSON object, which `evaluators` reads. `tenant` and `of_keys` are SQL: an id, a condition."""
    values = ", ".join(f"'{name}', {name}" for name in Evaluator.__struct_fields__)
    return f"""
SELECT jsonb_object_agg(key, jsonb_build_object({values})) FROM evaluators WHERE tenant_id = {tenant} AND key {of_keys}
"""


_EVALUATORS = evaluators_sql("$1", "= ANY($2::text[])")


def evaluators(rows: Mapping[str, Any] | None) -> dict[str, Evaluator]:
    """The evaluators by key, as the query gives them."""
    return {key: Evaluator(**values) for key, values in (rows or {}).items()}


async def evaluators_of(tx: Transaction, tenant_id: TenantId, keys: list[str]) -> dict[str, Evaluator]:
    """What the tenant's evaluators of these keys are called, by key."""
    return evaluators(await tx.driver.fetchval(_EVALUATORS, tenant_id, keys)) if keys else {}
