"""Traces read as columns: every value is there again, whatever traces hold, and in the order of stored chunks."""

import json
import random
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar.chunk import Chunk, Texts
from spanstats.columnar.dimensions import starts_of
from spanstats.columnar.format import ITEM_KEY, MEASURED, NUMBERS, OBJECTS, TEXTS
from spanstats.columnar.from_traces import Rows, chunks_of_traces
from spanstats.columnar.needs import Needs
from spanstats.domain.span import Score, Span
from spanstats.store.session import Database, Kind
from spanstats.store.tables import traces
from tests.filters.world import store
from tests.ingest.worlds import START, rows

pytestmark = pytest.mark.anyio
EVERYTHING = Needs(frozenset({*NUMBERS, *TEXTS, ITEM_KEY}), every_score=True)
KEYED = """
UPDATE traces SET item_key = CASE WHEN n % 3 > 0 THEN decode(md5((n % 40)::text), 'hex') ELSE '' END,
    target_key = CASE WHEN n % 5 > 0 THEN (n % 7 - 3) * 10::bigint ^ 18 END
FROM (SELECT trace_id, substr(trace_id, 2)::int AS n FROM traces) AS numbered
WHERE traces.trace_id = numbered.trace_id
"""
SCORES = [
    Score("few", 0.5),
    Score("few", -1.0),
    Score("many", 1 / 3),
    Score("wild", 1e300),
    Score("said", None, "text", text="fine"),
    Score("passed", 1.0, "boolean"),
]


def random_span(rng: random.Random, n: int) -> Span:
    start = START + rng.randrange(4) * 60_000_000 + rng.choice([0, 1, 59_999_999])
    return Span(
        trace_id=f"t{n:03}",
        span_id=f"t{n:03}",
        parent_id=rng.choice([None, "p"]),
        status=rng.choice(["success", "error", "pending"]),
        model=rng.choice([None, "gpt", "claude"]),
        name=rng.choice([None, "", 'quoted "name"', "ünï\n"]),
        start_us=start,
        end_us=start + 9,
        latency_us=rng.choice([None, 0, 10**12]),
        ttft_us=rng.choice([None, 7]),
        prompt_tokens=rng.randrange(1_000),
        completion_tokens=rng.randrange(10**9),
        total_tokens=rng.randrange(10),
        cost_pd=rng.choice([None, 0, 10**17]),
        labels=rng.choice([{}, {"environment": "prod"}, {"comparison_key": "k"}]),
        metadata=rng.choice(METADATA),
        scores=rng.sample(SCORES, rng.randrange(len(SCORES))),
    )


METADATA: list[dict[str, Any]] = [
    {},
    {"k": 1},
    {"k": 1.0, "l": [1, {"a": "b"}]},
    {"k": "1"},
    {"k": True, "ü.x": ""},
]


def texts(column: Texts | None, n: int) -> list[Any]:
    return (
        [None] * n
        if column is None
        else [json.loads(column.values[code - 1]) if code else None for code in column.codes]
    )


def item_keys(chunk: Chunk) -> list[bytes]:
    halves = chunk.item_keys().rows().tolist()
    return [b"".join(half.to_bytes(8) for half in row) if any(row) else b"" for row in halves]


def decoded(chunk: Chunk) -> list[dict[str, Any]]:
    """What the columns say of each trace."""
    of_traces: list[dict[str, Any]] = [{"scores": []} for _ in range(chunk.n)]
    for name in (*MEASURED, "has_root", "many_models", "failed", "key_sent"):
        numbers = chunk.numbers(name)
        valid = [True] * chunk.n if numbers.valid is None else numbers.valid
        for trace, value, has in zip(of_traces, numbers.values().tolist(), valid, strict=True):
            trace[name] = value if has else None
    for trace, start in zip(of_traces, starts_of(chunk).tolist(), strict=True):
        trace["start_time"] = start
    for name in (*TEXTS, *(name for name in chunk.columns if name.startswith(OBJECTS))):
        for trace, value in zip(of_traces, texts(chunk.texts(name), chunk.n), strict=True):
            if value is not None:
                trace[name] = value
    for trace, of_item in zip(of_traces, item_keys(chunk), strict=True):
        trace[ITEM_KEY] = of_item
    for key in chunk.evaluators():
        scores = chunk.scores(key)
        assert scores is not None
        valid = [True] * len(scores.values.codes) if scores.values.valid is None else scores.values.valid
        places = range(chunk.n) if scores.rows is None else scores.rows
        each = zip(places, scores.values.values().tolist(), valid, scores.kinds.values().tolist(), strict=True)
        for row, value, has, kind in each:
            of_traces[row]["scores"].append((key, value if has else None, kind))
    return of_traces


def expected(row: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: row[name] for name in (*MEASURED, "start_time", ITEM_KEY)}
    numbers |= {"has_root": int(row["has_root"]), "many_models": int(row["many_models"])}
    present = {name: row[name] for name in TEXTS if row[name] is not None}
    members = {f"{o}.{k}": v for o in ("labels", "metadata") for k, v in (row[o] or {}).items()}
    scores = zip(row["score_keys"] or [], row["score_values"] or [], row["score_kinds"] or [0] * 99, strict=False)
    return {
        **numbers,
        "failed": int(row["status"] == "error"),
        "key_sent": int(bool((row["labels"] or {}).get("comparison_key"))),
        **present,
        **members,
        "scores": sorted(scores, key=lambda s: s[0]),
    }


@pytest.mark.parametrize("most", [7, 64, 65_536])
async def test_every_value_is_found_again(engine: AsyncEngine, most: int) -> None:
    rng = random.Random(most)
    await store(engine, [random_span(rng, n) for n in range(150)])
    async with engine.begin() as connection:
        await connection.exec_driver_sql(KEYED)
    stored = await rows(engine, "SELECT * FROM traces ORDER BY start_time, trace_id")
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        stream = chunks_of_traces(
            tx, [Rows(traces.c.tenant_id == 1)], EVERYTHING, every_member=True, in_order=True, most=most
        )
        chunks = [chunk async for chunk in stream]
    assert [chunk.n for chunk in chunks] == [most] * (150 // most) + ([150 % most] if 150 % most else [])
    assert [t for chunk in chunks for t in decoded(chunk)] == [expected(row) for row in stored]
    assert {chunk.info.omitted for chunk in chunks} == {()}


async def test_only_the_columns_that_are_needed_are_read(engine: AsyncEngine) -> None:
    rng = random.Random(1)
    await store(engine, [random_span(rng, n) for n in range(40)])
    needed = Needs(frozenset({"cost_pd", "metadata.k", "scores.few"}))
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        (chunk,) = [chunk async for chunk in chunks_of_traces(tx, [Rows(traces.c.tenant_id == 1)], needed)]
    assert set(chunk.columns) == needed.columns
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        assert [c async for c in chunks_of_traces(tx, [Rows(traces.c.tenant_id == 7)], needed)] == []
