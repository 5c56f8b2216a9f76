"""Comparisons bit by bit, for every number that a column can hold; other filters are compared in `world.py`."""

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Text, cast, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.dialects.respan_filters import read_filters
from spanstats.filters.bind import bind
from spanstats.filters.masks import SLICED_COLUMNS, compile_mask
from spanstats.filters.operators import OPERATORS, Operator
from spanstats.filters.predicate import Junction, Test
from spanstats.filters.trace_fields import TRACES
from spanstats.stats.slices import put_slices
from spanstats.store.session import Kind, Timeouts, transaction

pytestmark = pytest.mark.anyio
DAY = 86_400_000_000
BEYOND = Decimal(10**30)

_TRACES = """
INSERT INTO traces (tenant_id, trace_id, experiment_key, start_time, end_time, prompt_tokens, completion_tokens,
    total_tokens, cost_pd, n_spans, n_errors, n_llm_calls, has_root, many_models, status)
SELECT 1, lpad(place::text, 9, '0'), 1, '2026-01-01', '2026-01-01', 0, 0, 0, cost, 1, 0, 0, true, false, 'success'
FROM unnest($1::bigint[]) WITH ORDINALITY AS each_trace(cost, place)
"""
COST = TRACES.fields["total_cost"]
COMPARED: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
}
stored = st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3) | st.sampled_from([2**62, -(2**62)])
bounds = st.integers(-(2**63), 2**63 - 1) | st.integers(-4, 4) | st.sampled_from([BEYOND, -BEYOND])


async def matching(engine: AsyncEngine, costs: list[int | None], predicate: Test | Junction) -> list[bool]:
    """For which of the costs the mask of the predicate has a one."""
    mask = compile_mask(predicate)
    assert mask is not None
    row = select(mask).select_from(text(f"(SELECT {SLICED_COLUMNS} FROM slices OFFSET 0) sliced"))
    async with transaction(engine, Kind.WRITE, Timeouts()) as tx:
        await tx.driver.execute(
            "DELETE FROM traces; DELETE FROM slices; DELETE FROM slice_scores; DELETE FROM slice_dictionaries"
        )
        await tx.driver.execute(_TRACES, costs)
        await put_slices(tx.driver, 1, (20_454 * DAY, 20_455 * DAY))
        ones = await tx.connection.scalar(select(cast(row.scalar_subquery(), Text)))
    return [one == "1" for one in ones or ""]


@given(costs=st.lists(stored, min_size=1, max_size=9), low=bounds, high=bounds, same=st.lists(stored, max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_numbers_compare_as_in_python(
    engine: AsyncEngine, costs: list[int | None], low: Any, high: Any, same: list[int | None]
) -> None:
    for name, compare in COMPARED.items():
        found = await matching(engine, costs, Test(COST, OPERATORS[name], (low,), False))
        assert found == [cost is not None and compare(cost, low) for cost in costs], name
    between = Test(COST, OPERATORS[Operator.BETWEEN], (low, high), False)
    assert await matching(engine, costs, between) == [cost is not None and low <= cost <= high for cost in costs]
    values = tuple(value for value in (*same, costs[0]) if value is not None)
    equal = Test(COST, OPERATORS[Operator.EQUALS], values, True)
    assert await matching(engine, costs, equal) == [cost not in values for cost in costs]


@pytest.mark.parametrize(
    ("filters", "is_sliced"),
    [
        ({"status": {"operator": "", "value": ["error"]}}, True),
        ({"model": {"operator": "contains", "value": ["gpt"]}}, True),
        ({"span_count": {"operator": "gt", "value": [3]}, "duration": {"operator": "lt", "value": [2]}}, True),
        ({"total_cost": {"operator": "", "value": [0.1, 0.2]}}, True),
        ({"total_cost": {"operator": "", "value": [n / 10 for n in range(16)]}}, True),
        ({"total_cost": {"operator": "", "value": [n / 10 for n in range(17)]}}, False),
        ({"name": {"operator": "", "value": ["a"]}}, True),
        ({"metadata__env": {"operator": "", "value": ["prod"]}, "environment": {"operator": "", "value": ["e"]}}, True),
        ({f"metadata__{n}": {"operator": "", "value": ["a", "b"]} for n in range(16)}, True),
        ({f"metadata__{n}": {"operator": "", "value": ["a", "b"]} for n in range(17)}, False),
        ({"time_to_first_token": {"operator": "gt", "value": [1]}}, False),
        ({"start_time": {"operator": "gt", "value": ["2026-01-01"]}}, False),
        ({"scores__exact": {"operator": "gt", "value": [0.5]}, "status": {"operator": "", "value": ["error"]}}, True),
    ],
)
def test_what_has_no_bits_has_no_mask(filters: object, is_sliced: bool) -> None:
    tree = read_filters({"filters": filters})
    assert tree is not None
    assert (compile_mask(bind(tree, TRACES)) is not None) == is_sliced
