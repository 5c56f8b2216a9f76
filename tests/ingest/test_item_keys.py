"""Item keys follow the root's input through repeats, patches and late roots, and come to traces that had none."""

import json
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.item_key import input_key, key_of_text, target_key
from spanstats.domain.span import Span
from spanstats.ingest import item_keys
from spanstats.ingest.item_keys import derive_some
from spanstats.store.session import Database
from tests.stats.warming import warm

from .worlds import START, TENANT, committer, rows

pytestmark = [pytest.mark.anyio, pytest.mark.one_version("other tests make the same statements")]


def span(span_id: str, trace_id: str = "t", **fields: Any) -> Span:
    at = {"start_us": START, "end_us": START + 1, "experiment_id": "e"}
    return Span(trace_id=trace_id, span_id=span_id, **{**at, **fields})


async def key_of(engine: AsyncEngine, trace_id: str = "t") -> tuple[str | None, int | None]:
    keys = await rows(engine, "SELECT item_key, target_key FROM traces WHERE trace_id = $1", trace_id)
    [row] = keys
    return None if row["item_key"] is None else row["item_key"].hex(), row["target_key"]


A, B = '{"q": "a"}', '{"q": "b"}'


async def test_the_key_is_the_roots_whatever_the_order(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span("child", parent_id="root", input=B)])
        assert await key_of(engine) == ("", None)
        await writer.submit(TENANT, [span("root", input=A, target='"yes"')])
        assert await key_of(engine) == (input_key(A), target_key('"yes"'))
        await writer.submit(TENANT, [span("other", parent_id="root", input=B)])
        assert (await key_of(engine))[0] == input_key(A)


async def test_the_key_follows_repeats(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span("root")])
        assert (await key_of(engine))[0] == ""
        await writer.submit(TENANT, [span("root", input=A)])
        assert (await key_of(engine))[0] == input_key(A)
        await writer.submit(TENANT, [span("root", output='"done"')])
        assert (await key_of(engine))[0] == input_key(A)
        await writer.submit(TENANT, [span("root", input=B)])
        assert (await key_of(engine))[0] == input_key(B)
        await writer.submit(TENANT, [span("root", parent_id="above")])
        assert (await key_of(engine))[0] == ""


async def test_the_key_follows_patches(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.override(TENANT, "s", {"input": B, "target": '"no"'})
        await writer.submit(TENANT, [span("s", by_span_id=True, input=A)])
        assert await key_of(engine) == (input_key(B), target_key('"no"'))
        await writer.override(TENANT, "s", {"input": None, "target": None})
        assert await key_of(engine) == ("", None)


async def test_a_comparison_key_goes_before_the_input(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span("root", input=A)])
        await writer.submit(TENANT, [span("child", parent_id="root", labels={"comparison_key": "k"})])
        assert (await key_of(engine))[0] == key_of_text("k")


async def test_a_long_trace_keeps_its_key(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span("root", input=A), *(span(f"c{n}", parent_id="root") for n in range(80))])
        await writer.submit(TENANT, [span("late", parent_id="root", input=B)])
        assert (await key_of(engine))[0] == input_key(A)


async def test_old_traces_get_their_keys_in_the_background(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        spans = [span("root", f"t{n}", input=json.dumps({"n": n}), target='"x"') for n in range(7)]
        await writer.submit(TENANT, [*spans, span("child", "u", parent_id="gone", input=A)])
        await writer.submit(TENANT, [span("root", "v", input=A, labels={"comparison_key": "k"})])
    before = await rows(engine, "SELECT trace_id, item_key, target_key FROM traces ORDER BY trace_id")
    spans_before = await rows(engine, "SELECT trace_id, span_id, input_key, target_key FROM spans ORDER BY 1, 2")
    async with engine.connect() as connection:
        await connection.execute(text("UPDATE traces SET item_key = NULL, target_key = NULL"))
        await connection.execute(text("UPDATE spans SET input_key = NULL, target_key = NULL"))
    counts = []
    while done := await derive_some(Database(engine), limit=4):
        counts.append(done)
    assert counts == [4, 4, 1]
    assert await rows(engine, "SELECT trace_id, item_key, target_key FROM traces ORDER BY trace_id") == before
    after = await rows(engine, "SELECT trace_id, span_id, input_key, target_key FROM spans ORDER BY 1, 2")
    assert after == spans_before


async def test_a_trace_whose_root_is_old_says_so_until_its_turn_comes(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span("root", input=A)])
        async with engine.connect() as connection:
            await connection.execute(text("UPDATE spans SET input_key = NULL"))
        await writer.submit(TENANT, [span("child", parent_id="root")])
        assert (await key_of(engine))[0] is None
        await derive_some(Database(engine))
        assert (await key_of(engine))[0] == input_key(A)


async def test_caches_are_marked_once_hardly_any_key_is_left(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marks of each step would have every minute computed again and again."""
    monkeypatch.setattr(item_keys, "_FEW_LEFT", 5)
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span(f"s{n:02}", f"t{n:02}", input=A) for n in range(20)])
    await warm(engine)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE traces SET item_key = NULL")
    marked = []
    while await derive_some(Database(engine), 4):
        marked.append(len(await rows(engine, "SELECT FROM rollup_marks")))
    assert marked == [0, 0, 0, 1, 2]
    await warm(engine)
    assert await rows(engine, "SELECT n, n_without_key FROM rollups WHERE level = 0") == [{"n": 20, "n_without_key": 0}]
