"""Traces that keep their fold: what a span adds, and how much of the trace is read and written for it."""

import random
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.dialects.parea.stats import stats_entry
from spanstats.domain.span import Score, Span
from spanstats.ingest import changes, trace_rows
from spanstats.ingest.commits import Committer
from spanstats.ingest.evaluators import Evaluators
from spanstats.ingest.rows import to_json
from spanstats.ingest.tools import Tools
from spanstats.store.session import Database

from .worlds import START, TENANT, assert_traces_equal_their_spans, price_of_known_models, rows, stored_traces

pytestmark = pytest.mark.anyio


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
    found = await stored_traces(engine)
    whole, grown = ({name: found[trace][name] for name in _OF_SCORES} for trace in ("whole-ü", "grown-ü"))
    grown["entry"] = grown["entry"].replace("grown", "whole")
    assert grown == whole


async def test_a_span_of_a_long_trace_writes_no_more_than_one_of_a_short_trace(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spans with tokens change the entry, whose scores stay where they are; only one with scores writes these."""
    writer = rendering(engine)
    sent: list[int] = []
    original = changes.write

    async def write(driver: Any, changed: Any, traces: Any = (), before: Any = ()) -> None:
        sent.append(sum(len(to_json(row)) for row in traces))
        await original(driver, changed, traces, before)

    monkeypatch.setattr(changes, "write", write)
    unscored: list[int] = []
    for n in range(700):
        scores = [Score("judge", 0.5, name="judge", reason="because it is")] if n % 7 == 0 else None
        span = Span(
            trace_id="t", span_id=f"{n:05}", parent_id="00000" if n else None, start_us=START + n, scores=scores
        )
        span.prompt_tokens = 10 if n % 3 == 0 else None
        sent.clear()
        await writer.submit(TENANT, [span])
        if scores is None and n > trace_rows.FOLD_FROM:
            unscored.append(sum(sent))
    await writer.stop()
    assert sum(unscored[-50:]) < 1.1 * sum(unscored[:50])
    (row,) = await rows(engine, "SELECT length(entry) AS n FROM traces")
    assert row["n"] > 100 * 60
