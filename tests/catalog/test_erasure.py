"""What stands under deleted experiments goes in batches, whoever comes and whenever someone stops."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.ingest.worlds import START, TENANT, assert_traces_equal_their_spans, committer, rows
from tests.stats.warming import warm

from spanstats.catalog import definitions
from spanstats.catalog.erasure import erase_some, keep_erased
from spanstats.domain.span import Score, Span
from spanstats.errors import NotFound
from spanstats.stats.maintenance import mismatches
from spanstats.store.session import Database

pytestmark = [pytest.mark.anyio, pytest.mark.one_version("other tests make the same statements")]
TABLES = ("spans", "span_payloads", "traces", "scores")


def span(number: int, experiment_id: str) -> Span:
    times: dict[str, Any] = {"start_us": START + number * 20_000_000, "end_us": START + number * 20_000_000 + 5}
    return Span(
        trace_id=f"{experiment_id}{number}", span_id="s", experiment_id=experiment_id, scores=[Score("q", 1.0)], **times
    )


async def fill(engine: AsyncEngine, experiment_id: str, traces: int) -> None:
    async with committer(engine) as writer:
        await writer.submit(TENANT, [span(n, experiment_id) for n in range(traces)])


async def left(engine: AsyncEngine) -> list[int]:
    return [len(await rows(engine, f"SELECT 1 FROM {table}")) for table in TABLES]


async def test_each_step_is_bounded_and_the_next_one_goes_on(engine: AsyncEngine) -> None:
    await fill(engine, "e", 25)
    await fill(engine, "f", 3)
    await warm(engine)
    await definitions.delete(Database(engine), TENANT, "e")
    counts = []
    while await erase_some(Database(engine), limit=10):
        counts.append((await left(engine))[0])
        await assert_traces_equal_their_spans(engine)
        await warm(engine)
        assert await mismatches(Database(engine)) == []
    assert counts == [18, 8, 3, 3]
    assert await left(engine) == [3, 3, 3, 3]
    assert [r["id"] for r in await rows(engine, "SELECT id FROM experiments")] == ["f"]


async def test_patches_of_its_spans_go_with_an_experiment(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        for name in "ef":
            times: dict[str, Any] = {"start_us": START, "end_us": START}
            await writer.submit(
                TENANT, [Span(trace_id=name, span_id=f"s{name}", by_span_id=True, experiment_id=name, **times)]
            )
            await writer.override(TENANT, f"s{name}", {"name": "patched"})
    await definitions.delete(Database(engine), TENANT, "e")
    while await erase_some(Database(engine)):
        pass
    assert [row["span_id"] for row in await rows(engine, "SELECT span_id FROM patches")] == ["sf"]


async def test_several_at_once_erase_everything_once(engine: AsyncEngine) -> None:
    for name in ("e", "f", "g"):
        await fill(engine, name, 12)
        await definitions.delete(Database(engine), TENANT, name)
    tasks = [asyncio.create_task(keep_erased(Database(engine), every_s=0.01)) for _ in range(3)]
    async with asyncio.timeout(60):
        while await rows(engine, "SELECT 1 FROM experiments"):
            await asyncio.sleep(0.02)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert await left(engine) == [0, 0, 0, 0]
    await warm(engine)
    assert await rows(engine, "SELECT 1 FROM rollups") == []


async def test_what_is_deleted_is_not_found_and_may_be_made_again(engine: AsyncEngine) -> None:
    first = await definitions.create(Database(engine), TENANT, "e", {"name": "first"})
    await definitions.delete(Database(engine), TENANT, "e")
    with pytest.raises(NotFound):
        await definitions.get(Database(engine), TENANT, "e")
    again = await definitions.create(Database(engine), TENANT, "e", {"name": "second"})
    assert again.key != first.key
    while await erase_some(Database(engine)):
        pass
    assert (await definitions.get(Database(engine), TENANT, "e")).name == "second"


async def test_a_deletion_waits_for_a_write_that_holds_the_experiment(engine: AsyncEngine) -> None:
    await fill(engine, "e", 1)
    async with engine.connect() as writer:
        await writer.exec_driver_sql("BEGIN")
        await writer.exec_driver_sql("SELECT key FROM experiments WHERE id = 'e' FOR KEY SHARE")
        deletion = asyncio.ensure_future(definitions.delete(Database(engine), TENANT, "e"))
        await asyncio.sleep(0.2)
        assert not deletion.done()
        await writer.exec_driver_sql("COMMIT")
    await deletion
