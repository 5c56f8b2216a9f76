"""PostgreSQL asks for a transaction to be repeated (40001, 40P01): done inside, an outage only where it never ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.span import Score, Span
from spanstats.domain.standalone import StandaloneScore
from spanstats.errors import Unavailable
from spanstats.store.repeating import ATTEMPTS

from .worlds import START, TENANT, assert_traces_equal_their_spans, committer, rows, stored_traces

pytestmark = pytest.mark.anyio

# A sequence keeps its count when the transaction is rolled back.
FAILING = """
CREATE SEQUENCE tries;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') <= {times} THEN
        RAISE EXCEPTION 'try again' USING ERRCODE = '{code}';
    END IF;
    RETURN NULL;
END $$;
CREATE {deferred} TRIGGER failing AFTER INSERT ON {table} {timing} EXECUTE FUNCTION fail();
"""
AT_COMMIT = {"deferred": "CONSTRAINT", "timing": "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"}
AT_ONCE = {"deferred": "", "timing": "FOR EACH STATEMENT"}
FOR_EVER = 2**40


@asynccontextmanager
async def failing(engine: AsyncEngine, times: int, code: str = "40001", table: str = "spans", **when: str) -> Any:
    """So many statements that insert into the table, or commits after one, fail with this SQLSTATE."""
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.execute(FAILING.format(times=times, code=code, table=table, **(when or AT_ONCE)))
        try:
            yield lambda: driver.fetchval("SELECT last_value FROM tries")
        finally:
            await driver.execute(f"DROP TRIGGER failing ON {table}; DROP FUNCTION fail; DROP SEQUENCE tries")


def spans(trace: str, count: int = 3) -> list[Span]:
    return [
        Span(trace_id=trace, span_id=f"{trace}-{n}", start_us=START, end_us=START + 1, cost_pd=n) for n in range(count)
    ]


@pytest.fixture
async def kept(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Whatever a test does: traces equal their spans."""
    yield engine
    await assert_traces_equal_their_spans(engine)


@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("when", [AT_ONCE, AT_COMMIT], ids=["in a statement", "at the commit"])
@pytest.mark.parametrize("times", [1, ATTEMPTS - 1])
async def test_it_is_repeated_inside_until_it_succeeds(
    kept: AsyncEngine, times: int, when: dict[str, str], code: str
) -> None:
    async with committer(kept) as writer, failing(kept, times, code, **when) as tries:
        await writer.submit(TENANT, spans("t", 1))
        assert await tries() == times + 1
    assert (await stored_traces(kept))["t"]["n_spans"] == 1


async def test_requests_that_shared_a_commit_are_repeated_one_by_one(kept: AsyncEngine) -> None:
    async with committer(kept) as writer, failing(kept, ATTEMPTS + 1) as tries:
        await asyncio.gather(*(writer.submit(TENANT, spans(f"t{n}")) for n in range(4)))
        # All together five times, the first alone twice, the others alone once.
        assert await tries() == ATTEMPTS + 2 + 3
    assert {t["n_spans"] for t in (await stored_traces(kept)).values()} == {3}
    assert len(await rows(kept, "SELECT FROM spans")) == 12


async def test_patches_and_scores_are_repeated_too(kept: AsyncEngine) -> None:
    score = StandaloneScore(id="id", log_id="t", score=Score("quality", 0.5, source="api"))
    async with committer(kept) as writer:
        await writer.submit(TENANT, [Span(trace_id="t", span_id="t", by_span_id=True, start_us=START, end_us=START)])
        async with failing(kept, ATTEMPTS - 1, table="patches"):
            await writer.override(TENANT, "t", {"cost_pd": 7})
        async with failing(kept, ATTEMPTS - 1, table="scores"):
            await writer.score(TENANT, score)
    [trace] = (await stored_traces(kept)).values()
    assert (trace["cost_pd"], trace["score_values"]) == (7, [500_000_000])


async def test_where_it_never_ends_it_is_an_outage_that_leaves_nothing(kept: AsyncEngine) -> None:
    async with committer(kept) as writer:
        async with failing(kept, FOR_EVER) as tries:
            with pytest.raises(Unavailable, match="busy") as refused:
                await writer.submit(TENANT, spans("t"))
            assert refused.value.retry_after_s >= 1
            assert await tries() == ATTEMPTS
            assert await stored_traces(kept) == {}
        await writer.submit(TENANT, spans("t"))
    assert (await stored_traces(kept))["t"]["n_spans"] == 3
