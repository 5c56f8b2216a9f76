"""Spans by a text that they have: the same from sums that columns keep as from the spans themselves."""

from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar import span_sums
from spanstats.columnar.arms import Arm
from spanstats.columnar.reader import Columns
from spanstats.domain.keys import ExperimentKey
from spanstats.domain.span import Span
from spanstats.domain.times import iso
from spanstats.stats.maintenance import COLUMNS, mismatches
from spanstats.store.session import Database, Kind
from tests.ingest.worlds import START, TENANT, committer
from tests.stats.warming import warm

from .conftest import StoreOnce
from .test_breakdown import PATH, check_group, groups_by, spans_of_run
from .test_experiment import ask
from .world import MINUTE, RUN, Row, in_window, stored_run

pytestmark = pytest.mark.anyio

MEASURES = (
    "cost.sum",
    "cost.mean",
    "prompt_tokens.sum",
    "completion_tokens.mean",
    "total_tokens.count",
    "latency.mean",
    "latency.missing",
    "ttft.sum",
    "error.mean",
)
BY = {"model": "model", "span_name": "name", "provider_id": "provider", "log_type": "kind"}
"""What the interface calls the columns of spans."""
# The last one cuts a stored segment and a minute.
WINDOWS = ((None, None), (START + 5_000 * MINUTE, START + 30_000 * MINUTE), (START + 20_000 * MINUTE + 1, None))


async def by(client: httpx.AsyncClient, name: str, window: tuple[int | None, int | None], **options: Any) -> Any:
    start, end = (None if us is None else iso(us) for us in window)
    return await ask(client, PATH, group_by=name, measures=list(MEASURES), start_time=start, end_time=end, **options)


def check(breakdown: Any, spans: list[Row], name: str) -> None:
    spans_by_key = groups_by(spans, lambda span: span[BY[name]])
    assert {_key(group, name) for group in breakdown["groups"]} == set(spans_by_key)
    for group in breakdown["groups"]:
        check_group(group, spans_by_key[_key(group, name)], MEASURES)
    check_group(breakdown["total"], spans, MEASURES)


def _key(group: Row, name: str) -> str:
    return next(iter(groups_by([group["key"]], lambda key: key[name])))


async def of_window(engine: AsyncEngine, rows: list[Row], window: tuple[int | None, int | None]) -> list[Row]:
    inside = {row["trace_id"] for row in in_window(rows, *window)}
    return [
        span | {"completion_tokens": None if span["uncounted"] & 1 else span["completion_tokens"]}
        for span in await spans_of_run(engine)
        if span["trace_id"] in inside
    ]


async def others_of_the_run(engine: AsyncEngine) -> None:
    """Some minutes are invalid then, some of them in stored segments."""
    await stored_run(engine, 82, 60)


@pytest.mark.parametrize("name", BY)
@pytest.mark.parametrize("window", WINDOWS)
async def test_it_is_exact_from_spans_from_columns_and_from_both(
    store_once: StoreOnce, window: tuple[int | None, int | None], name: str
) -> None:
    client, engine, rows = await store_once(81, 120)
    check(await by(client, name, window), await of_window(engine, rows, window), name)
    client, engine, rows = await store_once(81, 120, warmed=True)
    check(await by(client, name, window), await of_window(engine, rows, window), name)
    limited = await by(client, name, window, limit=1, order_by="-cost.sum")
    whole = await by(client, name, window, order_by="-cost.sum")
    assert limited["groups"] == whole["groups"][:1]
    sums = [group["cost"]["sum"] or 0 for group in whole["groups"]]
    assert sums == sorted(sums, reverse=True)
    other = limited["other"] or {"cost": {"mean": None}, "count": 0}
    assert other["cost"]["mean"] is None
    assert limited["total"]["count"] == sum(g["count"] for g in limited["groups"]) + other["count"]
    client, engine, rows = await store_once(81, 120, warmed=True, then=others_of_the_run)
    check(await by(client, name, window), await of_window(engine, rows, window), name)


@pytest.mark.parametrize("name", BY)
async def test_what_is_kept_answers_without_reading_spans(
    client: httpx.AsyncClient, engine: AsyncEngine, name: str
) -> None:
    await stored_run(engine, 85, 60)
    await warm(engine)
    before = await by(client, name, (None, None))
    async with engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM spans")
    assert (await by(client, name, (None, None)))["groups"] == before["groups"] != []


async def test_what_is_kept_is_read_and_is_compared_with_the_spans(engine: AsyncEngine) -> None:
    await stored_run(engine, 83, 60)
    await warm(engine)
    database = Database(engine)

    async def kept() -> Any:
        async with database.transaction(Kind.SNAPSHOT) as tx:
            return span_sums.added(await Columns().span_sums(tx, Arm(ExperimentKey(1)), "model") or [])

    before = await kept()
    assert len(before) > 3
    assert await mismatches(database) == []
    async with engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE spans SET cost_pd = 5")
    assert await kept() == before
    assert {level for _, level, _ in await mismatches(database)} == {COLUMNS}


async def test_very_many_values_are_read_from_the_spans(
    client: httpx.AsyncClient, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span_sums, "VALUES_OF_ONE_RANGE", 3)
    rows = await stored_run(engine, 84, 60)
    await warm(engine)
    for name in BY:
        check(await by(client, name, (None, None)), await of_window(engine, rows, (None, None)), name)


async def test_sums_larger_than_64_bits_are_kept(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        for n in range(120):
            span = Span(trace_id=f"t{n}", span_id="s", experiment_id=RUN, model="m", cost_pd=10**17)
            span.start_us, span.end_us = START + n, START + n + 1
            await writer.submit(TENANT, [span])
    await warm(engine)
    breakdown = await ask(client, PATH, group_by="model", measures=["cost.sum"])
    assert breakdown["groups"][0]["cost"] == {"count": 120, "missing": 0, "sum": 12_000_000.0}
