"""Datasets in the store: what counts as a retry, and for how long."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog import datasets
from spanstats.catalog.datasets import RETRY_WINDOW_S, Row, number_of
from spanstats.errors import Conflict, NotFound
from spanstats.store.session import Kind, Timeouts, transaction

pytestmark = pytest.mark.anyio

TENANT = 1
ROWS = [Row({"k": "1"}, None, []), Row({"k": "1"}, "t", ["a"])]


async def inputs(engine: AsyncEngine, name: str = "d") -> list[str]:
    found = await datasets.find(engine, Timeouts(), TENANT, name)
    assert found is not None
    return [row.inputs["k"] for row in found.rows]


async def age_by(engine: AsyncEngine, seconds: int) -> None:
    async with transaction(engine, Kind.WRITE, Timeouts()) as tx:
        await tx.driver.execute(f"UPDATE test_cases SET created_at = created_at - interval '{seconds} s'")


async def test_a_repeated_creation_changes_nothing_whenever_it_comes(engine: AsyncEngine) -> None:
    for _ in range(2):
        await datasets.create(engine, Timeouts(), TENANT, "d", ["k"], ROWS)
        await datasets.add(engine, Timeouts(), TENANT, "d", ROWS)
        await age_by(engine, 1)
    assert await inputs(engine) == ["1"] * 4
    with pytest.raises(Conflict):
        await datasets.create(engine, Timeouts(), TENANT, "d", ["k"], ROWS[:1])


async def test_the_order_of_columns_makes_no_other_dataset(engine: AsyncEngine) -> None:
    for columns in (["a", "b"], ["b", "a"]):
        await datasets.create(engine, Timeouts(), TENANT, "d", columns, [])
    found = await datasets.find(engine, Timeouts(), TENANT, "d")
    assert found is not None
    assert found.column_names == ["a", "b"]


async def test_repeated_rows_are_a_retry_only_for_a_while(engine: AsyncEngine) -> None:
    await datasets.create(engine, Timeouts(), TENANT, "d", ["k"], [])
    counts = []
    for pause in (0, RETRY_WINDOW_S - 60, 61):
        await age_by(engine, pause)
        await datasets.add(engine, Timeouts(), TENANT, "d", ROWS)
        counts.append(len(await inputs(engine)))
    assert counts == [2, 2, 4]


async def test_other_rows_are_no_retry(engine: AsyncEngine) -> None:
    await datasets.create(engine, Timeouts(), TENANT, "d", ["k"], [])
    for n in (2, 3, 2, 4):
        await datasets.add(engine, Timeouts(), TENANT, "d", [Row({"k": str(n)}, None, [])])
    assert await inputs(engine) == ["2", "3", "4"]


async def test_a_name_of_digits_is_found_unless_it_is_an_id(engine: AsyncEngine) -> None:
    for name in ("2", "other", "31"):
        await datasets.create(engine, Timeouts(), TENANT, name, [], [])
    names = {}
    for asked in ("1", "2", "3", "31", "4"):
        found = await datasets.find(engine, Timeouts(), TENANT, asked)
        names[asked] = found and found.name
    assert names == {"1": "2", "2": "other", "3": "31", "31": "31", "4": None}


async def test_another_tenants_dataset_is_not_found(engine: AsyncEngine) -> None:
    await datasets.create(engine, Timeouts(), TENANT, "d", [], ROWS)
    assert await datasets.find(engine, Timeouts(), TENANT + 1, "d") is None
    for dataset in ("d", 1):
        with pytest.raises(NotFound):
            await datasets.add(engine, Timeouts(), TENANT + 1, dataset, ROWS)
    with pytest.raises(NotFound):
        await datasets.change(engine, Timeouts(), TENANT + 1, 1, 1, {"target": "x"})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("2147483647", 2**31 - 1),
        ("2147483648", None),
        ("-1", None),
        ("", None),
        ("²", None),
        ("1" * 5000, None),
    ],
)
def test_an_id_is_a_number_that_an_id_can_be(text: str, number: int | None) -> None:
    assert number_of(text) == number
