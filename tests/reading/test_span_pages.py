"""Pages of spans that a filter of payloads finds: the same however many there are, and without a look at all spans."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.dialects.respan.filter_names import SPAN_FIELD_NAMES
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.span import Span
from spanstats.filters.bind import bind
from spanstats.filters.compile import compile_predicate
from spanstats.filters.span_fields import SPANS
from spanstats.reading import spans
from spanstats.reading.spans import order_by, page_of_spans
from spanstats.store.session import Database
from spanstats.store.sql_types import SqlCondition

from ..filters.world import OTHER_TENANT, TENANT, store

pytestmark = pytest.mark.anyio

SECOND = 1_000_000


def made(number: int) -> Span:
    span = Span(trace_id=f"t{number // 3}", span_id=f"s{number}", model=f"m{number % 2}", metadata={"k": number % 4})
    span.start_us = span.end_us = span.received_us = 1_800_000_000 * SECOND + number // 2 * SECOND
    span.status = "success"
    return span


@pytest.fixture
async def world(engine: AsyncEngine) -> AsyncEngine:
    await store(engine, [made(number) for number in range(24)])
    await store(engine, [made(number) for number in range(24)], OTHER_TENANT)
    return engine


def where(**values: Any) -> list[SqlCondition]:
    filters = {name: {"operator": "", "value": [value]} for name, value in values.items()}
    return [compile_predicate(bind(read_filters({"filters": filters}, SPAN_FIELD_NAMES), SPANS), TENANT)]


@pytest.mark.parametrize("few", [0, 5, 6, 200])
@pytest.mark.parametrize("offset", [0, 2, 5, 6, 9])
async def test_a_page_is_the_same_whether_its_spans_are_few(
    world: AsyncEngine, monkeypatch: pytest.MonkeyPatch, few: int, offset: int
) -> None:
    monkeypatch.setattr(spans, "_FEW", few)
    page = await page_of_spans(Database(world), TENANT, where(metadata__k=2), order_by("start_time", True), 3, offset)
    matching = sorted(range(2, 24, 4), key=lambda n: (n // 2, f"t{n // 3}", f"s{n}"), reverse=True)
    assert page.count == len(matching)
    assert [span.span_id for span in page.spans] == [f"s{n}" for n in matching[offset : offset + 3]]


@pytest.mark.parametrize(
    ("values", "count"), [({"metadata__k": 2}, 6), ({"metadata__k": 2, "model": "m1"}, 0), ({"metadata__k": 9}, 0)]
)
async def test_all_that_match_are_counted(world: AsyncEngine, values: dict[str, Any], count: int) -> None:
    page = await page_of_spans(Database(world), TENANT, where(**values), order_by("start_time", True), 20, 0)
    assert (page.count, len(page.spans)) == (count, count)
