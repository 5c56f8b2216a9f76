"""The traces of an arm are the same from columns and from the table, whatever is stored of them."""

import random

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar import plan as planning
from spanstats.columnar.reader import Columns
from spanstats.comparison.arm_traces import ArmTraces, Plan
from spanstats.comparison.arms import Arm, find_arms
from spanstats.comparison.from_traces import read_from_traces
from spanstats.comparison.measures import NUMBERS, Number, Scores
from spanstats.comparison.pairing import PairBy
from spanstats.comparison.reading import read_traces
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.span import Score, Span
from spanstats.domain.window import Window
from spanstats.filters.bind import bind
from spanstats.filters.disjuncts import Filter, compile_filter
from spanstats.filters.trace_fields import TRACES
from spanstats.store.session import Database, Kind
from tests.ingest.worlds import START, TENANT, committer
from tests.stats.warming import warm

from .test_compare import random_run

pytestmark = pytest.mark.anyio
MEASURES: list[Number | Scores] = [
    *NUMBERS.values(),
    *(Scores(f"scores.{key}", key) for key in ("exact", "quality", "none")),
]
SPREAD = 10**9
"""Within so many microseconds they start."""


def with_keys(rng: random.Random, spans: list[Span]) -> list[Span]:
    for span in spans:
        if rng.random() < 0.3:
            span.labels = {"comparison_key": f"k{rng.randrange(5)}"}
        if rng.random() < 0.1:
            more = [Score("quality", 9e9 - 1), Score("quality", 9e9 - 2), Score("exact", text="x")]
            span.scores = [*(span.scores or []), *more]
    return spans


def rows(arm: ArmTraces) -> list[str]:
    """A row of each trace, in an order of their own."""
    each = [(v.sums.tolist(), v.counts.tolist(), v.has.tolist()) for v in arm.values]
    columns = [arm.keys.tolist(), arm.with_comparison_key.tolist(), arm.has_root.tolist(), arm.targets.tolist()]
    return sorted(map(repr, zip(*columns, *(column for of_measure in each for column in of_measure), strict=True)))


def filter_of(filters: object) -> Filter:
    tree = read_filters({"filters": filters})
    assert tree is not None
    return compile_filter(bind(tree, TRACES), TENANT)


ARMS = [
    Arm("a"),
    Arm("a", Window(START + SPREAD // 9, START + SPREAD // 2)),
    Arm("a", matching=filter_of({"status": "error"})),
    Arm("a", Window(START + SPREAD // 5, None), filter_of({"scores__quality": {"operator": "gt", "value": 0}})),
    Arm("a", Window(0, 1)),
]


@pytest.mark.parametrize("zero_for_missing", [False, True])
async def test_columns_and_the_table_give_the_same_traces(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, zero_for_missing: bool
) -> None:
    monkeypatch.setattr(planning, "FEW_TRACES", 0)
    rng = random.Random(zero_for_missing)
    spans = with_keys(rng, random_run(rng, "a", trials=3, items=40))
    rng.shuffle(spans)
    plan = Plan(MEASURES, PairBy("auto"), zero_for_missing=zero_for_missing)
    columns = Columns()
    async with committer(engine) as writer:
        await writer.submit(TENANT, spans[:50])
        await warm(engine)
        # Of some traces nothing is stored yet, of others all.
        await writer.submit(TENANT, spans[50:])
    for _ in ("partly stored", "stored"):
        for arm in ARMS:
            async with Database(engine).transaction(Kind.SNAPSHOT) as tx:
                (resolved_arm,) = await find_arms(tx, TENANT, [arm])
                from_columns = rows(await read_traces(columns, tx, resolved_arm, plan))
                assert from_columns == rows(await read_from_traces(tx, resolved_arm, plan)), arm
                assert len(from_columns) > 5 or arm.window.end_us == 1
        await warm(engine)
