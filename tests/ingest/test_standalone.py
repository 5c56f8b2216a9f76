"""Scores posted on their own: which span they find, in whatever order, and what is left of them."""

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.keys import TenantId
from spanstats.domain.span import Score, Span
from spanstats.domain.standalone import StandaloneScore
from spanstats.errors import InvalidInput
from spanstats.ingest.commits import Committer
from spanstats.ingest.pending import MAX_OF_SPAN
from spanstats.ingest.trace_rows import FOLD_FROM

from .worlds import START, TENANT, assert_traces_equal_their_spans, committer, rows, stored_traces

pytestmark = pytest.mark.anyio


def span(trace_id: str, span_id: str, parent: str | None = None, start: int = 0, **fields: Any) -> Span:
    times = {"start_us": START + start, "end_us": START + start + 5}
    return Span(trace_id=trace_id, span_id=span_id, parent_id=parent, **{**times, **fields})


def posted(log_id: str, value: float, key: str = "q", **fields: Any) -> StandaloneScore:
    score = Score(key, value, slug=key, source="api")
    return StandaloneScore(
        id=f"{log_id}/{key}/{fields.get('scorer')}", log_id=log_id, score=score, created_us=START, **fields
    )


async def placed(engine: AsyncEngine) -> list[tuple[Any, ...]]:
    scores = await rows(engine, "SELECT trace_id, span_id, value FROM scores WHERE source = 'api' ORDER BY 1, 2, 3")
    return [tuple(row.values()) for row in scores]


async def test_a_log_is_the_span_of_its_id_of_several_the_latest_else_the_trace(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span("a", "s", start=1), span("b", "s", start=2), span("s", "other", "x")])
        await writer.score(TENANT, posted("s", 1))
        await writer.score(TENANT, posted("a", 2))
    assert await placed(engine) == [("a", "s", 2), ("b", "s", 1)]
    await assert_traces_equal_their_spans(engine)


async def test_a_trace_s_score_is_its_root_s_else_its_earliest_span_s(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span("t", "late", "r", start=9), span("t", "early", "r", start=3)])
        await writer.score(TENANT, posted("t", 1))
        assert await placed(engine) == [("t", "early", 1)]
        await writer.submit(TENANT, [span("t", "r", start=5)])
        await writer.score(TENANT, posted("t", 2))
        assert await placed(engine) == [("t", "early", 2)]
        await writer.score(TENANT, posted("t", 3, "other"))
    assert await placed(engine) == [("t", "early", 2), ("t", "r", 3)]


async def test_a_score_waits_and_says_so_until_its_span_comes(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.score(TENANT, posted("s", 1))
        assert await rows(engine, "SELECT log_id FROM early_scores") == [{"log_id": "s"}]
        await writer.submit(TenantId(TENANT + 1), [span("t", "s")])
        assert await placed(engine) == []
        await writer.submit(TENANT, [span("t", "s", experiment_id="e")])
        assert await placed(engine) == [("t", "s", 1)]
        assert await writer.score(TENANT, posted("s", 2)) == posted("s", 1).id
    assert (await placed(engine), await rows(engine, "SELECT * FROM early_scores")) == ([("t", "s", 2)], [])
    marks = await rows(engine, "SELECT count(*) AS n FROM rollup_marks")
    assert marks[0]["n"] >= 2


async def test_a_score_of_a_span_in_the_same_batch_is_placed_in_it(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await asyncio.gather(
            *(writer.score(TENANT, posted(f"s{n}", n)) for n in range(5)),
            *(writer.submit(TENANT, [span("t", f"s{n}", "r", start=n)]) for n in range(5)),
        )
    assert await placed(engine) == [("t", f"s{n}", n) for n in range(5)]
    await assert_traces_equal_their_spans(engine)


async def test_scores_of_a_long_trace_stay_in_its_fold(engine: AsyncEngine) -> None:
    size = FOLD_FROM + 5
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span("t", f"s{n:03}", "r", start=n) for n in range(size)])
        await writer.score(TENANT, posted("s003", 0.5))
        await writer.score(TENANT, posted("new", 0.25))
        await writer.submit(TENANT, [span("t", "new", "r", start=500)])
        await writer.submit(TENANT, [span("t", "newer", "r", start=501, scores=[Score("own", 1.0)])])
        assert sorted((await stored_traces(engine))["t"]["score_values"]) == [250_000_000, 500_000_000, 1_000_000_000]
        await writer.score(TENANT, posted("s003", 0.5, deleted=True))
    trace = (await stored_traces(engine))["t"]
    assert sorted(trace["score_values"]) == [250_000_000, 1_000_000_000]
    assert trace["n_spans"] == size + 2
    await assert_traces_equal_their_spans(engine)


async def test_a_score_moves_with_its_span(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span("a", "s", by_span_id=True)])
        await writer.score(TENANT, posted("s", 1))
        await writer.submit(TENANT, [span("b", "s", by_span_id=True)])
        await writer.score(TENANT, posted("s", 2))
    assert await placed(engine) == [("b", "s", 2)]
    await assert_traces_equal_their_spans(engine)


async def test_a_deletion_leaves_nothing_placed_or_waiting(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.score(TENANT, posted("s", 1))
        await writer.score(TENANT, posted("s", 1, deleted=True))
        await writer.submit(TENANT, [span("t", "s")])
        assert (await stored_traces(engine))["t"]["score_keys"] is None
        await writer.score(TENANT, posted("s", 1))
        await writer.score(TENANT, posted("s", 1, deleted=True))
    assert (await placed(engine), await rows(engine, "SELECT * FROM early_scores")) == ([], [])
    assert (await stored_traces(engine))["t"]["score_keys"] is None


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_order_of_scores_and_spans_from_three_writers_ends_with_every_score_placed(
    engine: AsyncEngine, seed: int
) -> None:
    rng = random.Random(seed)
    spans = [span(f"t{n % 6}", f"s{n}", f"s{n % 6}" if n >= 6 else None, start=n, experiment_id="e") for n in range(60)]
    jobs: list[Any] = [*spans, *(posted(f"s{n}", n, scorer=str(k)) for n in range(60) for k in range(rng.randrange(3)))]
    rng.shuffle(jobs)

    async def work(writer: Committer, mine: list[Any]) -> None:
        for job in mine:
            await (writer.submit(TENANT, [job]) if isinstance(job, Span) else writer.score(TENANT, job))

    async with committer(engine) as first, committer(engine) as second, committer(engine) as third:
        writers = (first, second, third)
        await asyncio.gather(*(work(w, jobs[i :: len(writers)]) for i, w in enumerate(writers)))
    expected = sorted((job.log_id, job.score.value) for job in jobs if isinstance(job, StandaloneScore))
    assert sorted((span_id, value) for _, span_id, value in await placed(engine)) == expected
    assert await rows(engine, "SELECT * FROM early_scores") == []
    await assert_traces_equal_their_spans(engine)


async def test_a_patch_of_a_placed_span_lies_over_its_repeats_and_makes_no_span(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.override_stored(TENANT, "t", "s", {"cost_pd": 5})
        assert await stored_traces(engine) == {}
        await writer.submit(TENANT, [span("t", "s", cost_pd=1, experiment_id="e"), span("t", "c", "s", cost_pd=10)])
        await writer.override_stored(TENANT, "t", "s", {"cost_pd": 5})
        await writer.override_stored(TENANT, "t", "s", {"name": "new"})
        await writer.override_stored(TENANT, "t", "nobody", {"name": "new"})
        await asyncio.gather(
            writer.submit(TENANT, [span("t", "s", cost_pd=1, prompt_tokens=3)]),
            writer.override_stored(TENANT, "t", "s", {"model": "m"}),
        )
    trace = (await stored_traces(engine))["t"]
    assert (trace["cost_pd"], trace["name"], trace["prompt_tokens"], trace["n_spans"]) == (15, "new", 3, 2)
    assert [r["model"] for r in await rows(engine, "SELECT model FROM spans WHERE span_id = 's'")] == ["m"]
    await assert_traces_equal_their_spans(engine)


async def test_a_log_takes_a_hundred_standalone_scores_whether_it_is_there_or_not(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        for n in range(MAX_OF_SPAN):
            await writer.score(TENANT, posted("s", n, f"e{n}"))
        with pytest.raises(InvalidInput, match="at most 100"):
            await writer.score(TENANT, posted("s", 1, "one too many"))
        # A repeat is none more; other logs have room.
        await writer.score(TENANT, posted("s", -1, "e0"))
        await writer.score(TENANT, posted("u", 1))
        await writer.submit(TENANT, [span("t", "s"), span("t", "u", "s")])
        assert len(await placed(engine)) == MAX_OF_SPAN + 1
        refused, _ = await asyncio.gather(
            writer.score(TENANT, posted("s", 1, "one too many")),
            writer.score(TENANT, posted("s", -2, "e1")),
            return_exceptions=True,
        )
        assert isinstance(refused, InvalidInput)
        removed = posted("s", 1, "e2")
        removed.deleted = True
        await writer.score(TENANT, removed)
        await writer.score(TENANT, posted("s", 1, "in its place"))
    assert ("t", "s", -2) in await placed(engine)
    assert len(await placed(engine)) == MAX_OF_SPAN + 1
    await assert_traces_equal_their_spans(engine)


async def test_scores_that_waited_are_all_kept_and_cost_the_span_nothing(engine: AsyncEngine) -> None:
    """Those of the span and those of its trace wait apart, and meet where both are of one span."""
    async with committer(engine) as writer:
        for n in range(MAX_OF_SPAN):
            await writer.score(TENANT, posted("s", n, f"e{n}"))
            await writer.score(TENANT, posted("t", n, f"f{n}"))
        await writer.submit(TENANT, [span("t", "s")])
        with pytest.raises(InvalidInput):
            await writer.score(TENANT, posted("s", 1, "one too many"))
    assert len(await placed(engine)) == 2 * MAX_OF_SPAN
