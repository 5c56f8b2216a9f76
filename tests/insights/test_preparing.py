"""Experiments whose sums and columns are to be computed again, in answers that do not wait for them."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.insights import preparing

from .conftest import StoreOnce
from .test_experiment import ask
from .world import RUN

pytestmark = pytest.mark.anyio

ONE, ALL = f"/api/stats/v1/experiments/{RUN}", "/api/stats/v1/experiments"
TOTALS = ("traces", "failed", "cost_partial_count", "without_root", "without_key")
_MINUTES = f"""
SELECT count(DISTINCT date_trunc('minute', start_time, 'UTC')) FROM traces
WHERE experiment_key = (SELECT key FROM experiments WHERE id = '{RUN}')
"""
_INVALIDATE_COLUMNS = f"""
INSERT INTO column_invalidations (experiment_key, minute) SELECT key, '2026-05-01Z' FROM experiments WHERE id = '{RUN}'
"""


@pytest.fixture(autouse=True)
def any_minute_is_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "MANY_MINUTES", 0)


async def test_while_sums_wait_an_answer_that_skips_them_says_how_many_minutes_are_left(
    store_once: StoreOnce,
) -> None:
    client, engine, _ = await store_once(71, 40)
    async with engine.connect() as connection:
        minutes = (await connection.exec_driver_sql(_MINUTES)).scalar_one()
    one = await ask(client, ONE, skip_preparing=True)
    (listed,) = [e for e in (await ask(client, ALL, skip_preparing=True))["experiments"] if e["id"] == RUN]
    for content in (one, listed):
        assert content["preparing"]["sum_minutes"] == minutes
        assert [content[name] for name in TOTALS] == [None] * len(TOTALS)
        assert content["measures"] == {}


async def invalidate_columns(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.exec_driver_sql(_INVALIDATE_COLUMNS)


async def test_once_sums_are_there_figures_are_answered_and_waiting_columns_are_named(store_once: StoreOnce) -> None:
    exact = await ask((await store_once(72, 40)).client, ONE)
    client = (await store_once(72, 40, warmed=True, then=invalidate_columns)).client
    content = await ask(client, ONE, skip_preparing=True)
    assert content["preparing"] == {"sum_minutes": 0, "column_minutes": 1}
    assert (content["traces"], content["measures"]) == (exact["traces"], exact["measures"])
    (listed,) = [e for e in (await ask(client, ALL, skip_preparing=True))["experiments"] if e["id"] == RUN]
    assert (listed["preparing"], listed["traces"]) == (content["preparing"], exact["traces"])


async def test_where_nothing_waits_nothing_is_left_out(store_once: StoreOnce) -> None:
    client = (await store_once(73, 40, warmed=True)).client
    content = await ask(client, ONE, skip_preparing=True)
    assert content["preparing"] is None
    waited = await ask(client, ONE)
    assert "preparing" not in waited
    assert content["measures"] == waited["measures"]
