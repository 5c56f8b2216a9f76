"""Many writers on the same traces at once: no deadlock, no lost span, every trace equal to its spans."""

import asyncio
import random
from contextlib import AsyncExitStack

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.span import Score, Span
from spanstats.ingest.commits import Committer

from .worlds import START, TENANT, assert_traces_equal_their_spans, committer, rows, stored_traces

pytestmark = [pytest.mark.anyio, pytest.mark.one_version("the order of our locks prevents deadlocks")]
TRACES, SPANS, WRITERS = 40, 12, 8


def make_span(rng: random.Random, trace: int, number: int, by_span_id: bool) -> Span:
    start = START + trace * 7_000_000 + rng.randrange(5_000_000)
    return Span(
        trace_id=f"t{trace}",
        span_id=f"t{trace}-s{number}",
        by_span_id=by_span_id,
        parent_id=f"t{trace}-s0" if number else None,
        experiment_id=rng.choice([None, "exp-a", "exp-b"]),
        name=f"step {number}",
        status=rng.choice([None, "success", "error"]),
        model=rng.choice([None, "priced", "unknown"]),
        start_us=start,
        end_us=start + rng.randrange(900_000),
        prompt_tokens=rng.randrange(1, 500),
        completion_tokens=rng.randrange(1, 500),
        cost_pd=rng.choice([None, rng.randrange(1, 10**12)]),
        metadata={f"k{rng.randrange(4)}": rng.randrange(9)},
        scores=[Score("accuracy", rng.randrange(100) / 7), Score("passed", 1.0, "boolean")]
        if number % 3 == 0
        else None,
    )


@pytest.mark.parametrize("by_span_id", [True, False], ids=["parea", "otlp"])
@pytest.mark.parametrize("batch_size", [1, 7, 60])
async def test_eight_writers_of_the_same_traces_leave_every_trace_equal_to_its_spans(
    engine: AsyncEngine, by_span_id: bool, batch_size: int
) -> None:
    rng = random.Random(batch_size)
    spans = [make_span(rng, t, n, by_span_id) for t in range(TRACES) for n in range(SPANS)]
    repeats = [make_span(rng, t, n, by_span_id) for t in range(TRACES) for n in range(SPANS) if rng.random() < 0.3]
    posted = spans + repeats
    rng.shuffle(posted)
    batches = [posted[i : i + batch_size] for i in range(0, len(posted), batch_size)]

    async def post(writer: Committer, mine: list[list[Span]]) -> None:
        await asyncio.gather(*(writer.submit(TENANT, batch) for batch in mine))

    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(committer(engine)) for _ in range(WRITERS)]
        await asyncio.gather(*(post(w, batches[i::WRITERS]) for i, w in enumerate(writers)))

    assert len(await rows(engine, "SELECT 1 FROM spans")) == TRACES * SPANS
    assert len(await stored_traces(engine)) == TRACES
    await assert_traces_equal_their_spans(engine)


async def test_a_repeat_leaves_one_of_the_two_versions_whole(engine: AsyncEngine) -> None:
    rng = random.Random(3)
    versions = [[make_span(rng, t, 0, True) for t in range(TRACES)] for _ in range(2)]
    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(committer(engine)) for _ in range(2)]
        await asyncio.gather(
            *(w.submit(TENANT, [s]) for w, version in zip(writers, versions, strict=True) for s in version)
        )
    for row in await rows(engine, "SELECT span_id, prompt_tokens, completion_tokens, start_time FROM spans"):
        triples = [
            (s.prompt_tokens, s.completion_tokens, s.start_us)
            for v in versions
            for s in v
            if s.span_id == row["span_id"]
        ]
        assert (row["prompt_tokens"], row["completion_tokens"], row["start_time"]) in triples


async def test_concurrent_posts_that_name_different_traces_leave_one_span_in_one_trace(engine: AsyncEngine) -> None:
    spans = [
        Span(trace_id=f"trace-{k}", span_id=f"moving-{n}", by_span_id=True, prompt_tokens=1 + k, start_us=START)
        for n in range(20)
        for k in range(5)
    ]
    random.Random(1).shuffle(spans)
    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(committer(engine)) for _ in range(5)]
        await asyncio.gather(*(writers[i % 5].submit(TENANT, [s]) for i, s in enumerate(spans)))
    assert len(await rows(engine, "SELECT 1 FROM spans")) == 20
    await assert_traces_equal_their_spans(engine)
