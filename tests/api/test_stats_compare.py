"""Comparisons over the wire: what is answered, and what is refused by name."""

from typing import Any

import httpx
import pytest

from .test_respan import flat, ingest

pytestmark = pytest.mark.anyio

PATH = "/api/stats/v1/compare"


def root(experiment: str, item: int, **fields: Any) -> dict[str, Any]:
    metadata = {"experiment_id": experiment, **fields.pop("metadata", {})}
    return flat(
        f"{experiment}-{item}",
        span_unique_id=f"{experiment}-{item}",
        **{"input": {"n": item}, **fields},
        metadata=metadata,
    )


async def score(client: httpx.AsyncClient, log_id: str, **fields: Any) -> None:
    answer = await client.post(f"/api/logs/{log_id}/scores/", json=fields)
    assert answer.status_code == 201, answer.text


async def two_runs(client: httpx.AsyncClient, n: int = 40) -> None:
    """`b` is a second slower on every item, right on all where `a` is right on half, and costs the same."""
    await ingest(client, *(root("a", i, latency=1 + i % 3, cost=0.01) for i in range(n)))
    await ingest(client, *(root("b", i, latency=2 + i % 4, cost=0.01) for i in range(n)))
    for i in range(n):
        await score(client, f"a-{i}", evaluator_slug="right", boolean_value=i % 2 == 0)
        await score(client, f"b-{i}", evaluator_slug="right", boolean_value=True)


async def compared(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    request_body = {"base": {"experiment_id": "a"}, "candidates": [{"experiment_id": "b"}], **body}
    answer = await client.post(PATH, json=request_body)
    assert answer.status_code == 200, answer.text
    comparison: dict[str, Any] = answer.json()
    return comparison


async def test_a_comparison_says_what_is_better_worse_and_not_known(client: httpx.AsyncClient) -> None:
    await two_runs(client)
    comparison = await compared(client, margins={"cost": "1%"})
    assert comparison["base"] == {
        "experiment_id": "a",
        "traces": 40,
        "items": 40,
        "failed": 0,
        "without_key": 0,
        "without_root": 0,
    }
    [candidate] = comparison["candidates"]
    assert candidate["pairing"] == {
        "by": "input",
        "both": 40,
        "only_base": 0,
        "only_candidate": 0,
        "most_repeats": [1, 1],
        "targets_differ": 0,
        "unequal_repeats": 0,
    }
    measures = candidate["measures"]
    right = measures["scores.right"]
    assert (right["kind"], right["better"], right["base"]["mean"], right["candidate"]["mean"]) == (
        "boolean",
        "higher",
        0.5,
        1.0,
    )
    paired = right["paired"]
    assert (paired["items"], paired["improved"], paired["worsened"], paired["equal"]) == (40, 20, 0, 20)
    assert (paired["difference"], paired["method"], paired["verdict"]) == (0.5, "mcnemar_mid_p", "better")
    assert (measures["latency"]["unit"], measures["latency"]["paired"]["verdict"]) == ("s", "worse")
    assert measures["latency"]["paired"]["improved"] < measures["latency"]["paired"]["worsened"]
    cost = measures["cost"]["paired"]
    assert (cost["difference"], cost["p_value"], cost["verdict"], cost["margin"]) == (0, 1.0, "equivalent", 0.0001)
    assert measures["ttft"]["paired"]["verdict"] == "insufficient"
    assert measures["ttft"]["base"] == {"mean": None, "count": 0, "missing": 40}
    assert (comparison["correction"], comparison["confidence"]) == ({"method": "holm", "tests": 7}, 0.95)
    assert comparison["warnings"] == []
    assert comparison["as_of"].endswith("+00:00")


async def test_measures_are_counted_by_what_is_concluded_of_them(client: httpx.AsyncClient) -> None:
    await two_runs(client)
    for i in range(40):
        # Up for one half of the items and down for the other one: nothing is decided.
        await score(client, f"a-{i}", evaluator_slug="tone", numerical_value=0.5)
        await score(client, f"b-{i}", evaluator_slug="tone", numerical_value=0.4 + 0.2 * (i % 2))
    chosen = ["latency", "cost", "ttft", "scores.right", "scores.tone"]
    [candidate] = (await compared(client, measures=chosen))["candidates"]
    assert candidate["verdicts"] == {
        "better": {"count": 1, "measures": ["scores.right"]},
        "worse": {"count": 1, "measures": ["latency"]},
        "equivalent": {"count": 0, "measures": []},
        "unchanged": {"count": 1, "measures": ["cost"]},
        "undecided": {"count": 1, "measures": ["scores.tone"]},
        "unknown": {"count": 1, "measures": ["ttft"]},
    }
    margins = {"cost": "1%", "scores.tone": 0.5}
    [candidate] = (await compared(client, measures=chosen, margins=margins))["candidates"]
    assert candidate["verdicts"]["equivalent"] == {"count": 2, "measures": ["cost", "scores.tone"]}
    assert candidate["verdicts"]["unchanged"] == candidate["verdicts"]["undecided"] == {"count": 0, "measures": []}


async def test_items_that_differ_within_a_margin_are_not_unchanged(client: httpx.AsyncClient) -> None:
    await ingest(client, *(root("a", i, latency=1) for i in range(3)))
    await ingest(client, *(root("b", i, latency=1 + (i - 1) * 0.5) for i in range(3)))
    [candidate] = (await compared(client, measures=["latency"], margins={"latency": 0.5}))["candidates"]
    assert candidate["measures"]["latency"]["paired"]["equal"] == 3
    assert candidate["verdicts"]["undecided"]["measures"] == ["latency"]


async def test_arms_agree_with_their_summaries(client: httpx.AsyncClient) -> None:
    await two_runs(client)
    comparison = await compared(client)
    summary = (await client.get("/api/v2/experiments/b/logs/summary/")).json()
    measures = comparison["candidates"][0]["measures"]
    assert measures["latency"]["candidate"]["mean"] == summary["avg_latency"]
    assert measures["scores.right"]["candidate"]["count"] == summary["scores"]["right"]["count"]


async def test_one_run_splits_by_filters(client: httpx.AsyncClient) -> None:
    await ingest(client, *(root("e", i, input={"n": i // 2}, model=f"m{i % 2}", latency=1 + i % 2) for i in range(80)))
    arms = [{"experiment_id": "e", "filters": {"model": f"m{m}"}} for m in (0, 1)]
    comparison = await compared(client, base=arms[0], candidates=[arms[1]], measures=["latency"])
    latency = comparison["candidates"][0]["measures"]["latency"]["paired"]
    assert (latency["items"], latency["difference"], latency["method"]) == (40, 1.0, "sign")


async def test_runs_without_common_items_are_compared_as_a_whole(client: httpx.AsyncClient) -> None:
    await ingest(client, *(root("a", i, latency=1 + i % 3) for i in range(40)))
    await ingest(client, *(root("b", i, input={"other": i}, latency=2 + i % 3) for i in range(40)))
    comparison = await compared(client, measures=["latency"])
    latency = comparison["candidates"][0]["measures"]["latency"]
    assert (latency["paired"], latency["unpaired"]["method"], latency["unpaired"]["verdict"]) == (
        None,
        "welch",
        "worse",
    )
    assert [w["code"] for w in comparison["warnings"]] == ["no_common_items", "few_items", "low_overlap"]
    unpaired = await compared(client, measures=["latency"], pair_by="none")
    assert unpaired["candidates"][0]["measures"]["latency"]["unpaired"] == latency["unpaired"]
    assert unpaired["candidates"][0]["pairing"] == {"by": "none"}


async def test_unpaired_scores_say_how_many_traces_have_one(client: httpx.AsyncClient) -> None:
    await two_runs(client, 4)
    await ingest(client, root("a", 9))
    right = (await compared(client, pair_by="none"))["candidates"][0]["measures"]["scores.right"]
    assert right["base"] == {"mean": 0.5, "count": 4, "missing": 1, "trace_count": 4}
    assert right["candidate"] == {"mean": 1.0, "count": 4, "missing": 0, "trace_count": 4}


@pytest.mark.parametrize(
    ("pair_by", "both"),
    [("metadata.case", 20), ("comparison_key", 10), ("name", 0), ("custom_identifier", 0), ("input", 40)],
)
async def test_items_pair_by_what_a_client_names(client: httpx.AsyncClient, pair_by: str, both: int) -> None:
    for experiment in ("a", "b"):
        metadata = [
            {**({"case": f"c{i}"} if i < 20 else {}), **({"comparison_key": f"k{i}"} if i < 10 else {})}
            for i in range(40)
        ]
        await ingest(client, *(root(experiment, i, latency=i, metadata=metadata[i]) for i in range(40)))
    comparison = await compared(client, pair_by=pair_by)
    [candidate] = comparison["candidates"]
    assert candidate["pairing"]["both"] == both
    assert candidate["without_key"] == 40 - both


async def test_text_scores_are_compared_by_agreement(client: httpx.AsyncClient) -> None:
    for experiment, words in (("a", "xxyy"), ("b", "xyyy")):
        await ingest(client, *(root(experiment, i) for i in range(4)))
        for i, word in enumerate(words):
            await score(client, f"{experiment}-{i}", evaluator_slug="tone", string_value=word)
    tone = (await compared(client))["candidates"][0]["measures"].get("scores.tone")
    assert tone is not None
    assert (tone["kind"], tone["agreement"]) == ("text", {"items": 4, "same": 3, "different": 1})


REFUSED: list[tuple[dict[str, Any], list[Any]]] = [
    ({"base": None}, ["body", "base"]),
    ({"base": 5}, ["body", "base"]),
    ({"base": {}}, ["body", "base", "experiment_id"]),
    ({"base": {"experiment_id": "a", "filter": []}}, ["body", "base", "filter"]),
    ({"base": {"experiment_id": "a", "start_time": "noon"}}, ["body", "base", "start_time"]),
    ({"base": {"experiment_id": "a", "filters": {"colour": "red"}}}, ["body", "base", "filters", "colour", "field"]),
    ({"candidates": []}, ["body", "candidates"]),
    ({"candidates": [{"experiment_id": "b"}] * 9}, ["body", "candidates"]),
    ({"candidates": [{"experiment_id": "b"}, {"experiment_id": "a"}]}, ["body", "candidates", 1]),
    ({"measures": []}, ["body", "measures"]),
    ({"measures": ["colour"]}, ["body", "measures", 0]),
    ({"measures": ["cost", "scores.nothing"]}, ["body", "measures", 1]),
    ({"pair_by": "colour"}, ["body", "pair_by"]),
    ({"cluster_by": "metadata."}, ["body", "cluster_by"]),
    ({"missing": "maybe"}, ["body", "missing"]),
    ({"correction": "bonferroni"}, ["body", "correction"]),
    ({"confidence": 95}, ["body", "confidence"]),
    ({"margins": {"cost": "many"}}, ["body", "margins", "cost"]),
    ({"margins": {"cost": -1}}, ["body", "margins", "cost"]),
    ({"margins": {"span_count": 1}}, ["body", "margins", "span_count"]),
    ({"margins": {"scores.nothing": 1}}, ["body", "margins", "scores.nothing"]),
    ({"better": {"cost": "greener"}}, ["body", "better", "cost"]),
    ({"colour": "red"}, ["body", "colour"]),
]


@pytest.mark.parametrize(("change", "location"), REFUSED, ids=[str(location) for _, location in REFUSED])
async def test_what_is_wrong_is_named(client: httpx.AsyncClient, change: dict[str, Any], location: list[Any]) -> None:
    await two_runs(client, 2)
    body = {"base": {"experiment_id": "a"}, "candidates": [{"experiment_id": "b"}], **change}
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"][0]["loc"] == location


@pytest.mark.parametrize("margin", [-1, 1e19, "2e20 %"])
async def test_a_margin_out_of_range_is_told_its_range(client: httpx.AsyncClient, margin: float | str) -> None:
    await two_runs(client, 2)
    body = {"base": {"experiment_id": "a"}, "candidates": [{"experiment_id": "b"}], "margins": {"cost": margin}}
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "body.margins.cost: must be from 0 to 10^18"


async def test_an_unknown_experiment_is_named(client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    await two_runs(client, 2)
    body = {"base": {"experiment_id": "a"}, "candidates": [{"experiment_id": "b"}, {"experiment_id": "gone"}]}
    answer = await client.post(PATH, json=body)
    assert (answer.status_code, answer.json()["error"]) == (404, "candidates.1: experiment gone not found")
    hidden = await stranger.post(PATH, json=body)
    assert (hidden.status_code, hidden.json()["error"]) == (404, "base: experiment a not found")


async def test_large_arms_are_refused_by_name(make_client: Any) -> None:
    client = await make_client(max_compared_traces=3)
    await two_runs(client, 4)
    answer = await client.post(PATH, json={"base": "a", "candidates": ["b"]})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (400, ["body", "base"])
    assert (await client.post(PATH, json={"base": "a", "candidates": ["b"], "pair_by": "none"})).status_code == 200


async def test_a_key_that_may_only_write_compares_nothing(make_client: Any, anonymous: httpx.AsyncClient) -> None:
    writer = await make_client(scope="ingest")
    assert (await writer.post(PATH, json={})).status_code == 403
    assert (await anonymous.post(PATH, json={})).status_code == 401
    reader = await make_client(scope="read")
    assert (await reader.post(f"{PATH}/", json={})).status_code == 400


async def codes(client: httpx.AsyncClient, **body: Any) -> list[str]:
    return [warning["code"] for warning in (await compared(client, **body))["warnings"]]


async def test_repeats_that_are_ignored_are_said(client: httpx.AsyncClient) -> None:
    await ingest(client, *(root("a", i, input={"n": i // 2}, model=f"m{i % 2}") for i in range(80)))
    await ingest(client, *(root("b", i) for i in range(40)))
    assert "repeats_ignored" in await codes(client, pair_by="none")
    assert "repeats_ignored" not in await codes(client)
    # One trace of each item is in each half.
    halves = [{"experiment_id": "a", "filters": {"model": f"m{m}"}} for m in (0, 1)]
    assert "repeats_ignored" not in await codes(client, base=halves[0], candidates=halves[1:], pair_by="none")
    await ingest(client, *(root("c", i, input={"c": i // 2}) for i in range(80)))
    assert {"repeats_ignored", "no_common_items"} <= {*await codes(client, candidates=["c"])}


async def test_trials_of_scores_of_0_and_1_say_whether_any_or_all_are_right(client: httpx.AsyncClient) -> None:
    await ingest(client, *(root("a", i, input={"n": i // 3}) for i in range(6)))
    await ingest(client, *(root("b", i) for i in range(3)))
    for i in range(6):
        await score(client, f"a-{i}", evaluator_slug="right", boolean_value=i < 4)
        await score(client, f"a-{i}", evaluator_slug="grade", numerical_value=i / 4)
    for i in range(3):
        await score(client, f"b-{i}", evaluator_slug="right", boolean_value=i < 2)
    measures = (await compared(client))["candidates"][0]["measures"]
    third = pytest.approx(1 / 3)
    assert measures["scores.right"]["passes"] == {
        "base": [
            {"k": 1, "pass_at": pytest.approx(2 / 3), "pass_all": pytest.approx(2 / 3)},
            {"k": 2, "pass_at": pytest.approx(5 / 6), "pass_all": 0.5},
            {"k": 3, "pass_at": 1.0, "pass_all": 0.5},
        ],
        "candidate": [{"k": 1, "pass_at": pytest.approx(2 / 3), "pass_all": pytest.approx(2 / 3)}],
    }
    assert 1 - measures["scores.right"]["passes"]["candidate"][0]["pass_at"] == third
    assert "passes" not in measures["scores.grade"]
    assert "passes" not in measures["error"]


async def test_warnings_count_one_and_many_as_people_do(client: httpx.AsyncClient) -> None:
    await ingest(client, *(root("a", i, latency=1) for i in range(3)), *(root("b", i, latency=2) for i in range(2, 5)))
    messages = [w["message"] for w in (await compared(client, measures=["latency"]))["warnings"]]
    assert messages == ["Only 1 item is in both arms; 30 are the least", "Only 1 of 5 items is in both arms"]


async def test_an_item_without_a_value_in_both_arms_is_missing_once(client: httpx.AsyncClient) -> None:
    """Four items: one is scored in both arms, one in the base alone, two in none."""
    await ingest(client, *(root(arm, i, latency=1) for arm in "ab" for i in range(4)))
    for log_id in ("a-0", "b-0", "a-1"):
        await score(client, log_id, evaluator_slug="right", numerical_value=1)
    warnings = (await compared(client, measures=["scores.right"]))["warnings"]
    assert [w["message"] for w in warnings if w["code"] == "many_missing"] == [
        "scores.right: 3 of 4 items have no value in some arm"
    ]
