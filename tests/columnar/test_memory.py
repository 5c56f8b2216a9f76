"""What questions may hold of columns together: more is refused with a reason, and given back afterwards."""

import gc

import numpy as np
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar import plan
from spanstats.columnar.arms import Arm
from spanstats.columnar.chunk import Chunk, Info
from spanstats.columnar.encode import numbers_of
from spanstats.columnar.format import MEASURED
from spanstats.columnar.memory import Memory
from spanstats.columnar.needs import Needs
from spanstats.columnar.reader import Columns
from spanstats.columnar.selection import ChunkView, Selection, view_of
from spanstats.domain.keys import ExperimentKey
from spanstats.errors import Unavailable
from spanstats.insights.dimensions import Dimension
from spanstats.insights.questions import Question
from spanstats.insights.snapshot import snapshot
from spanstats.insights.spans import select_spans
from spanstats.store.session import Database, Kind
from tests.ingest.worlds import TENANT
from tests.insights.world import stored_run
from tests.stats.warming import warm

pytestmark = [pytest.mark.anyio, pytest.mark.one_version("the memory is that of the process")]


def views(n: int) -> list[ChunkView]:
    """Of four bytes a row, and 500."""
    chunk = Chunk(Info(n, ("cost_pd",)), {"cost_pd": numbers_of(np.random.default_rng(n).integers(0, 10**9, n))})
    return [ChunkView(chunk)]


def test_what_is_too_much_for_one_is_told_from_what_others_hold() -> None:
    memory = Memory(11_000)
    with pytest.raises(Unavailable, match="needs more memory than this service gives to one"):
        memory.begin().add(views(3_000))
    first = memory.begin()
    first.add(views(2_000))
    second = memory.begin()
    with pytest.raises(Unavailable, match="other questions hold"):
        second.add(views(1_000))
    assert memory.reserved == 8_500
    first.add(views(500))
    assert memory.reserved == 11_000


def test_it_is_given_back_with_the_last_selection() -> None:
    memory = Memory(100_000)
    reservation = memory.begin()
    reservation.add(views(1_000))
    one, other = Selection([], reservation=reservation), Selection([], reservation=reservation)
    del reservation, one
    gc.collect()
    assert memory.reserved == 4_500
    del other
    gc.collect()
    assert memory.reserved == 0


def test_rows_that_are_selected_count_as_well() -> None:
    (whole,) = views(1_000)
    memory = Memory(100_000)
    reservation = memory.begin()
    reservation.add([view_of(whole.chunk, np.arange(1_000) % 10 == 0)])
    assert memory.reserved > 4_000 + 1_000


@pytest.mark.parametrize("from_columns", [False, True])
async def test_a_question_of_columns_or_of_traces_ends(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, *, from_columns: bool
) -> None:
    await stored_run(engine, 1, 60)
    if from_columns:
        monkeypatch.setattr(plan, "FEW_TRACES", 0)
        await warm(engine)
    columns, needs = Columns(question_bytes=10), Needs(frozenset(MEASURED))
    async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
        with pytest.raises(Unavailable, match="narrow the window, filter, or name fewer measures"):
            await columns.select(tx, [Arm(ExperimentKey(1))], needs)
        gc.collect()
        assert columns.memory.reserved == 0
        enough = Columns()
        assert (await enough.select(tx, [Arm(ExperimentKey(1))], needs))[0].n > 10
        gc.collect()
        assert enough.memory.reserved == 0


async def test_a_question_of_spans_ends(engine: AsyncEngine) -> None:
    await stored_run(engine, 2, 60)
    async with snapshot(Database(engine), TENANT) as state:
        arguments = state, Columns(question_bytes=10), ExperimentKey(1), Question(), [Dimension("span_name")]
        with pytest.raises(Unavailable, match="narrow the window, filter, or name fewer measures"):
            await select_spans(*arguments)
