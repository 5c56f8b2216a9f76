"""Summaries of many experiments at once: exactly the traces whose root has arrived."""

import random
from functools import partial
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.keys import ExperimentKey
from spanstats.domain.span import Score, Span
from spanstats.stats import roots
from spanstats.stats.maintenance import invalidate_everything, refresh_once
from spanstats.stats.roots import summaries_of_roots
from spanstats.store.session import Database

from ..filters.world import TENANT, by_trace, store

pytestmark = pytest.mark.anyio

START = 1_800_000_000_000_000
MINUTE = 60_000_000
EXPERIMENTS = [ExperimentKey(number) for number in (1, 2, 3, 4)]


def world(seed: int) -> list[Span]:
    """Traces of three experiments, a third of them without a root; the fourth experiment has none."""
    chance = random.Random(seed)
    spans = []
    for number in range(60):
        key, has_root = chance.choice(EXPERIMENTS[:3]), chance.random() < 0.67
        for n in range(chance.randint(1, 3)):
            span = Span(trace_id=f"t{number}", span_id=f"s{n}", experiment_key=key)
            span.parent_id = None if has_root and n == 0 else "s0" if has_root else "lost"
            span.start_us = START + number * MINUTE + n
            span.end_us = span.start_us + 1
            span.status = "success"
            span.latency_us = chance.choice([None, chance.randint(0, 10**7)])
            span.cost_pd = chance.choice([None, chance.randint(0, 10**15)])
            span.total_tokens = chance.choice([None, chance.randint(0, 1000)])
            span.scores = [Score("q", chance.randint(-9, 9) / 8) for _ in range(chance.randint(0, 2))]
            spans.append(span)
    return spans


def has_root(members: list[Span]) -> bool:
    return any(span.parent_id is None for span in members)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_sums_are_those_of_the_traces_with_a_root(engine: AsyncEngine, seed: int) -> None:
    spans = world(seed)
    await store(engine, spans)
    await invalidate_everything(Database(engine))
    for is_warm in (False, True):
        if is_warm:
            assert await refresh_once(Database(engine), wait=True) > 0
        summaries = await summaries_of_roots(Database(engine), TENANT, EXPERIMENTS)
        assert summaries.keys() == set(EXPERIMENTS)
        for key in EXPERIMENTS:
            members = [m for m in by_trace(spans).values() if m[0].experiment_key == key and has_root(m)]
            summary = summaries[key]
            assert summary.total("n") == len(members)
            assert summary.total("total_tokens") == sum(s.total_tokens or 0 for m in members for s in m)
            costs = [[s.cost_pd for s in m if s.cost_pd is not None] for m in members]
            sums = [sum(c) for c in costs if c]
            assert (summary.total("n_cost_pd"), summary.total("cost_pd")) == (len(sums), sum(sums))
            latencies = [m[0].latency_us for m in members if m[0].latency_us is not None]
            assert (summary.total("n_latency_us"), summary.total("latency_us")) == (len(latencies), sum(latencies))
            values = [score.value for m in members for s in m for score in s.scores or []]
            scores = summary.scores.get("q")
            assert (scores.n if scores else 0) == len(values)
            assert (scores.total if scores else 0) == sum(round(v * 10**9) for v in values if v is not None)


async def test_sums_of_rollups_are_planned_once_and_those_of_traces_for_their_values(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(engine, world(1))
    await invalidate_everything(Database(engine))
    modes: dict[str, set[str]] = {"rolled_up": set(), "directly": set()}

    async def watched(name: str, original: Any, source: Any, *values: Any) -> Any:
        modes[name].add(await getattr(source, "driver", source).fetchval("SHOW plan_cache_mode"))
        return await original(source, *values)

    for name in modes:
        monkeypatch.setattr(roots, name, partial(watched, name, getattr(roots, name)))
    await summaries_of_roots(Database(engine), TENANT, EXPERIMENTS)
    assert modes == {"rolled_up": {"force_generic_plan"}, "directly": {"force_custom_plan"}}
