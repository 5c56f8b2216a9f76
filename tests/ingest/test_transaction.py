"""The write transaction, one rule at a time."""

import itertools
import json
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.dialects.parea.stats import stats_entry
from spanstats.domain.keys import TenantId
from spanstats.domain.span import Filled, Score, Span
from spanstats.errors import InvalidInput
from spanstats.ingest import changes, trace_rows
from spanstats.ingest.commits import Committer
from spanstats.ingest.evaluators import Evaluators
from spanstats.ingest.tools import Tools
from spanstats.ingest.write_statements import write_statement
from spanstats.store.session import Database, Kind

from .worlds import (
    START,
    TENANT,
    assert_traces_equal_their_spans,
    committer,
    comparable,
    price_of_known_models,
    rows,
    stored_traces,
)

pytestmark = [pytest.mark.anyio, pytest.mark.one_version("other tests make the same statements")]


def parea(span_id: str, root: str = "r", **fields: Any) -> Span:
    return Span(trace_id=root, span_id=span_id, by_span_id=True, **{"start_us": START, "end_us": START + 500, **fields})


async def test_children_that_come_before_their_root_are_in_its_trace(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [parea("c1", parent_id="r", prompt_tokens=3)])
        assert (await stored_traces(engine))["r"]["has_root"] is False
        await writer.submit(TENANT, [parea("r", parent_id="r", experiment_id="e", prompt_tokens=4, name="main")])
    trace = (await stored_traces(engine))["r"]
    assert (trace["prompt_tokens"], trace["has_root"], trace["name"], trace["entry"]) == (7, True, "main", "r")
    assert [r["id"] for r in await rows(engine, "SELECT id FROM experiments")] == ["e"]


async def test_every_order_of_arrival_gives_the_same_trace(engine: AsyncEngine) -> None:
    spans = [
        parea("r", parent_id="r", prompt_tokens=1, metadata={"a": "root"}),
        parea(
            "c1", parent_id="r", start_us=START - 5, experiment_id="late", prompt_tokens=2, metadata={"a": 1, "b": 1}
        ),
        parea("c2", parent_id="r", start_us=START - 9, experiment_id="early", ttft_us=7, metadata={"b": 2}),
    ]
    results = []
    async with committer(engine) as writer:
        for number, order in enumerate(itertools.permutations(spans)):
            for span in order:
                renamed = parea(f"{number}{span.span_id}", f"{number}r", **_fields(span, number))
                await writer.submit(TENANT, [renamed])
            trace = (await stored_traces(engine))[f"{number}r"]
            results.append({**comparable(trace), "ttft_us": trace["ttft_us"]})
    assert all(result == results[0] for result in results)
    assert results[0]["metadata"] == {"a": "root", "b": 2}
    await assert_traces_equal_their_spans(engine)


def _fields(span: Span, number: int) -> dict[str, object]:
    names = ("start_us", "experiment_id", "prompt_tokens", "ttft_us", "metadata")
    return {"parent_id": f"{number}r", **{name: getattr(span, name) for name in names}}


async def test_scores_are_the_same_numbers_when_a_later_span_reads_them_again(engine: AsyncEngine) -> None:
    scores = [Score(f"s{n}", value) for n, value in enumerate([-0.0, 0.0, 0.1, 5e-324, 1e15, 1e22, 9e9 + 1e-6])]
    writer = Committer(Database(engine), Tools(price_of_known_models, stats_entry, Evaluators()))
    entries = []
    for span in (parea("r", parent_id="r", scores=scores), parea("c", parent_id="r")):
        await writer.submit(TENANT, [span])
        entries.append(json.loads((await stored_traces(engine))["r"]["entry"])["scores"])
    await writer.stop()
    assert [[repr(score["score"]) for score in entry] for entry in entries] == [[repr(s.value) for s in scores]] * 2


async def test_an_identical_repeat_changes_no_row_and_marks_nothing(engine: AsyncEngine) -> None:
    span = parea("r", experiment_id="e", input='{"q": 1}', metadata={"k": 1}, scores=[Score("s", 0.25)], model="priced")
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span])
        before = (
            await rows(engine, "SELECT xmin::text, * FROM traces"),
            await rows(engine, "SELECT xmin::text FROM spans"),
        )
        marks = await rows(engine, "SELECT * FROM rollup_marks")
        await writer.submit(TENANT, [span, span])
    assert (
        await rows(engine, "SELECT xmin::text, * FROM traces"),
        await rows(engine, "SELECT xmin::text FROM spans"),
    ) == before
    assert await rows(engine, "SELECT * FROM rollup_marks") == marks


async def test_only_what_is_stored_is_looked_for_conflicts_and_no_write_is_tried_twice(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags: list[tuple[bool, bool, bool]] = []

    def noted(*, are_new: bool, have_scores: bool, have_traces: bool) -> str:
        flags.append((are_new, have_scores, have_traces))
        return write_statement(are_new=are_new, have_scores=have_scores, have_traces=have_traces)

    monkeypatch.setattr(changes, "write_statement", noted)
    scores = [Score(key="quality", value=1.0)]
    async with committer(engine) as writer:
        await writer.submit(TENANT, [parea("r", parent_id="r"), parea("c1", parent_id="r", scores=scores)])
        await writer.submit(TENANT, [parea("c2", parent_id="r")])
        await writer.submit(TENANT, [parea("c2", parent_id="r", model="later")])
        await writer.submit(TENANT, [parea("c3", parent_id="r"), parea("c1", parent_id="r", model="later")])
        await writer.submit(TENANT, [parea("c2", root="other")])
    assert flags == [
        (True, True, False),
        (True, False, True),
        (False, False, True),
        (False, True, True),
        (False, False, True),
    ]
    assert {r["span_id"]: r["trace_id"] for r in await rows(engine, "SELECT * FROM spans")} == {
        "r": "r",
        "c1": "r",
        "c2": "other",
        "c3": "r",
    }


async def test_rows_whose_trace_was_taken_away_by_hand_are_replaced(engine: AsyncEngine) -> None:
    score = Score(key="quality", value=1.0)
    async with committer(engine) as writer:
        await writer.submit(TENANT, [parea("r", parent_id="r", prompt_tokens=3, scores=[score])])
        async with Database(engine).transaction(Kind.WRITE) as tx:
            await tx.driver.execute("DELETE FROM traces")
        await writer.submit(TENANT, [Span(trace_id="r", span_id="r", start_us=START, end_us=START, prompt_tokens=4)])
    assert (await stored_traces(engine))["r"]["prompt_tokens"] == 4
    spans = await rows(engine, "SELECT span_id, prompt_tokens FROM spans")
    assert spans == [{"span_id": "r", "prompt_tokens": 4}]


async def test_a_repeat_updates_field_by_field_and_replaces_its_scores(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(
            TENANT, [parea("r", prompt_tokens=5, cost_pd=9, output='"x"', scores=[Score("a", 1), Score("b", 2)])]
        )
        await writer.submit(
            TENANT, [parea("r", prompt_tokens=0, completion_tokens=2, cost_pd=0, scores=[Score("c", 3)])]
        )
    (row,) = await rows(
        engine, "SELECT s.*, p.output::text FROM spans s JOIN span_payloads p USING (trace_id, span_id)"
    )
    assert (row["prompt_tokens"], row["completion_tokens"], row["cost_pd"], row["output"]) == (5, 2, 9, '"x"')
    assert [r["evaluator_key"] for r in await rows(engine, "SELECT * FROM scores")] == ["c"]
    assert (await stored_traces(engine))["r"]["score_keys"] == ["c"]


async def test_a_repeat_that_names_another_trace_moves_the_span(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(
            TENANT, [parea("r1", "r1", prompt_tokens=1), parea("c", "r1", prompt_tokens=10, output='"o"')]
        )
        await writer.submit(TENANT, [parea("c", "r2", completion_tokens=5)])
        await writer.submit(TENANT, [parea("c", "c", filled=Filled.TRACE, total_tokens=20)])
    traces = await stored_traces(engine)
    assert (traces["r1"]["n_spans"], traces["r1"]["prompt_tokens"]) == (1, 1)
    assert (traces["r2"]["n_spans"], traces["r2"]["prompt_tokens"], traces["r2"]["total_tokens"]) == (1, 10, 20)
    (payload,) = await rows(engine, "SELECT trace_id, output::text FROM span_payloads WHERE span_id = 'c'")
    assert payload == {"trace_id": "r2", "output": '"o"'}
    await assert_traces_equal_their_spans(engine)


async def test_a_trace_that_its_last_span_leaves_is_gone_and_its_minute_marked(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [parea("c", "old", experiment_id="e")])
        async with engine.connect() as connection:
            await connection.exec_driver_sql("DELETE FROM rollup_marks")
        await writer.submit(TENANT, [parea("c", "new", start_us=START + 3_600_000_000)])
    assert list(await stored_traces(engine)) == ["new"]
    assert len(await rows(engine, "SELECT DISTINCT minute FROM rollup_marks")) == 2


async def test_a_patch_lies_over_posts_before_and_after_it(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.override(TENANT, "r", {"output": '"patched"', "cost_pd": None})
        assert await stored_traces(engine) == {}
        await writer.submit(TENANT, [parea("r", output='"posted"', cost_pd=7, prompt_tokens=3, model="priced")])
        await writer.override(TENANT, "r", {"prompt_tokens": 0, "scores": [Score("s", 0.5)]})
        await writer.submit(TENANT, [parea("r", output='"again"', cost_pd=8, prompt_tokens=9)])
    (row,) = await rows(
        engine, "SELECT s.*, p.output::text FROM spans s JOIN span_payloads p USING (trace_id, span_id)"
    )
    assert (row["output"], row["prompt_tokens"], row["cost_pd"]) == ('"patched"', 0, 0)
    assert (await stored_traces(engine))["r"]["score_values"] == [500_000_000]
    await assert_traces_equal_their_spans(engine)


async def test_the_same_ids_in_two_tenants_are_two_spans(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TenantId(1), [parea("r", experiment_id="e", prompt_tokens=1)])
        await writer.submit(TenantId(2), [parea("r", experiment_id="e", prompt_tokens=2)])
    totals = await rows(engine, "SELECT tenant_id, prompt_tokens FROM traces ORDER BY 1")
    assert [tuple(r.values()) for r in totals] == [(1, 1), (2, 2)]
    assert len(await rows(engine, "SELECT 1 FROM experiments")) == 2


async def test_adding_to_a_long_trace_equals_folding_all_of_it(engine: AsyncEngine) -> None:
    total = 3 * trace_rows.FOLD_FROM
    spans = [
        Span(
            trace_id="long",
            span_id=f"s{n}",
            parent_id="s5" if n != 5 else None,
            start_us=START - n * (n % 7),
            end_us=START + n,
            experiment_id="e" if n % 9 == 0 else None,
            prompt_tokens=n,
            model=f"m{n // 100}",
            metadata={f"k{n % 5}": n},
            scores=[Score("s", n / 8)] if n % 4 == 0 else None,
        )
        for n in range(total)
    ]
    async with committer(engine) as writer:
        for span in spans[:-2]:
            await writer.submit(TENANT, [span])
        assert (await stored_traces(engine))["long"]["fold"] is not None
        await assert_traces_equal_their_spans(engine)
        changed = Span(trace_id="long", span_id="s7", prompt_tokens=10_000, start_us=START - 999)
        await writer.submit(TENANT, [spans[-2], changed, spans[-1]])
    await assert_traces_equal_their_spans(engine)
    assert (await stored_traces(engine))["long"]["prompt_tokens"] == sum(range(total)) - 7 + 10_000


async def test_a_trace_beyond_its_limit_refuses_the_request_alone(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_rows, "MAX_SPANS_OF_TRACE", 3)
    async with committer(engine) as writer:
        with pytest.raises(InvalidInput, match="at most 3 spans"):
            await writer.submit(TENANT, [Span(trace_id="t", span_id=f"s{n}") for n in range(4)])
        await writer.submit(TENANT, [Span(trace_id="t", span_id=f"s{n}") for n in range(3)])
        with pytest.raises(InvalidInput):
            await writer.submit(TENANT, [Span(trace_id="t", span_id="s9")])
    assert (await stored_traces(engine))["t"]["n_spans"] == 3


async def test_what_comes_after_an_experiment_was_marked_deleted_begins_anew(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [parea("r", experiment_id="e", prompt_tokens=5), parea("c", prompt_tokens=6)])
        async with engine.connect() as connection:
            await connection.exec_driver_sql("UPDATE experiments SET deleted_at = now()")
        await writer.submit(TENANT, [parea("c2", experiment_id="e", prompt_tokens=1)])
    assert [r["span_id"] for r in await rows(engine, "SELECT span_id FROM spans")] == ["c2"]
    (alive,) = await rows(engine, "SELECT key FROM experiments WHERE deleted_at IS NULL")
    assert (await stored_traces(engine))["r"]["experiment_key"] == alive["key"]
    await assert_traces_equal_their_spans(engine)


async def test_a_deleted_experiment_that_only_a_child_names_is_not_fallen_back_to(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [parea("r", experiment_id="kept")])
        await writer.submit(TENANT, [parea("c", parent_id="r", start_us=START - 5, experiment_id="gone")])
        async with engine.connect() as connection:
            await connection.exec_driver_sql("UPDATE experiments SET deleted_at = now() WHERE id = 'gone'")
        # An earlier root that names none: the trace would fall to the earliest span that names one.
        await writer.submit(TENANT, [parea("c0", start_us=START - 9, parent_id="c0")])
    (remaining,) = await rows(engine, "SELECT key FROM experiments WHERE id = 'kept'")
    assert (await stored_traces(engine))["r"]["experiment_key"] == remaining["key"]


@pytest.mark.parametrize(
    "grown",
    [
        {"metadata": {"k{}": "x" * 200}},
        {"scores": [Score(f"s{n}", 1.0, name=f"s{n}") for n in range(9)]},
        {"scores": [Score("s", 1.0, reason="x" * 200)]},
        {"labels": {"label{}": "x" * 200}},
    ],
    ids=["metadata", "scores", "reasons", "labels"],
)
async def test_what_spans_add_to_the_row_of_their_trace_is_bounded(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, grown: dict[str, Any]
) -> None:
    """Each further span would write it all again."""
    monkeypatch.setattr(trace_rows, "MAX_BYTES_OF_TRACE", 20_000)
    monkeypatch.setattr(trace_rows, "FOLD_FROM", 3)
    async with committer(engine) as writer:

        async def grow() -> None:
            for n in range(1000):
                own = {k: _numbered(v, n) for k, v in grown.items()}
                await writer.submit(TENANT, [parea(f"c{n}", parent_id=None if n == 0 else "c0", **own)])

        with pytest.raises(InvalidInput, match="20000 bytes together"):
            await grow()
        stored = (await stored_traces(engine))["r"]["n_spans"]
        # The trace is as it was, and goes on with spans that add nothing.
        await writer.submit(TENANT, [parea("small", parent_id="c0")])
    assert 10 < stored < 110
    assert (await stored_traces(engine))["r"]["n_spans"] == stored + 1
    await assert_traces_equal_their_spans(engine)


def _numbered(value: Any, n: int) -> Any:
    return {name.format(n): v for name, v in value.items()} if isinstance(value, dict) else value
