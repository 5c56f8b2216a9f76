"""Traces whose cost leaves out a span without a price are counted, with a filter and without, warm and cold."""

import random

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.span import Span
from spanstats.stats.maintenance import refresh_rollups
from spanstats.stats.rolled_up import rolled_up_by_name
from spanstats.stats.sums import Window
from spanstats.store.session import Database
from tests.ingest.worlds import START, TENANT, committer, stored_traces

pytestmark = pytest.mark.anyio


def made(rng: random.Random, trace: int, number: int) -> Span:
    return Span(
        trace_id=f"t{trace}",
        span_id=f"t{trace}-{number}",
        by_span_id=True,
        parent_id=f"t{trace}-0" if number else None,
        experiment_id="exp",
        model=rng.choice([None, "priced", "unknown"]),
        prompt_tokens=rng.choice([None, 0, 5]),
        start_us=START + trace * 10_000_000,
        end_us=START + trace * 10_000_000 + 5,
    )


async def test_a_cost_that_leaves_a_span_out_is_counted_by_rollups(engine: AsyncEngine) -> None:
    rng = random.Random(5)
    async with committer(engine) as writer:
        await writer.submit(TENANT, [made(rng, trace, number) for trace in range(60) for number in range(3)])
    rows = list((await stored_traces(engine)).values())
    window = Window(START + 55_000_000, START + 500_000_000)
    within = [r for r in rows if (window.start_us or 0) <= r["start_time"] < (window.end_us or 0)]
    expected = sum(r["cost_pd"] is not None and r["n_unpriced"] > 0 for r in within)
    assert 0 < expected < len(within)
    for _ in ("cold", "warm"):
        sums = await rolled_up_by_name(Database(engine), TENANT, "exp", window)
        assert sums is not None
        assert sums[0][0]["n_cost_partial"] == expected
        await refresh_rollups(Database(engine))
