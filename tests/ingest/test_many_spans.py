"""Spans by the thousand hold up nothing else: what is done with each of them is done beside the event loop."""

import threading
from collections.abc import Iterable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain import merge
from spanstats.domain.span import Span
from spanstats.domain.trace import Trace
from spanstats.domain.trace_fold import TraceFold, fold
from spanstats.ingest import lock, stored
from spanstats.ingest.commits import Committer
from spanstats.ingest.evaluators import Evaluators
from spanstats.ingest.tools import Tools
from spanstats.store import spans as stored_spans
from spanstats.store.session import Database
from spanstats.threads import MANY

from .worlds import START, TENANT, assert_traces_equal_their_spans, price_of_known_models, stored_traces

pytestmark = [pytest.mark.anyio, pytest.mark.one_version("the threads are those of the process")]


def spans_of(trace_id: str, numbers: range) -> list[Span]:
    return [
        Span(
            trace_id=trace_id,
            span_id=f"{trace_id}-{n}",
            parent_id=f"{trace_id}-{n // 3}" if n else None,
            kind="chat" if n % 2 else "agent",
            model="priced",
            prompt_tokens=n % 50,
            start_us=START + n,
            end_us=START + n + 5,
            metadata={"n": n % 3},
        )
        for n in numbers
    ]


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> set[threading.Thread]:
    """Which threads folded traces and made spans of rows."""
    used_threads: set[threading.Thread] = set()
    spans_of_rows = stored_spans._spans_by_key

    def folding(spans: Iterable[Span]) -> TraceFold:
        used_threads.add(threading.current_thread())
        return fold(spans)

    def making(rows: Iterable[object]) -> object:
        used_threads.add(threading.current_thread())
        return spans_of_rows(rows)

    monkeypatch.setattr(lock, "fold", folding)
    monkeypatch.setattr(stored, "fold", folding)
    monkeypatch.setattr(stored_spans, "_spans_by_key", making)
    return used_threads


@pytest.fixture
def writer(engine: AsyncEngine, threads: set[threading.Thread]) -> Committer:
    def price(span: Span) -> int | None:
        threads.add(threading.current_thread())
        return price_of_known_models(span)

    def render(trace: Trace) -> str:
        return trace.trace_id

    return Committer(Database(engine), Tools(price, render, Evaluators()))


async def test_a_few_spans_are_written_without_another_thread(
    writer: Committer, threads: set[threading.Thread]
) -> None:
    await writer.submit(TENANT, spans_of("a", range(MANY // 2)))
    assert threads == {threading.current_thread()}


@pytest.mark.parametrize("traces", [1, 40])
async def test_many_new_spans_are_settled_and_folded_in_another_thread(
    engine: AsyncEngine, writer: Committer, threads: set[threading.Thread], traces: int
) -> None:
    each = range((MANY + 100) // traces)
    await writer.submit(TENANT, [span for trace in range(traces) for span in spans_of(f"t{trace}", each)])
    assert threading.current_thread() not in threads
    await assert_traces_equal_their_spans(engine)


async def test_a_long_trace_is_read_and_folded_again_in_another_thread(
    engine: AsyncEngine, writer: Committer, threads: set[threading.Thread]
) -> None:
    first, *others = spans_of("a", range(MANY + 100))
    await writer.submit(TENANT, [first, *others])
    threads.clear()
    first.name = "renamed"
    await writer.submit(TENANT, [first])
    assert len(threads - {threading.current_thread()}) > 0
    assert (await stored_traces(engine))["a"]["name"] == "renamed"
    await assert_traces_equal_their_spans(engine)


@pytest.mark.parametrize("how", ["new", "again"])
async def test_the_key_of_a_large_document_is_derived_in_another_thread(
    writer: Committer, threads: set[threading.Thread], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    derived: list[threading.Thread] = []

    def deriving(_document: str | None) -> str:
        derived.append(threading.current_thread())
        return ""

    monkeypatch.setattr(merge, "input_key", deriving)
    [root] = spans_of("a", range(1))
    root.input = "[" + "[]," * 100_000 + "[]]"
    await writer.submit(TENANT, [root])
    if how == "again":
        derived.clear()
        await writer.submit(TENANT, spans_of("a", range(1)))
    assert derived
    assert threading.current_thread() not in derived[-1:]
