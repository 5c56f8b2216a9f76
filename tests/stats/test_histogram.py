"""Bins of scores against a count by hand with exact fractions."""

import random
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.span import Score, Span
from spanstats.stats.histogram import histogram
from spanstats.store.session import Database
from tests.ingest.worlds import START, TENANT, committer, rows

pytestmark = pytest.mark.anyio


def by_hand(values: list[int], bins: int) -> list[int]:
    low, high = min(values), max(values)
    if low == high:
        return [len(values)]
    edges = [low + Fraction(i * (high - low), bins) for i in range(bins + 1)]
    counts = [sum(edges[i] <= v < edges[i + 1] for v in values) for i in range(bins)]
    counts[-1] += values.count(high)
    return counts


@pytest.mark.parametrize("seed", range(4))
async def test_bins_are_those_of_exact_fractions(engine: AsyncEngine, seed: int) -> None:
    rng = random.Random(seed)
    scores = [rng.choice([rng.uniform(-9e9, 9e9), rng.randrange(10) / 10, rng.randrange(3)]) for _ in range(80)]
    async with committer(engine) as writer:
        for number, value in enumerate(scores):
            own = [Score("q", float(value)), Score("other", 5.0), Score("note", None, "text", "x")]
            times: dict[str, Any] = {"start_us": START, "end_us": START}
            await writer.submit(
                TENANT, [Span(trace_id=f"t{number}", span_id="s", experiment_id="e", scores=own, **times)]
            )
    stored = await rows(engine, "SELECT score_values[1] AS v, experiment_key FROM traces")
    values = [row["v"] for row in stored]
    for bins in (1, 2, 7, 20, 50):
        distribution = await histogram(Database(engine), stored[0]["experiment_key"], {"q"}, bins)
        assert distribution.counts == by_hand(values, bins)
        assert (distribution.low, distribution.high, distribution.total, distribution.count) == (
            min(values),
            max(values),
            sum(values),
            len(values),
        )


async def test_equal_scores_are_one_bin_and_no_scores_none(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        scored = Span(trace_id="t", span_id="s", experiment_id="e", start_us=START, scores=[Score("q", 0.5)] * 3)
        await writer.submit(TENANT, [scored])
    (row,) = await rows(engine, "SELECT experiment_key FROM traces")
    distribution = await histogram(Database(engine), row["experiment_key"], {"q"}, 20)
    assert (distribution.counts, distribution.low, distribution.high) == ([3], 500_000_000, 500_000_000)
    assert (await histogram(Database(engine), row["experiment_key"], {"nobody"}, 20)).counts == []
