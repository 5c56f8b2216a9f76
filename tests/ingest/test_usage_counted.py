"""What counts in stored traces of any shape, sent in any order, twice, by several writers, against the rules."""

import asyncio
import random
from contextlib import AsyncExitStack
from copy import copy

import pytest
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain import trace_fold as domain_trace
from spanstats.domain.keys import TraceKey
from spanstats.domain.span import Span, Uncounted
from spanstats.ingest import stored, trace_rows
from spanstats.store.session import Database, Kind
from spanstats.store.spans import spans_of_traces
from tests.domain.usage_oracle import counted, totals

from .worlds import START, TENANT, committer, rows, stored_traces

pytestmark = pytest.mark.anyio
TRACES, WRITERS = 12, 4


def make_spans(rng: random.Random, trace: int, size: int) -> list[Span]:
    """Agents, steps and calls, some told twice: as an inner call, or by a response id that others have."""
    spans: list[Span] = []
    for number in range(size):
        above = rng.choice(spans) if spans else None
        kind = rng.choice(["agent", "step", "tool", "chat", "chat", "generation"]) if above else "workflow"
        start = START + (rng.randrange(50) if above is None else (above.start_us or 0) - START)
        span = Span(
            trace_id=f"t{trace}",
            span_id=f"t{trace}-s{number}",
            parent_id=None if above is None else above.span_id if rng.random() < 0.95 else "away",
            usage_once=rng.random() < 0.95,
            kind=kind,
            model=rng.choice([None, "priced", "unknown"]),
            prompt_tokens=rng.choice([None, 0, 10, 10, 20]),
            completion_tokens=rng.choice([None, 5]),
            cost_pd=rng.choice([None, None, None, 0, 7]),
            response_id=rng.choice([None, None, f"r{rng.randrange(size)}"]),
            start_us=start + rng.randrange(3),
            end_us=START + 900 - rng.randrange(3) * number,
            experiment_id="exp",
            status="success",
        )
        if above is not None and above.kind == kind == "chat":
            span.prompt_tokens, span.completion_tokens = above.prompt_tokens, above.completion_tokens
        spans.append(span)
    return spans


async def assert_all_is_counted_by_the_rules(engine: AsyncEngine) -> None:
    traces = await stored_traces(engine)
    async with Database(engine).transaction(Kind.READ) as tx:
        spans = await spans_of_traces(tx.driver, [TraceKey(TENANT, trace_id) for trace_id in traces])
    for trace_id, row in traces.items():
        of_trace = [span for key, span in spans.items() if key[1] == trace_id]
        expected = totals(of_trace)
        assert {name: row[name] for name in expected} == expected, trace_id
        for span in of_trace:
            rules = counted(of_trace)[span.span_id]
            assert bool(span.uncounted & Uncounted.TOKENS) == (not rules["tokens"] and _has_tokens(span)), span


def _has_tokens(span: Span) -> bool:
    return bool(span.prompt_tokens or span.completion_tokens or span.total_tokens)


@pytest.mark.parametrize(("batch_size", "kept_from"), [(1, 5), (1, 64), (7, 5), (40, 64)])
async def test_writers_in_any_order_leave_every_trace_counted_by_the_rules(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, batch_size: int, kept_from: int
) -> None:
    monkeypatch.setattr(domain_trace, "KEPT_FROM", kept_from)
    monkeypatch.setattr(trace_rows, "FOLD_FROM", kept_from)
    rng = random.Random(batch_size + kept_from)
    spans = [span for trace in range(TRACES) for span in make_spans(rng, trace, rng.choice([3, 9, 25]))]
    posted = spans + [copy(span) for span in spans if rng.random() < 0.3]
    rng.shuffle(posted)
    batches = [posted[i : i + batch_size] for i in range(0, len(posted), batch_size)]
    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(committer(engine)) for _ in range(WRITERS)]
        writes = [writer.submit(TENANT, batch) for i, batch in enumerate(batches) for writer in [writers[i % WRITERS]]]
        await asyncio.gather(*writes)
    await assert_all_is_counted_by_the_rules(engine)


def made(span_id: str, parent_id: str | None, kind: str, tokens: int | None, response_id: str | None = None) -> Span:
    return Span(
        trace_id="t",
        span_id=span_id,
        parent_id=parent_id,
        usage_once=True,
        kind=kind,
        model="priced",
        prompt_tokens=tokens,
        response_id=response_id,
        start_us=START,
        end_us=START + 9,
    )


async def test_a_child_that_comes_late_takes_the_usage_of_its_agent_away(engine: AsyncEngine) -> None:
    agent, step, call = made("a", None, "agent", 100), made("b", "a", "step", None), made("c", "b", "chat", 100)
    async with committer(engine) as writer:
        for span, flags in ((agent, {"a": 0}), (call, {"a": 0, "c": 0}), (step, {"a": 3, "b": 0, "c": 0})):
            await writer.submit(TENANT, [span])
            uncounted = await rows(engine, "SELECT span_id, uncounted FROM spans")
            assert {row["span_id"]: row["uncounted"] for row in uncounted} == flags
        await writer.override_stored(TENANT, "t", "c", {"prompt_tokens": 0, "completion_tokens": 0, "cost_pd": None})
    assert (await stored_traces(engine))["t"]["prompt_tokens"] == 100


@pytest.mark.one_version("how many spans are read is our choice")
async def test_a_long_trace_of_agents_is_not_read_for_each_span(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Children come first, as instrumentations send them; the agents repeat usage, some calls are told twice."""
    read: list[int] = []
    original = stored.load_whole

    async def load_whole(driver: object, state: object, keys: set[object]) -> None:
        read.append(len(keys))
        await original(driver, state, keys)  # type: ignore[arg-type]

    monkeypatch.setattr(stored, "load_whole", load_whole)
    async with committer(engine) as writer:
        for turn in range(60):
            tokens = 100 + turn
            inner = made(f"i{turn}", f"o{turn}", "chat", tokens, response_id=f"r{turn}")
            outer, agent = made(f"o{turn}", f"g{turn}", "llm", tokens), made(f"g{turn}", "root", "agent", tokens)
            for span in (inner, outer, agent):
                await writer.submit(TENANT, [span])
        await writer.submit(TENANT, [made("root", None, "workflow", 9)])
    row = (await stored_traces(engine))["t"]
    assert (row["prompt_tokens"], row["n_llm_calls"]) == (sum(100 + turn for turn in range(60)), 60)
    assert sum(read) == 0


async def test_a_trace_that_moves_between_experiments_is_counted_and_logged(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def moved() -> float:
        return REGISTRY.get_sample_value("spanstats_moved_traces_total") or 0.0

    before, usage = moved(), {"usage_once": True, "start_us": START, "end_us": START + 9}
    child = Span(trace_id="t", span_id="a", parent_id="b", experiment_id="run-1", input='"secret"', **usage)  # type: ignore[arg-type]
    root = Span(trace_id="t", span_id="b", experiment_id="run-2", **usage)  # type: ignore[arg-type]
    async with committer(engine) as writer:
        await writer.submit(TENANT, [child])
        assert moved() == before
        await writer.submit(TENANT, [root])
        await writer.submit(TENANT, [copy(root)])
    assert moved() == before + 1
    assert "trace 't' of tenant 1 moved from experiment 'run-1' to 'run-2'" in caplog.text
    assert "secret" not in caplog.text
