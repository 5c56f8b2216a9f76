"""Selections of arms: window, filter and experiment, all of one snapshot; an answer has an end."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar.aggregate import sums
from spanstats.columnar.arms import Arm
from spanstats.columnar.measures import NumberOf, needs_of
from spanstats.columnar.reader import Columns
from spanstats.columnar.selection import Selection
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.keys import ExperimentKey
from spanstats.domain.span import Span
from spanstats.domain.window import MINUTE_US, Window
from spanstats.errors import Unavailable
from spanstats.filters.bind import bind
from spanstats.filters.disjuncts import Filter, compile_filter
from spanstats.filters.trace_fields import TRACES
from spanstats.store.session import Database, Timeouts
from tests.ingest.worlds import START, TENANT, committer

pytestmark = pytest.mark.anyio
TOKENS = NumberOf("prompt_tokens")


def matching(filters: Any) -> Filter:
    tree = read_filters({"filters": filters})
    assert tree is not None
    return compile_filter(bind(tree, TRACES), TENANT)


async def fill(engine: AsyncEngine) -> None:
    """Experiment `a` (key 1) has 40 traces, a minute apart, of tokens 0 to 39; every fourth failed."""
    async with committer(engine) as writer:
        times = [START + n * MINUTE_US for n in range(40)]
        spans = [
            Span(
                trace_id=f"t{n}",
                span_id=f"t{n}",
                experiment_id="a",
                prompt_tokens=n,
                status="error" if n % 4 == 0 else "success",
                start_us=start,
                end_us=start + 1,
            )
            for n, start in enumerate(times)
        ]
        await writer.submit(TENANT, spans)


def totals(selections: list[Selection]) -> list[tuple[int, int]]:
    return [(selection.n, sums(selection, TOKENS).total) for selection in selections]


async def test_each_arm_has_its_own_window_and_filter(engine: AsyncEngine) -> None:
    await fill(engine)
    failed = matching({"status": {"operator": "", "value": ["error"]}})
    arms = [
        Arm(ExperimentKey(1)),
        Arm(ExperimentKey(1), matching=failed),
        Arm(ExperimentKey(1), Window(START + 10 * MINUTE_US, START + 20 * MINUTE_US)),
        Arm(ExperimentKey(1), Window(START + 1), failed),
        Arm(ExperimentKey(2)),
    ]
    answers = await Columns().answer(Database(engine), arms, needs_of(TOKENS), totals)
    assert answers == [(40, 780), (10, 180), (10, 145), (9, 180), (0, 0)]


async def test_work_that_takes_too_long_ends(engine: AsyncEngine) -> None:
    await fill(engine)

    def for_ever(selections: list[Selection]) -> None:
        while True:
            list(selections[0].each())

    with pytest.raises(Unavailable, match="longer than this service allows"):
        await Columns().answer(
            Database(engine, Timeouts(read_s=0.3)), [Arm(ExperimentKey(1))], needs_of(TOKENS), for_ever
        )
