"""Columns follow the traces where the database has no triggers, as in a schema that Citus distributes."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.span import Span
from spanstats.domain.window import MINUTE_US
from spanstats.stats.maintenance import mismatches, refresh_rollups
from spanstats.store.session import Database, Kind
from tests.ingest.worlds import START, TENANT, committer, rows
from tests.stats.warming import warm

pytestmark = pytest.mark.anyio

TRIGGERS = """
SELECT c.relname AS table, t.tgname AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace ORDER BY 1
"""


async def write(engine: AsyncEngine, cost_pd: int) -> None:
    """Five traces, a minute apart."""
    starts = [START + n * MINUTE_US for n in range(5)]
    async with committer(engine) as writer:
        await writer.submit(
            TENANT,
            [
                Span(trace_id=f"t{n}", span_id="s", experiment_id="e", start_us=s, end_us=s, cost_pd=cost_pd)
                for n, s in enumerate(starts)
            ],
        )


@pytest.mark.parametrize("are_there", [True, False])
async def test_a_refresh_of_rollups_leaves_one_invalidation_for_each_minute(
    engine: AsyncEngine, *, are_there: bool
) -> None:
    triggers = await rows(engine, TRIGGERS)
    assert [trigger["table"] for trigger in triggers] == ["experiments", "rollup_marks"]
    if not are_there:
        async with Database(engine).transaction(Kind.WRITE) as tx:
            for trigger in triggers:
                await tx.driver.execute(f"DROP TRIGGER {trigger['name']} ON {trigger['table']}")
    for cost_pd in (1, 2):
        await write(engine, cost_pd)
        await refresh_rollups(Database(engine))
        [left] = await rows(engine, "SELECT count(*) AS all, count(DISTINCT minute) AS n FROM column_invalidations")
        assert (left["all"], left["n"]) == (5, 5)
        await warm(engine)
        assert await mismatches(Database(engine)) == []
