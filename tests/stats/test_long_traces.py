"""Scores of traces that have many: which of them are the first numbers of their evaluator."""

import random
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.span import Score, Span
from spanstats.stats.score_measures import each_score
from tests.ingest.worlds import START, TENANT, committer, rows

pytestmark = pytest.mark.anyio


def scores_of(count: int) -> list[Score]:
    rng = random.Random(count)
    return [
        Score(
            f"e{rng.randrange(5)}", None if rng.random() < 0.4 else rng.random(), "text" if rng.random() < 0.1 else ""
        )
        for _ in range(count)
    ]


def expected(scores: list[Score]) -> list[tuple[str, bool]]:
    keys: set[str] = set()
    firsts = []
    for score in scores:
        firsts.append((score.key, score.value is not None and score.key not in keys))
        keys |= {score.key} if score.value is not None else set()
    return sorted(firsts)


@pytest.mark.parametrize("count", [3, 64, 65, 300])
async def test_the_first_number_of_each_evaluator_is_found_in_traces_of_any_number_of_scores(
    engine: AsyncEngine, count: int
) -> None:
    scores = scores_of(count)
    spans = [
        Span(trace_id="t", span_id=f"{n:03}", parent_id="000" if n else None, start_us=START + n, scores=[score])
        for n, score in enumerate(scores)
    ]
    async with committer(engine) as writer:
        await writer.submit(TENANT, spans)
    each: list[dict[str, Any]] = await rows(engine, each_score("trace_id = 't'"))
    assert sorted((row["name"], row["is_first"]) for row in each) == expected(scores)
