"""Item keys as columns: stored as they are, and not at all before they are derived."""

import numpy as np
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar import plan
from spanstats.columnar.arms import Arm
from spanstats.columnar.chunk import Chunk, Digests, Info
from spanstats.columnar.encode import digests_of
from spanstats.columnar.format import ITEM_KEY, TARGET_KEY
from spanstats.columnar.needs import Needs
from spanstats.columnar.reader import Columns
from spanstats.columnar.stored import packed, unpacked
from spanstats.domain.item_key import input_key
from spanstats.domain.keys import ExperimentKey
from spanstats.domain.span import Span
from spanstats.ingest.item_keys import derive_some
from spanstats.stats.maintenance import mismatches
from spanstats.store.session import Database, Kind
from tests.ingest.worlds import START, TENANT, committer, rows
from tests.stats.warming import warm

pytestmark = pytest.mark.anyio
NEEDS = Needs(frozenset({ITEM_KEY, TARGET_KEY}))


@pytest.mark.parametrize("different", [1, 5, 300, 900])
@pytest.mark.parametrize("without", [0, 0.3])
def test_digests_survive_being_stored(different: int, without: float) -> None:
    rng = np.random.default_rng(different)
    keys = rng.integers(0, 2**64, (different, 2), np.uint64)
    rows_ = keys[rng.integers(0, different, 1_000)]
    rows_[rng.random(1_000) < without] = 0
    column = digests_of(rows_)
    data = packed(Chunk(Info(1_000, (ITEM_KEY,)), {ITEM_KEY: column}))[ITEM_KEY]
    again = unpacked(data)
    assert isinstance(again, Digests)
    assert (again.rows() == rows_).all()
    # Repeated digests are stored once.
    assert len(data) < 16 * min(1_000, different) + 2 * 1_000 + 100


def test_no_digests_are_stored_as_none() -> None:
    column = digests_of(np.zeros((70_000, 2), np.uint64))
    assert not column.rows().any()
    assert len(packed(Chunk(Info(70_000, (ITEM_KEY,)), {ITEM_KEY: column}))[ITEM_KEY]) < 100


async def item_keys(engine: AsyncEngine, columns: Columns) -> list[str]:
    """Of all traces in order of start."""
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        (selection,) = await columns.select(tx, [Arm(ExperimentKey(1))], NEEDS)
    halves = [row for view in selection.views for row in view.of(view.chunk.item_keys().rows()).tolist()]
    return [b"".join(half.to_bytes(8) for half in row).hex() if any(row) else "" for row in halves]


async def test_keys_that_come_later_are_read_once_they_are_there(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "FEW_TRACES", 0)
    inputs = [None, '"a"', '"b"', '"a"']
    spans = [
        Span(trace_id=f"t{n}", span_id=f"t{n}", experiment_id="e", start_us=START + n, end_us=START + n + 1, input=text)
        for n, text in enumerate(inputs)
    ]
    async with committer(engine) as writer:
        await writer.submit(TENANT, spans)
    expected = ["" if text is None else input_key(text) for text in inputs]
    async with engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE traces SET item_key = NULL WHERE trace_id IN ('t1', 't2')")
    await warm(engine)
    columns = Columns()
    assert await rows(engine, "SELECT name FROM column_data WHERE name IN ('item_key', 'target_key')") == []
    assert await item_keys(engine, columns) == [expected[0], "", "", expected[3]]
    assert await derive_some(Database(engine)) == 2
    assert await item_keys(engine, columns) == expected
    await warm(engine)
    assert len(await rows(engine, "SELECT name FROM column_data WHERE name = 'item_key'")) == 1
    assert await item_keys(engine, columns) == expected
    assert await mismatches(Database(engine)) == []
