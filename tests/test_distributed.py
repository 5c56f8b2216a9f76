"""Statements that Citus refuses are found, whatever they are part of, and only where the program sends them."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.store.session import Database, Kind
from tests.distributed import Refused, refusals

REFUSED = {
    "SELECT 1 FROM a WHERE NOT EXISTS (SELECT FROM b)": "a SELECT of nothing",
    "SELECT count(*) FROM (SELECT FROM b LIMIT 1) x": "a SELECT of nothing",
    "INSERT INTO a SELECT x FROM b": "INSERT ... SELECT from b",
    "INSERT INTO a SELECT x FROM unnest($1::int[]) u JOIN b ON true": "INSERT ... SELECT from b",
    "WITH c AS (SELECT x FROM b) INSERT INTO a SELECT x FROM c": "INSERT ... SELECT from b",
    "WITH d AS (INSERT INTO a SELECT x FROM b RETURNING x) SELECT x FROM d": "INSERT ... SELECT from b",
    "INSERT INTO a VALUES (1) ON CONFLICT (x) DO UPDATE SET y = now()": "now() in ON CONFLICT",
    "INSERT INTO a VALUES (1) ON CONFLICT (x) DO UPDATE SET y = CURRENT_TIMESTAMP": "now() in ON CONFLICT",
    "SELECT array_agg((x, y)) FROM a": "an aggregate of records",
    "CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION f()": "the trigger t",
    "SELECT 1; CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION f()": "the trigger t",
}
TAKEN = (
    "SELECT EXISTS (SELECT 1 FROM b)",
    "INSERT INTO a VALUES (now())",
    "INSERT INTO a VALUES (1) ON CONFLICT (x) DO UPDATE SET y = excluded.y",
    "INSERT INTO a SELECT x FROM unnest($1::int[]) AS u(x)",
    "WITH c AS MATERIALIZED (SELECT x FROM b) INSERT INTO a SELECT * FROM c",
    "WITH c AS (DELETE FROM b RETURNING x) INSERT INTO a SELECT x FROM c",
    "WITH c AS (SELECT x FROM b) SELECT x FROM c WHERE (x, 1) > ($1, $2)",
    "SELECT 1 UNION SELECT 2",
)


@pytest.mark.parametrize(("sql", "reason"), REFUSED.items())
def test_a_refused_form_is_found(sql: str, reason: str) -> None:
    [refusal] = refusals(sql)
    assert refusal.startswith(reason)


@pytest.mark.parametrize("sql", TAKEN)
def test_a_form_that_is_taken_is_not_refused(sql: str) -> None:
    assert refusals(sql) == []


@pytest.mark.anyio
async def test_what_the_program_sends_is_looked_at_and_what_a_test_sends_is_not(engine: AsyncEngine) -> None:
    statement = "SELECT EXISTS (SELECT FROM traces)"
    async with Database(engine).transaction(Kind.READ) as tx:
        assert await tx.driver.fetchval(statement) is False
    with pytest.raises(Refused, match="a SELECT of nothing"):
        await Database(engine).row(statement)
