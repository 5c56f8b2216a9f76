"""What stands beside the numbers of Respan's summary: counts of what is missing, and percentiles on request."""

from typing import Any

import httpx
import numpy as np
import pytest
import scipy
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.times import iso
from tests.ingest.worlds import START, rows
from tests.stats.warming import warm

from .conftest import StoreOnce
from .test_experiment import PATH as OWN
from .test_experiment import ask
from .world import FILTERS, MINUTE, RUN, Row, in_window, stored_run, unit_of, values_of

pytestmark = pytest.mark.anyio

PATH = f"/api/v2/experiments/{RUN}/logs/summary/"
EVALUATORS = ("accuracy", "passed", "mixed")
WINDOW = START + 3 * MINUTE + 7, START + 20_000 * MINUTE + 1


def check_scores(summary: dict[str, Any], matching: list[Row]) -> None:
    """A trace may have several scores of one evaluator, and texts beside numbers."""
    assert summary["total_count"] == len(matching)
    for name in EVALUATORS:
        having = sum(bool(values_of(row, f"scores.{name}")) for row in matching)
        if name in summary["scores"]:
            score = summary["scores"][name]
            assert (score["trace_count"], score["missing_count"]) == (having, len(matching) - having), name
        else:
            assert not having


@pytest.mark.parametrize("warmed", [False, True])
async def test_traces_with_a_score_are_counted_whatever_answers(store_once: StoreOnce, *, warmed: bool) -> None:
    client, _, every = await store_once(71, warmed=warmed)
    start, end = (iso(us) for us in WINDOW)
    for filters, keep in FILTERS:
        matching = [row for row in every if keep(row)]
        body = {} if filters is None else {"filters": filters}
        check_scores(await ask(client, PATH, **body), matching)
        answer = await client.post(PATH, json=body, params={"start_time": start, "end_time": end})
        check_scores(answer.json(), in_window(matching, *WINDOW))


async def test_rollups_that_do_not_know_repeats_are_not_believed(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """An earlier version of the program, which runs beside this one while it is replaced, writes such rows."""
    every = await stored_run(engine, 72)
    await warm(engine)
    plain = await ask(client, PATH)
    own = await ask(client, OWN)
    old = "(SELECT jsonb_object_agg(key, value - 8) FROM jsonb_each(scores))"
    async with engine.begin() as connection:
        await connection.exec_driver_sql(f"UPDATE rollups SET scores = {old}, n_without_key = NULL, n_partial = NULL")
    assert len(await rows(engine, "SELECT FROM rollups WHERE n_without_key IS NULL")) > 100
    check_scores(await ask(client, PATH), every)
    assert await ask(client, PATH) == plain
    assert (await ask(client, OWN))["measures"] == own["measures"]


async def test_what_is_missing_is_the_same_everywhere(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    every = await stored_run(engine, 73)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE traces SET item_key = NULL WHERE trace_id = 't3'")
    for warmed in (False, True):
        if warmed:
            await warm(engine)
        for filters, keep in FILTERS[:4]:
            matching = [row for row in every if keep(row)]
            partial = sum(row["cost_pd"] is not None and row["n_unpriced"] > 0 for row in matching)
            assert partial > 0
            body = {} if filters is None else {"filters": filters}
            summary, one = await ask(client, PATH, **body), await ask(client, OWN, **body)
            series = await ask(client, f"{OWN}/series", measures=["cost.sum"], granularity="month", **body)
            by = await ask(client, f"{OWN}/breakdown", group_by="status", measures=["cost.sum"], **body)
            assert summary["cost_partial_count"] == one["cost_partial_count"] == partial
            assert sum(point["cost_partial_count"] for point in series["points"]) == partial
            assert sum(group["cost_partial_count"] for group in by["groups"]) == partial
            assert by["total"]["cost_partial_count"] == partial
            assert one["without_root"] == sum(not row["has_root"] for row in matching)
            assert one["without_key"] == sum(not row["item_key"] or row["trace_id"] == "t3" for row in matching)
            missing = {name: one["measures"][name]["missing"] for name in ("cost", "latency", "tps", "ttft")}
            assert summary["missing"] == missing


@pytest.mark.parametrize("warmed", [False, True])
async def test_percentiles_beside_a_summary_are_those_of_scipy(store_once: StoreOnce, *, warmed: bool) -> None:
    client, _, every = await store_once(71, warmed=warmed)
    percents = ["0", "50", "95", "99.9", "100"]
    for filters, keep in FILTERS:
        body = {} if filters is None else {"filters": filters}
        plain = await ask(client, PATH, **body)
        assert not {"percentiles", "method"} & plain.keys()
        answer = await client.post(PATH, json=body, params={"percentiles": ",".join(percents)})
        summary = answer.json()
        assert summary.pop("method") == "linear"
        percentiles = summary.pop("percentiles")
        assert summary == plain
        assert list(percentiles) == ["latency", "cost", "ttft", "total_tokens"]
        for measure, of_measure in percentiles.items():
            assert list(of_measure) == percents
            values = [v / unit_of(measure) for row in every if keep(row) for v in values_of(row, measure)]
            if not values:
                assert set(of_measure.values()) == {None}
                continue
            # Hyndman and Fan's seventh definition.
            quantiles = scipy.stats.mstats.mquantiles(values, [float(p) / 100 for p in percents], alphap=1, betap=1)
            assert list(of_measure.values()) == pytest.approx(np.asarray(quantiles).tolist(), rel=1e-12)


async def test_wrong_percents_are_named(store_once: StoreOnce) -> None:
    client = (await store_once(75, 5)).client
    for wrong in ("101", "x", "50,", "1.2345", ",".join(map(str, range(11)))):
        answer = await client.get(PATH, params={"percentiles": wrong})
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (400, ["query", "percentiles"]), wrong
    assert "percentiles" not in (await client.get(PATH, params={"percentiles": ""})).json()
