"""Filters over columns find the traces that the same filters find in SQL: random traces, random filters."""

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar.encode import numbers_of
from spanstats.columnar.masks import passes
from spanstats.columnar.predicate import resolve
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.span import Span
from spanstats.filters.bind import bind
from spanstats.filters.disjuncts import compile_disjuncts
from spanstats.filters.operators import Operator
from spanstats.filters.predicate import Bound, Group, conditions
from spanstats.filters.trace_fields import TRACES
from spanstats.store.session import Database, Kind
from spanstats.store.tables import traces
from tests.examples import examples
from tests.filters.test_against_oracle import filters, refill, worlds
from tests.filters.world import TENANT, traces_in_columns

pytestmark = pytest.mark.anyio

ON_COLUMNS = filters(
    TRACES,
    ["name", "status", "start_time", "duration", "total_cost", "total_tokens", "span_count", "environment", "model"],
)
BEYOND = Decimal(10**30)


async def ids_in_sql(engine: AsyncEngine, predicate: Bound) -> list[str]:
    """Of traces whose own columns say it all: the first part."""
    condition = compile_disjuncts(predicate, TENANT)[0]
    statement = select(traces.c.trace_id).where(traces.c.tenant_id == TENANT, condition)
    async with Database(engine).transaction(Kind.READ) as tx:
        return list((await tx.connection.execute(statement)).scalars())


@given(world=worlds(), trees=st.lists(ON_COLUMNS, min_size=1, max_size=8))
@settings(
    max_examples=examples(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_columns_and_sql_find_the_same_traces(engine: AsyncEngine, world: list[Span], trees: list[Group]) -> None:
    await refill(engine, world)
    for tree in trees:
        predicate = bind(tree, TRACES)
        ids = await traces_in_columns(engine, predicate)
        # A path into metadata looks at more than one member.
        assert (ids is None) == any("." in (condition.key or "") for condition in conditions(tree))
        assert ids is None or sorted(ids) == sorted(await ids_in_sql(engine, predicate)), tree


COMPARED: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
}
stored = st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3) | st.sampled_from([2**62, -(2**62)])
bounds = st.integers(-(2**63), 2**63 - 1) | st.integers(-4, 4) | st.sampled_from([BEYOND, -BEYOND])


@given(
    costs=st.lists(stored, min_size=1, max_size=9),
    step=st.sampled_from([1, 1, 7]),
    low=bounds,
    high=bounds,
    same=st.lists(stored, max_size=3),
)
def test_numbers_compare_as_in_python(
    costs: list[int | None], step: int, low: Any, high: Any, same: list[int | None]
) -> None:
    costs = [cost if cost is None or step == 1 else cost // step // 2 * step for cost in costs]
    drawn, valid = np.array([c or 0 for c in costs], np.int64), np.array([c is not None for c in costs], np.bool_)
    column = numbers_of(drawn, valid)
    for name, compare in COMPARED.items():
        passing = passes(column, name, (low,)).tolist()
        assert passing == [cost is not None and compare(cost, low) for cost in costs], name
    between = passes(column, Operator.BETWEEN, (low, high)).tolist()
    assert between == [cost is not None and low <= cost <= high for cost in costs]
    operands = tuple(value for value in (*same, costs[0]) if value is not None)
    assert passes(column, Operator.EQUALS, operands).tolist() == [
        cost is not None and cost in operands for cost in costs
    ]
    assert passes(column, Operator.EXISTS, ()).tolist() == [cost is not None for cost in costs]


@pytest.mark.parametrize(
    ("filters", "in_columns"),
    [
        ({"status": {"operator": "", "value": ["error"]}}, True),
        ({"model": {"operator": "contains", "value": ["gpt"]}}, True),
        ({"span_count": {"operator": "gt", "value": [3]}, "duration": {"operator": "lt", "value": [2]}}, True),
        ({"total_cost": {"operator": "", "value": [n / 10 for n in range(17)]}}, True),
        ({"name": {"operator": "", "value": ["a"]}}, True),
        ({"metadata__env": {"operator": "", "value": ["prod"]}, "environment": {"operator": "", "value": ["e"]}}, True),
        ({f"metadata__{n}": {"operator": "", "value": ["a", "b"]} for n in range(17)}, True),
        ({"time_to_first_token": {"operator": "gt", "value": [1]}}, False),
        ({"span_name": {"operator": "", "value": ["a"]}}, False),
        ({"trace_unique_id": {"operator": "", "value": ["a"]}}, False),
        ({"start_time": {"operator": "gt", "value": ["2026-01-01"]}}, True),
        ({"scores__exact": {"operator": "gt", "value": [0.5]}, "status": {"operator": "", "value": ["error"]}}, True),
    ],
)
def test_what_no_column_holds_is_not_resolved(filters: object, in_columns: bool) -> None:
    tree = read_filters({"filters": filters})
    assert tree is not None
    assert (resolve(bind(tree, TRACES), TENANT) is not None) == in_columns
