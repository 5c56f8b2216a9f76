"""Traces that were stored before usage counted once, counted again: in small steps, from where a run stopped."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.span import Span
from spanstats.ingest import recount
from spanstats.stats.maintenance import mismatches, refresh_rollups
from spanstats.store.session import Database, Kind

from .worlds import START, TENANT, committer, new_tools, rows, stored_traces

pytestmark = pytest.mark.anyio
TRACES = 7

# What the version before would have stored.
_OLD = """
UPDATE spans SET uncounted = 0, usage_once = NULL, response_id = NULL;
UPDATE traces SET prompt_tokens = 400, total_tokens = 400, cost_pd = 400000, n_llm_calls = 3, fold = NULL
"""


def spans(number: int) -> list[Span]:
    """A call that its agent sums up and that another instrumentation tells again, as OpenTelemetry has ids."""

    def made(span_id: int, parent: int | None, kind: str) -> Span:
        return Span(
            trace_id=f"{number:032x}",
            span_id=f"{span_id:016x}",
            parent_id=None if parent is None else f"{parent:016x}",
            usage_once=True,
            kind=kind,
            model="priced",
            prompt_tokens=100,
            response_id="r" if kind == "chat" else None,
            attributes={"response_id": "r"} if kind == "chat" else {},
            experiment_id="exp",
            start_us=START,
            end_us=START + 9,
        )

    return [made(1, None, "agent"), made(2, 1, "chat"), made(3, 1, "chat"), made(4, 3, "llm")]


async def recounted(engine: AsyncEngine, **how: Any) -> list[recount.Recounted]:
    return [done async for done in recount.recount(Database(engine), TENANT, new_tools(), **how)]


@pytest.fixture
async def old(engine: AsyncEngine) -> Callable[[], Any]:
    """What is stored now, as numbers by trace id."""
    async with committer(engine) as writer:
        for number in range(TRACES):
            await writer.submit(TENANT, spans(number))
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute(_OLD)
    await refresh_rollups(Database(engine))

    async def numbers() -> list[tuple[int, int, int]]:
        stored = (await stored_traces(engine)).values()
        return [(row["prompt_tokens"], row["cost_pd"], row["n_llm_calls"]) for row in stored]

    return numbers


async def test_old_traces_keep_their_numbers_until_they_are_counted_again(engine: AsyncEngine, old: Any) -> None:
    assert await old() == [(400, 400_000, 3)] * TRACES
    assert sum(done.changed for done in await recounted(engine)) == TRACES
    # The third tells what the fourth, inside it, tells as well: one call of two.
    expected = await old()
    assert expected == [expected[0]] * TRACES
    assert expected[0] == (100, 100_000, 1)
    assert [done.changed for done in await recounted(engine)] == [0]
    await refresh_rollups(Database(engine))
    assert await mismatches(Database(engine)) == []


async def test_counting_goes_on_where_it_stopped(
    engine: AsyncEngine, old: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recount, "_SPANS_AT_A_TIME", 9)
    steps = recount.recount(Database(engine), TENANT, new_tools(), "exp")
    first = await anext(steps)
    await steps.aclose()
    assert (first.traces, first.changed) == (2, 2)
    rest = await recounted(engine, after=first.last)
    assert [done.traces for done in rest] == [2, 2, 1]
    assert await old() == [(100, 100_000, 1)] * TRACES


async def test_an_old_trace_that_is_touched_is_counted_by_the_rules(engine: AsyncEngine, old: Any) -> None:
    late = spans(3)[0]
    late.span_id, late.parent_id, late.kind, late.prompt_tokens = f"{9:016x}", f"{1:016x}", "tool", None
    async with committer(engine) as writer:
        await writer.submit(TENANT, [late])
    (row,) = await rows(engine, "SELECT prompt_tokens FROM traces WHERE trace_id = $1", late.trace_id)
    # Without the response id, which is found when all is counted again, the two calls side by side are two.
    assert row["prompt_tokens"] == 200
