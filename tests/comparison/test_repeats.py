"""Whether items have several traces is found without a look at all of them."""

from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.comparison.repeats import first_keys
from spanstats.domain.keys import ExperimentKey
from spanstats.store.session import Database, Kind
from tests.stats.test_plans import fill, nodes, pytestmark, rows_read

__all__ = ["fill", "pytestmark"]


async def test_traces_without_a_key_are_not_read(filled: AsyncEngine) -> None:
    async with Database(filled).transaction(Kind.SNAPSHOT) as tx:
        sql, values = tx._compiled(first_keys(ExperimentKey(1)))
        plan = await nodes(tx.driver, sql, *values)
    assert rows_read(plan, "traces") == 0
    assert sum(node.get("Rows Removed by Filter", 0) for node in plan) == 0
