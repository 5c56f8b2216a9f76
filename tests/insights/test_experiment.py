"""The figures of one experiment against plain Python over the stored traces."""

import random
from typing import Any

import httpx
import numpy as np
import pytest
import scipy
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.times import iso
from tests.ingest.worlds import START
from tests.stats.warming import warm

from .conftest import StoreOnce
from .world import FILTERS, MINUTE, RUN, UNITS, expected, in_window, stored_run, values_of

pytestmark = pytest.mark.anyio

PATH = f"/api/stats/v1/experiments/{RUN}"
SCORES = ("scores.accuracy", "scores.passed", "scores.mixed")
MEASURES = (*UNITS, "error", *SCORES)
AGGREGATES = ("sum", "mean", "std_dev", "min", "max", "p0", "p5", "p50", "p99.9", "p100")
WINDOWS = ((None, None), (START + 3 * MINUTE + 7, START + 20_000 * MINUTE + 1), (START + 10_000 * MINUTE, None))


async def ask(client: httpx.AsyncClient, path: str, **body: Any) -> Any:
    answer = await client.post(path, json={k: v for k, v in body.items() if v is not None})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("warmed", [False, True])
async def test_every_aggregate_of_every_measure_is_exact_under_every_filter(
    store_once: StoreOnce, window: tuple[int | None, int | None], *, warmed: bool
) -> None:
    client, _, rows = await store_once(5, warmed=warmed)
    start, end = (None if us is None else iso(us) for us in window)
    for filters, keep in FILTERS:
        matching = [row for row in in_window(rows, *window) if keep(row)]
        for at in range(0, len(AGGREGATES), 2):
            aggregates = AGGREGATES[at : at + 2]
            measures = [f"{measure}.{aggregate}" for measure in MEASURES for aggregate in aggregates]
            figures = await ask(client, PATH, filters=filters, start_time=start, end_time=end, measures=measures)
            assert figures["traces"] == len(matching)
            assert figures["failed"] == sum(row["status"] == "error" for row in matching)
            for measure in MEASURES:
                expected_figures = expected(matching, measure, aggregates)
                assert {name: figures["measures"][measure][name] for name in expected_figures} == expected_figures, (
                    filters,
                    measure,
                )


async def test_without_names_all_operational_measures_and_all_scores_are_answered(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    rows = await stored_run(engine, 6, 80)
    for warmed in (False, True):
        if warmed:
            await warm(engine)
        figures = (await client.get(PATH)).json()["measures"]
        assert set(figures) == {*MEASURES} - {"span_count", "llm_call_count"}
        for measure in figures:
            expected_figures = expected(rows, measure, ("sum", "mean", "std_dev"))
            assert {name: figures[measure][name] for name in expected_figures} == expected_figures, measure
            assert figures[measure]["count"] + figures[measure]["missing"] == len(rows) or measure in SCORES
        assert all(figures[score]["trace_count"] + figures[score]["missing"] == len(rows) for score in SCORES)
        assert figures["scores.mixed"]["text_count"] == sum(
            kind == 2 and key == "mixed"
            for row in rows
            for key, kind in zip(row["score_keys"] or [], row["score_kinds"] or [], strict=False)
        )


async def test_costs_that_are_too_low_are_counted(store_once: StoreOnce) -> None:
    client, _, rows = await store_once(9, 200)
    for filters, keep in FILTERS[:4]:
        partial = sum(row["n_unpriced"] > 0 and row["cost_pd"] is not None for row in rows if keep(row))
        for aggregate in ("sum", "p50"):
            figures = await ask(client, PATH, filters=filters, measures=[f"cost.{aggregate}"])
            assert figures["cost_partial_count"] == partial
            grouped = await ask(client, f"{PATH}/breakdown", filters=filters, group_by="status", measures=["cost.sum"])
            assert sum(group["cost_partial_count"] for group in grouped["groups"]) == partial
        assert partial > 0 or filters is not None


async def test_a_missing_score_may_count_as_zero_and_nothing_else_may(store_once: StoreOnce) -> None:
    client, _, rows = await store_once(9, 200)
    aggregates = ("sum", "mean", "std_dev", "min", "max", "p10", "p50")
    measures = [f"{measure}.{aggregate}" for measure in ("cost", *SCORES) for aggregate in aggregates]
    figures = await ask(client, PATH, measures=measures, missing="zero")
    for measure in ("cost", *SCORES):
        expected_figures = expected(rows, measure, aggregates, zero=True)
        assert {name: figures["measures"][measure][name] for name in expected_figures} == expected_figures, measure


async def test_percentiles_are_those_of_numpy(store_once: StoreOnce) -> None:
    client, _, rows = await store_once(9, 200)
    percents = [0, 1, 12.5, 50, 95, 99.9, 100]
    figures = await ask(client, PATH, measures=[f"latency.p{p:g}" for p in percents])
    assert figures["method"] == "linear"
    latencies = [v / 10**6 for row in rows for v in values_of(row, "latency")]
    quantiles = np.quantile(latencies, [p / 100 for p in percents])
    got = [figures["measures"]["latency"][f"p{p:g}"] for p in percents]
    assert got == pytest.approx(list(quantiles), rel=1e-12)


async def test_an_interval_is_between_two_values_and_there_is_none_of_few(store_once: StoreOnce) -> None:
    client, _, rows = await store_once(9, 200)
    figures = await ask(client, PATH, measures=["latency.p50", "latency.p99.9"], intervals=True)
    latency = figures["measures"]["latency"]
    assert latency["intervals"]["p99.9"] is None
    interval, latencies = latency["intervals"]["p50"], {v / 10**6 for row in rows for v in values_of(row, "latency")}
    assert interval["low"] in latencies
    assert interval["high"] in latencies
    assert interval["low"] <= latency["p50"] <= interval["high"]


@pytest.mark.one_version("we compute the interval")
async def test_an_interval_around_a_mean_is_that_of_students_t(store_once: StoreOnce) -> None:
    client, _, rows = await store_once(9, 200)
    for filters, keep in FILTERS[:2]:
        latencies = [v / 10**6 for row in rows if keep(row) for v in values_of(row, "latency")]
        low, high = scipy.stats.t.interval(0.95, len(latencies) - 1, np.mean(latencies), scipy.stats.sem(latencies))
        for measures in (["latency.mean"], ["latency.mean", "latency.p50"]):
            figures = await ask(client, PATH, measures=measures, intervals=True, filters=filters)
            interval = figures["measures"]["latency"]["intervals"]["mean"]
            assert interval == {"low": pytest.approx(low), "high": pytest.approx(high), "confidence": 0.95}


@pytest.mark.parametrize(
    ("body", "where", "message"),
    [
        ({"measures": ["colour.sum"]}, ["body", "measures"], "unknown measure 'colour'"),
        ({"measures": ["scores.nobody.mean"]}, ["body", "measures"], "no evaluator is called 'nobody'"),
        ({"measures": ["latency.p101"]}, ["body", "measures"], "unknown measure"),
        ({"measures": ["latency.p1.2345"]}, ["body", "measures"], "unknown measure"),
        ({"measures": [f"latency.p{n}" for n in range(11)]}, ["body", "measures"], "at most 10 percentiles"),
        ({"measures": 3}, ["body", "measures"], "list of texts"),
        ({"measure": ["cost"]}, ["body", "measure"], "is not one of"),
        ({"missing": "maybe"}, ["body", "missing"], "one of exclude, zero"),
        ({"intervals": "maybe"}, ["body", "intervals"], "true or false"),
        ({"start_time": "soon"}, ["body", "start_time"], "ISO 8601"),
        ({"filters": {"colour": 1}}, ["body", "filters", "colour", "field"], "unknown field"),
        ([], ["body"], "must be an object"),
    ],
)
async def test_what_is_wrong_is_named_where_it_stands(
    store_once: StoreOnce, body: Any, where: list[str], message: str
) -> None:
    client = (await store_once(1, 5)).client
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 400, answer.text
    (problem,) = answer.json()["detail"]
    assert (problem["loc"], message in problem["msg"]) == (where, True), problem


async def test_an_unknown_name_in_the_query_is_not_ignored(store_once: StoreOnce) -> None:
    client = (await store_once(1, 5)).client
    answer = await client.get(PATH, params={"status": "error"})
    assert answer.status_code == 400
    assert answer.json()["detail"][0]["loc"] == ["query", "status"]


async def test_another_tenant_sees_none_of_it(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await stored_run(engine, 1, 5)
    for path in (PATH, f"{PATH}/series"):
        assert (await client.get(path)).status_code == 200
        assert (await stranger.get(path)).status_code == 404
    assert (await stranger.get("/api/stats/v1/experiments")).json()["experiments"] == []


async def test_an_experiment_without_traces_has_counts_of_zero_and_no_numbers(client: httpx.AsyncClient) -> None:
    created = await client.post("/api/v2/experiments/", json={"id": "empty", "name": "Nothing yet"})
    assert created.status_code == 201, created.text
    path = f"/api/stats/v1/experiments/{created.json()['id']}"
    figures = await ask(client, path, measures=["cost", "latency.p50"], intervals=True)
    assert figures["traces"] == 0
    assert figures["measures"]["cost"] == {
        "unit": "USD",
        "count": 0,
        "missing": 0,
        "sum": None,
        "mean": None,
        "std_dev": None,
        "intervals": {"mean": None},
    }
    assert figures["measures"]["latency"]["p50"] is None


async def test_random_filters_of_random_seeds(store_once: StoreOnce) -> None:
    rng = random.Random(3)
    client, _, rows = await store_once(9, 200)
    for _ in range(12):
        bound = rng.randrange(10**7)
        matching = [row for row in rows if row["latency_us"] is not None and row["latency_us"] >= bound]
        measure, percent = rng.choice(MEASURES), rng.randrange(101)
        figures = await ask(
            client, PATH, filters={"duration": {"gte": bound / 10**6}}, measures=[f"{measure}.p{percent}"]
        )
        expected_figures = expected(matching, measure, [f"p{percent}"])
        assert {name: figures["measures"][measure][name] for name in expected_figures} == expected_figures


async def test_scores_are_answered_alike_where_rollups_are_of_a_version_that_did_not_count_their_traces(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await stored_run(engine, 12, 200)
    await warm(engine)
    before = (await ask(client, PATH))["measures"]
    assert any(figures["missing"] for name, figures in before.items() if name in SCORES)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            "UPDATE rollups SET scores = (SELECT jsonb_object_agg(key, value - 8) FROM jsonb_each(scores))"
            " WHERE level = 0 OR bucket > '2026-01-01' AND scores IS NOT NULL"
        )
    assert (await ask(client, PATH))["measures"] == before
