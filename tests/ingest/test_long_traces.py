"""Traces that keep their fold: what a span adds, and how much of the trace is read and written for it."""

import random
from typing import Any

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog import retention
from spanstats.catalog.unpacking import unpack_all
from spanstats.dialects.parea.stats import stats_entry
from spanstats.domain.span import Score, Span
from spanstats.domain.standalone import StandaloneScore
from spanstats.ingest import changes, score_blocks, trace_rows
from spanstats.ingest.commits import Committer
from spanstats.ingest.evaluators import Evaluators
from spanstats.ingest.rows import to_json
from spanstats.ingest.tools import Tools
from spanstats.store.score_blocks import ENTRY, HAS_BLOCKS
from spanstats.store.session import Database
from tests.examples import examples

from .worlds import START, TENANT, assert_traces_equal_their_spans, price_of_known_models, rows, stored_traces

pytestmark = [pytest.mark.anyio, pytest.mark.one_version("other tests make the same statements")]


def rendering(engine: AsyncEngine) -> Committer:
    """A writer that renders entries as the service does."""
    return Committer(Database(engine), Tools(price_of_known_models, stats_entry, Evaluators()))


def spans_of(rng: random.Random, trace_id: str, count: int) -> list[Span]:
    """A root late, and an earlier one later; some spans with scores, tokens or costs."""
    return [
        Span(
            trace_id=trace_id,
            span_id=f"{n:05}",
            parent_id=None if n in (3, count // 2, count - 9) else "00003",
            start_us=START - rng.choice([0, n]),
            end_us=START + n,
            prompt_tokens=n if rng.random() < 0.3 else None,
            model="priced" if rng.random() < 0.5 else None,
            scores=_scores(rng, n) if rng.random() < 0.2 else None,
        )
        for n in range(count)
    ]


def _scores(rng: random.Random, n: int) -> list[Score]:
    text = Score("ü", None, "text", text="]}")
    return [Score("exact", n / 8, name="exact", reason='"scores":[]}'), *([text] if rng.random() < 0.3 else [])]


_OF_SCORES = ("score_keys", "score_values", "score_kinds", "entry", "total_tokens", "cost_pd", "n_spans")


@pytest.mark.parametrize("seed", range(4))
async def test_a_trace_that_grew_span_by_span_has_the_row_of_one_that_came_at_once(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(trace_rows, "FOLD_FROM", 4)
    monkeypatch.setattr("spanstats.domain.trace_fold.KEPT_FROM", 4)
    writer = rendering(engine)
    count = 60
    await writer.submit(TENANT, spans_of(random.Random(seed), "whole-ü", count))
    for span in spans_of(random.Random(seed), "grown-ü", count):
        await writer.submit(TENANT, [span])
    await writer.stop()
    await assert_traces_equal_their_spans(engine)
    assert await of_scores(engine, "grown-ü") == await of_scores(engine, "whole-ü")


async def of_scores(engine: AsyncEngine, trace_id: str) -> dict[str, Any]:
    """What follows from the scores, with the entry as an answer has it, without the trace's id."""
    [row] = await rows(engine, f"SELECT *, {ENTRY} AS answered FROM traces t WHERE trace_id = $1", trace_id)
    entry = row["answered"].replace(trace_id, "")
    assert msgspec.json.decode(entry)["scores"]
    return {**{name: row[name] for name in _OF_SCORES}, "entry": entry}


@pytest.mark.parametrize("seed", range(examples(6)))
async def test_a_trace_with_blocks_of_scores_has_the_row_of_one_that_came_at_once(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Whatever the order and the batches in which the spans come; some are sent again, some scored on their own."""
    use_small_blocks(monkeypatch)
    rng = random.Random(seed)
    count = 130
    spans = spans_of(rng, "grown-ü", count)
    arriving = sorted(spans, key=lambda s: int(s.span_id) + rng.random() * (seed % 3) * 9)
    if seed % 3 == 2:
        rng.shuffle(arriving)
    writer = rendering(engine)
    while arriving:
        size = rng.choice([1, 1, 1, 2, 5])
        await writer.submit(TENANT, arriving[:size])
        del arriving[:size]
        if rng.random() < 0.05:
            await writer.submit(TENANT, [msgspec.structs.replace(spans[3], output=f'"{size}"')])
        if rng.random() < 0.05:
            human = Score("human", rng.random(), source="api")
            score = StandaloneScore(id=f"s{len(arriving)}", log_id=rng.choice(spans).span_id, score=human)
            await writer.score(TENANT, score)
    grown = await of_scores(engine, "grown-ü")
    [stored] = await rows(engine, "SELECT count(*) AS blocks, max(n_scores) AS most FROM score_blocks")
    assert stored["blocks"] > 2
    assert stored["most"] <= 2 * 4
    await assert_traces_equal_their_spans(engine)
    # All are read again, and folded from the spans.
    monkeypatch.setattr(trace_rows, "IN_BLOCKS_FROM", 10_000)
    await writer.submit(TENANT, [msgspec.structs.replace(spans[3], output='"again"')])
    await writer.stop()
    [row] = await rows(engine, f"SELECT {HAS_BLOCKS} AS has_blocks FROM traces t")
    assert not row["has_blocks"]
    assert await of_scores(engine, "grown-ü") == grown


def use_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_rows, "FOLD_FROM", 4)
    monkeypatch.setattr("spanstats.domain.trace_fold.KEPT_FROM", 4)
    monkeypatch.setattr(trace_rows, "IN_BLOCKS_FROM", 3)
    monkeypatch.setattr("spanstats.domain.score_blocks.MAX_SPANS", 4)


async def test_scores_leave_their_blocks_before_one_goes_back_to_the_version_before(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_small_blocks(monkeypatch)
    writer = rendering(engine)
    for span in spans_of(random.Random(1), "grown", 60):
        await writer.submit(TENANT, [span])
    before = await of_scores(engine, "grown")
    assert await rows(engine, "SELECT 1 FROM score_blocks")
    assert sum([n async for n in unpack_all(Database(engine))]) == 1
    assert await rows(engine, "SELECT 1 FROM score_blocks") == []
    assert (await stored_traces(engine))["grown"]["fold"] is None
    assert (await stored_traces(engine))["grown"]["entry"].replace("grown", "") == before["entry"]
    assert await of_scores(engine, "grown") == before
    # Nothing comes into blocks while that version may run.
    await writer.submit(TENANT, [Span(trace_id="grown", span_id="new", start_us=START, scores=[Score("exact", 1.0)])])
    await writer.stop()
    assert await rows(engine, "SELECT 1 FROM score_blocks") == []
    await assert_traces_equal_their_spans(engine)


async def test_what_is_erased_leaves_no_block_of_scores(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    use_small_blocks(monkeypatch)
    writer = rendering(engine)
    for span in spans_of(random.Random(1), "t", 60):
        await writer.submit(TENANT, [span])
    await writer.stop()
    assert await rows(engine, "SELECT 1 FROM score_blocks")
    async for _ in retention.prune(Database(engine), START * 2):
        pass
    assert await rows(engine, "SELECT 1 FROM score_blocks") == []


async def test_a_span_of_a_long_trace_writes_no_more_than_one_of_a_short_trace(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spans with tokens change the entry without its scores; one with scores writes these, and those near to them."""
    writer = rendering(engine)
    sizes: list[int] = []
    write, write_blocks = changes.write, score_blocks.write

    async def counted(driver: Any, changed: Any, traces: Any = (), before: Any = (), **options: Any) -> None:
        sizes.append(sum(len(to_json(row)) for row in traces))
        await write(driver, changed, traces, before, **options)

    async def counted_blocks(driver: Any, blocks: Any, replaced: Any) -> None:
        sizes.append(sum(len(packed) + len(entry) for of_trace in blocks.values() for _, packed, entry in of_trace))
        await write_blocks(driver, blocks, replaced)

    monkeypatch.setattr(changes, "write", counted)
    monkeypatch.setattr(score_blocks, "write", counted_blocks)
    monkeypatch.setattr(trace_rows, "IN_BLOCKS_FROM", 20)
    monkeypatch.setattr("spanstats.domain.score_blocks.MAX_SPANS", 10)
    scored: list[int] = []
    unscored: list[int] = []
    for n in range(700):
        scores = [Score("judge", 0.5, name="judge", reason="because it is")] if n % 7 == 0 else None
        span = Span(
            trace_id="t", span_id=f"{n:05}", parent_id="00000" if n else None, start_us=START + n, scores=scores
        )
        span.prompt_tokens = 10 if n % 3 == 0 else None
        sizes.clear()
        await writer.submit(TENANT, [span])
        if n > 21 * 7:
            (scored if scores else unscored).append(sum(sizes))
    await writer.stop()
    assert sum(unscored[-50:]) < 1.1 * sum(unscored[:50])
    assert sum(scored[-20:]) < 1.1 * sum(scored[:20])
    [entry] = await rows(engine, f"SELECT length(entry) AS stored, length({ENTRY}) AS answered FROM traces t")
    assert entry["answered"] > 100 * 60 > 20 * entry["stored"]
