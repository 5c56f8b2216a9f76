"""Datasets in the store: what counts as a retry, and for how long."""

import pytest

from spanstats.catalog import datasets
from spanstats.catalog.datasets import RETRY_WINDOW_S, Row, number_of
from spanstats.domain.keys import TenantId
from spanstats.errors import Conflict, NotFound
from spanstats.store.session import Database, Kind

pytestmark = pytest.mark.anyio

TENANT = TenantId(1)
ROWS = [Row({"k": "1"}, None, []), Row({"k": "1"}, "t", ["a"])]


async def inputs(database: Database, name: str = "d") -> list[str]:
    dataset = await datasets.find(database, TENANT, name)
    assert dataset is not None
    return [row.inputs["k"] for row in dataset.rows]


async def age_by(database: Database, seconds: int) -> None:
    async with database.transaction(Kind.WRITE) as tx:
        await tx.driver.execute(f"UPDATE test_cases SET created_at = created_at - interval '{seconds} s'")


async def test_a_repeated_creation_changes_nothing_whenever_it_comes(database: Database) -> None:
    for _ in range(2):
        await datasets.create(database, TENANT, "d", ["k"], ROWS)
        await datasets.add(database, TENANT, "d", ROWS)
        await age_by(database, 1)
    assert await inputs(database) == ["1"] * 4
    with pytest.raises(Conflict):
        await datasets.create(database, TENANT, "d", ["k"], ROWS[:1])


async def test_the_order_of_columns_makes_no_other_dataset(database: Database) -> None:
    for columns in (["a", "b"], ["b", "a"]):
        await datasets.create(database, TENANT, "d", columns, [])
    dataset = await datasets.find(database, TENANT, "d")
    assert dataset is not None
    assert dataset.column_names == ["a", "b"]


async def test_repeated_rows_are_a_retry_only_for_a_while(database: Database) -> None:
    await datasets.create(database, TENANT, "d", ["k"], [])
    counts = []
    for pause in (0, RETRY_WINDOW_S - 60, 61):
        await age_by(database, pause)
        await datasets.add(database, TENANT, "d", ROWS)
        counts.append(len(await inputs(database)))
    assert counts == [2, 2, 4]


async def test_other_rows_are_no_retry(database: Database) -> None:
    await datasets.create(database, TENANT, "d", ["k"], [])
    for n in (2, 3, 2, 4):
        await datasets.add(database, TENANT, "d", [Row({"k": str(n)}, None, [])])
    assert await inputs(database) == ["2", "3", "4"]


async def test_a_name_of_digits_is_found_unless_it_is_an_id(database: Database) -> None:
    for name in ("2", "other", "31"):
        await datasets.create(database, TENANT, name, [], [])
    names = {}
    for id_or_name in ("1", "2", "3", "31", "4"):
        dataset = await datasets.find(database, TENANT, id_or_name)
        names[id_or_name] = dataset and dataset.name
    assert names == {"1": "2", "2": "other", "3": "31", "31": "31", "4": None}


async def test_another_tenants_dataset_is_not_found(database: Database) -> None:
    await datasets.create(database, TENANT, "d", [], ROWS)
    assert await datasets.find(database, TenantId(TENANT + 1), "d") is None
    for dataset in ("d", 1):
        with pytest.raises(NotFound):
            await datasets.add(database, TenantId(TENANT + 1), dataset, ROWS)
    with pytest.raises(NotFound):
        await datasets.change(database, TenantId(TENANT + 1), 1, 1, {"target": "x"})


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
