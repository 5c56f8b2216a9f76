"""Histograms against plain Python: values are counted again between the edges that were answered."""

import csv
import io
import itertools
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.insights.edges import LINEAR, LOG, Binning, edges_of

from .conftest import StoreOnce
from .test_experiment import ask
from .world import FILTERS, OTHER_RUN, RUN, rows_of_run, stored_run, unit_of, values_of

pytestmark = pytest.mark.anyio

PATH = f"/api/stats/v1/experiments/{RUN}/histogram"
ARMS = "/api/stats/v1/histogram"
MEASURES = ("latency", "cost", "tps", "total_tokens", "error", "scores.accuracy", "scores.passed", "scores.mixed")


async def exactly(client: httpx.AsyncClient, path: str, **body: Any) -> Any:
    """The answer, its numbers as decimals, just as they were written."""
    answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return msgspec.json.Decoder(float_hook=Decimal).decode(answer.content)


def check(arm: dict[str, Any], edges: list[Any], rows: list[Any], measure: str) -> None:
    """Counted again, with the decimals of the answer."""
    every = [values_of(row, measure) for row in rows]
    values = [Decimal(value) / unit_of(measure) for of_trace in every for value in of_trace]
    assert arm["count"] == len(values)
    assert arm["missing"] == sum(not of_trace for of_trace in every)
    assert sum(arm["counts"]) + arm["below"] + arm["above"] == len(values)
    if edges:
        bounds = [Decimal(edge) for edge in edges]
        assert arm["below"] == sum(value < bounds[0] for value in values)
        assert arm["above"] == sum(value > bounds[-1] for value in values)
        last = len(bounds) - 2
        for number, (low, high) in enumerate(itertools.pairwise(bounds)):
            inside = [v for v in values if low <= v and (v < high or (number == last and v == high))]
            assert arm["counts"][number] == len(inside)


async def test_counts_are_those_of_scipy(store_once: StoreOnce) -> None:
    client, _, rows = await store_once(51, 150)
    for filters, keep in FILTERS[:5]:
        histogram = await ask(client, PATH, measure="latency", bins=30, filters=filters)
        values = [v / 10**6 for row in rows if keep(row) for v in values_of(row, "latency")]
        binned = scipy.stats.binned_statistic(values, values, "count", bins=histogram["edges"])
        assert histogram["arms"][0]["counts"] == binned.statistic.tolist()


@pytest.mark.parametrize("measure", MEASURES)
async def test_counts_are_exact_and_add_up(store_once: StoreOnce, measure: str) -> None:
    client, _, rows = await store_once(51, 150)
    for filters, keep in FILTERS[:4]:
        matching = [row for row in rows if keep(row)]
        for options in (
            {},
            {"bins": 7},
            {"bins": 1},
            {"bins": 100, "scale": "log"},
            {"low": 0.5, "high": 2},
            {"low": 1},
        ):
            histogram = await exactly(
                client, PATH, measure=measure, **options, **({"filters": filters} if filters else {})
            )
            (arm,) = histogram["arms"]
            check(arm, histogram["edges"], matching, measure)
            values = {value for row in matching for value in values_of(row, measure)}
            assert (histogram["values"] is None) == (len(values) > 32)
            if histogram["values"] is not None:
                assert [Decimal(v["value"]) * unit_of(measure) for v in histogram["values"]] == sorted(values)
                assert sum(v["count"] for v in histogram["values"]) == arm["count"]


@pytest.mark.one_version("we choose the bins")
async def test_the_bins_are_those_of_numpy(store_once: StoreOnce) -> None:
    client, _, rows = await store_once(51, 150)
    histogram = await ask(client, PATH, measure="latency", bins=50)
    latencies = [value / 10**6 for row in rows for value in values_of(row, "latency")]
    assert histogram["edges"] == pytest.approx(list(np.histogram_bin_edges(latencies, 50)), rel=1e-3, abs=1e-3)
    assert histogram["arms"][0]["counts"] == list(np.histogram(latencies, histogram["edges"])[0])


async def test_zeros_are_below_a_log_scale(store_once: StoreOnce) -> None:
    client, _, rows = await store_once(51, 150)
    histogram = await ask(client, PATH, measure="latency", scale="log", bins=5)
    zeros = sum(value == 0 for row in rows for value in values_of(row, "latency"))
    assert histogram["arms"][0]["below"] == zeros > 0
    ratios = [b / a for a, b in zip(histogram["edges"], histogram["edges"][1:], strict=False)]
    assert ratios == pytest.approx([ratios[0]] * 5, rel=0.01)


async def test_arms_share_their_edges(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    rows = await stored_run(engine, 54, 150)
    others = await other_rows(engine)
    arms = [
        {"experiment_id": RUN},
        {"experiment_id": OTHER_RUN},
        {"experiment_id": RUN, "filters": {"status": "error"}},
    ]
    for options in ({"bins": 9}, {"edges": [0, 1, 2.5, 7]}):
        histogram = await exactly(client, ARMS, measure="latency", arms=arms, **options)
        for arm, of_arm in zip(
            histogram["arms"], (rows, others, [r for r in rows if r["status"] == "error"]), strict=True
        ):
            check(arm, histogram["edges"], of_arm, "latency")
    assert histogram["edges"] == [0, 1, Decimal("2.5"), 7]
    passed = await ask(client, ARMS, measure="scores.passed", arms=arms[:2])
    assert [[v["value"], sum(v["counts"])] for v in passed["values"]] == [
        [v["value"], v["count"]] for v in passed["values"]
    ]


async def other_rows(engine: AsyncEngine) -> list[Any]:
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"UPDATE experiments SET id = 'x' WHERE id = '{RUN}'")
        await connection.exec_driver_sql(f"UPDATE experiments SET id = '{RUN}' WHERE id = '{OTHER_RUN}'")
    others = await rows_of_run(engine)
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"UPDATE experiments SET id = '{OTHER_RUN}' WHERE id = '{RUN}'")
        await connection.exec_driver_sql(f"UPDATE experiments SET id = '{RUN}' WHERE id = 'x'")
    return others


async def test_nothing_has_no_bins(store_once: StoreOnce) -> None:
    client = (await store_once(1, 5)).client
    nothing = {"span_count": {"operator": "gt", "value": 1000}}
    histogram = await ask(client, PATH, measure="latency", filters=nothing)
    assert (histogram["edges"], histogram["values"]) == ([], [])
    assert {k: histogram["arms"][0][k] for k in ("counts", "below", "above", "count", "missing")} == {
        "counts": [],
        "below": 0,
        "above": 0,
        "count": 0,
        "missing": 0,
    }
    histogram = await ask(client, PATH, measure="latency", filters=nothing, low=1, high=2, bins=2)
    assert (histogram["edges"], histogram["arms"][0]["counts"]) == ([1, 1.5, 2], [0, 0])


async def test_csv_equals_json(store_once: StoreOnce) -> None:
    client = (await store_once(51, 150)).client
    body = {"measure": "cost", "bins": 6, "low": 1, "high": 50_000}
    histogram = await ask(client, PATH, **body)
    answer = await client.post(PATH, json=body, headers={"accept": "text/csv"})
    header, below, *bins, above = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == ["from", "to", f"count 1 {RUN}"]
    (arm,) = histogram["arms"]
    assert [int(below[2]), *(int(row[2]) for row in bins), int(above[2])] == [
        arm["below"],
        *arm["counts"],
        arm["above"],
    ]
    assert [float(row[0]) for row in bins] == histogram["edges"][:-1]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["body", "measure"]),
        ({"measure": "colour"}, ["body", "measure"]),
        ({"measure": "cost.sum"}, ["body", "measure"]),
        ({"measure": "cost", "bins": 101}, ["body", "bins"]),
        ({"measure": "cost", "bins": 0}, ["body", "bins"]),
        ({"measure": "cost", "scale": "cubic"}, ["body", "scale"]),
        ({"measure": "cost", "scale": "log", "low": 0}, ["body", "low"]),
        ({"measure": "cost", "scale": "log", "high": -1}, ["body", "high"]),
        ({"measure": "cost", "low": 2, "high": 1}, ["body", "low"]),
        ({"measure": "cost", "low": "soon"}, ["body", "low"]),
        ({"measure": "cost", "low": 1e300}, ["body", "low"]),
        ({"measure": "cost", "high": 1e-300}, ["body", "high"]),
        ({"measure": "cost", "edges": [1, 2]}, ["body", "edges"]),
    ],
)
async def test_what_is_wrong_is_named(store_once: StoreOnce, body: dict[str, Any], where: list[str]) -> None:
    client = (await store_once(1, 5)).client
    answer = await client.post(PATH, json=body)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (400, where), answer.text


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"arms": []}, ["body", "arms"]),
        ({"arms": [{"experiment_id": RUN}] * 10}, ["body", "arms"]),
        ({"arms": [{"experiment_id": RUN}, {}]}, ["body", "arms", 1, "experiment_id"]),
        ({"arms": [{"experiment_id": RUN, "colour": 1}]}, ["body", "arms", 0, "colour"]),
        (
            {"arms": [{"experiment_id": RUN, "filters": {"colour": 1}}]},
            ["body", "arms", 0, "filters", "colour", "field"],
        ),
        ({"arms": [{"experiment_id": RUN}], "edges": [2, 1]}, ["body", "edges"]),
        ({"arms": [{"experiment_id": RUN}], "edges": [1, 2], "bins": 3}, ["body", "edges"]),
        ({"arms": [{"experiment_id": RUN}], "edges": [1, "soon"]}, ["body", "edges"]),
    ],
)
async def test_what_is_wrong_with_an_arm_is_named_there(
    store_once: StoreOnce, body: dict[str, Any], where: list[Any]
) -> None:
    client = (await store_once(1, 5)).client
    answer = await client.post(ARMS, json={"measure": "latency", **body})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (400, where), answer.text


async def test_an_arm_of_another_tenant_is_not_found(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await stored_run(engine, 1, 5)
    answer = await stranger.post(ARMS, json={"measure": "latency", "arms": [{"experiment_id": RUN}]})
    assert (answer.status_code, answer.json()["error"]) == (404, f"Experiment '{RUN}' not found")
    assert (await stranger.get(PATH, params={"measure": "latency"})).status_code == 404


def test_values_that_hardly_differ_have_edges_on_a_log_scale() -> None:
    low, high = Decimal("1000000000"), Decimal("1000000000.000001")
    edges = edges_of(Binning(100, LOG), low, high)
    assert (edges[0], edges[-1]) == (low, high)


@given(
    st.decimals(-(10**9), 10**9, places=6),
    st.decimals(0, 10**9, places=6),
    st.integers(1, 100),
    st.sampled_from([LINEAR, LOG]),
)
def test_edges_ascend_from_the_lowest_value_to_the_highest(low: Decimal, more: Decimal, bins: int, scale: str) -> None:
    if scale == LOG:
        low = abs(low) + Decimal("0.000001")
    edges = edges_of(Binning(bins, scale), low, low + more)
    assert (edges[0], edges[-1]) == (low, low + more)
    assert all(a < b for a, b in itertools.pairwise(edges)) or edges == [low, low]
    assert len(edges) <= max(bins, 1) + 1
    if scale == LINEAR and more:
        widths = [b - a for a, b in itertools.pairwise(edges)]
        assert max(widths) - min(widths) <= more / bins / 400
