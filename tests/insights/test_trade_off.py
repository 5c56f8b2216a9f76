"""Which experiments no other one beats, against the definition tried on every pair."""

from fractions import Fraction
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstats.insights.trade_off import Point, unbeaten

from ..api.test_stats_compare import ingest, root, score
from ..examples import examples

PATH = "/api/stats/v1/experiments"
means = st.one_of(st.none(), st.fractions(0, 2, max_denominator=3))


def beats(one: Point, other: Point) -> bool:
    (cost, quality), (others_cost, others_quality) = one, other
    assert cost is not None
    assert quality is not None
    assert others_cost is not None
    assert others_quality is not None
    return cost <= others_cost and quality >= others_quality and one != other


@settings(max_examples=examples(50))
@given(st.lists(st.tuples(means, means), max_size=12))
def test_what_is_unbeaten_is_beaten_by_no_other_point(points: list[Point]) -> None:
    whole = [point for point in points if None not in point]
    expected = [None if None in p else not any(beats(other, p) for other in whole) for p in points]
    assert unbeaten(points) == expected


def test_means_that_floats_take_for_equal_are_told_apart() -> None:
    third = Fraction(1, 3)
    almost = third + Fraction(1, 10**30)
    assert unbeaten([(third, Fraction(1)), (almost, Fraction(1))]) == [True, False]


async def listed(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


async def three_runs(client: httpx.AsyncClient) -> None:
    """`good` costs most and is the best, `cheap` costs least and is worse, `bad` is beaten by both; `free` has no cost,
    and `unscored` no score."""
    for name, cost, quality in (("good", 0.03, 0.9), ("cheap", 0.01, 0.5), ("bad", 0.02, 0.5), ("free", None, 1.0)):
        await ingest(client, *(root(name, i, **({} if cost is None else {"cost": cost})) for i in range(3)))
        for i in range(3):
            await score(client, f"{name}-{i}", evaluator_slug="right", numerical_value=quality)
    await ingest(client, root("unscored", 0, cost=0.001))
    await score(client, "good-0", evaluator_slug="an-opinion", string_value="fine")
    await score(client, "good-1", evaluator_slug="tone", numerical_value=1)


@pytest.mark.anyio
async def test_a_list_says_which_experiments_no_other_one_beats(client: httpx.AsyncClient) -> None:
    await three_runs(client)
    experiments = {e["id"]: e["measures"] for e in (await listed(client, pareto="true"))["experiments"]}
    by_name = {name: measures["scores.right"]["pareto"] for name, measures in experiments.items() if name != "unscored"}
    assert by_name == {"good": True, "cheap": True, "bad": False, "free": None}
    assert {name for name, m in experiments["good"].items() if "pareto" in m} == {
        "scores.right",
        "scores.tone",
        "scores.an-opinion",
    }
    plain = (await listed(client))["experiments"]
    assert not any("pareto" in figures for e in plain for figures in e["measures"].values())


@pytest.mark.anyio
async def test_only_experiments_of_the_answer_are_compared_and_only_by_means_that_are_asked_for(
    client: httpx.AsyncClient,
) -> None:
    await three_runs(client)
    (alone,) = (await listed(client, pareto="true", search="bad"))["experiments"]
    assert alone["measures"]["scores.right"]["pareto"] is True
    for measures in ("scores.right.mean", "scores.right.p50,cost.mean", "scores.right.mean,cost.max"):
        experiments = (await listed(client, pareto="true", measures=measures))["experiments"]
        assert {e["measures"]["scores.right"]["pareto"] for e in experiments} == {None}


@pytest.mark.anyio
async def test_a_list_says_which_scores_its_experiments_have(client: httpx.AsyncClient) -> None:
    await three_runs(client)
    assert (await listed(client))["scores"] == [
        {"measure": "scores.right", "experiments": 4},
        {"measure": "scores.tone", "experiments": 1},
    ]
    assert (await listed(client, search="unscored"))["scores"] == []


@pytest.mark.anyio
async def test_what_is_no_flag_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get(PATH, params={"pareto": "perhaps"})
    assert answer.status_code == 400
    assert "pareto" in answer.text
