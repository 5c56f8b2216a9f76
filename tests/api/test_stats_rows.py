"""The rows of a comparison, the trials of an item, baselines, and tables."""

import csv
import io
from typing import Any

import httpx
import pytest

from spanstats.comparison import one_item

from .test_stats_compare import ingest, root, score, two_runs

pytestmark = pytest.mark.anyio

ROWS = "/api/stats/v1/compare/rows"
ARMS = {"base": {"experiment_id": "a"}, "candidates": [{"experiment_id": "b"}]}


async def rows(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post(ROWS, json={**ARMS, "measure": "latency", **body})
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


async def latencies(client: httpx.AsyncClient) -> list[float]:
    """Losses: 5, 4, ..., -4 seconds for ten items; one item in each run alone, one without a latency in `b`."""
    await ingest(client, *(root("a", i, latency=10, output=f"a{i}", expected_output="yes") for i in range(12)))
    await ingest(client, *(root("b", i, latency=15 - i, output=f"b{i}") for i in range(10)))
    await ingest(client, root("b", 10), root("b", 99, latency=1))
    return [5 - i for i in range(10)]


async def test_the_largest_losses_come_first(client: httpx.AsyncClient) -> None:
    await latencies(client)
    page = await rows(client)
    assert (page["measure"], page["unit"], page["better"], page["count"]) == ("latency", "s", "lower", 5)
    assert [row["difference"] for row in page["rows"]] == [5, 4, 3, 2, 1]
    assert {row["change"] for row in page["rows"]} == {"worsened"}
    first = page["rows"][0]
    assert (first["input"], first["target"]) == ({"n": 0}, "yes")
    base, candidate = first["arms"]
    assert (base["value"], base["traces"], base["trace_ids"], base["output"]) == (10, 1, ["a-0"], "a0")
    assert (candidate["value"], candidate["output"], candidate["status"], candidate["scores"]) == (
        15,
        "b0",
        "success",
        {},
    )
    assert page["next_cursor"] is None


@pytest.mark.parametrize(
    ("show", "order_by", "expected"),
    [
        ("improved", "-improved", [-4, -3, -2, -1]),
        ("improved", "improved", [-1, -2, -3, -4]),
        ("worsened", "worsened", [1, 2, 3, 4, 5]),
        ("equal", "-worsened", [0]),
        ("missing", "-worsened", [None]),
        ("only_base", "-worsened", [None]),
        ("only_candidate", "-worsened", [None]),
        ("all", "difference", [*range(-4, 6), None, None, None]),
        ("all", "-difference", [*range(5, -5, -1), None, None, None]),
    ],
)
async def test_rows_are_shown_and_ordered_as_asked(
    client: httpx.AsyncClient, show: str, order_by: str, expected: list[Any]
) -> None:
    await latencies(client)
    page = await rows(client, show=show, order_by=order_by)
    assert [row["difference"] for row in page["rows"]] == expected
    assert page["count"] == len(expected)


async def test_pages_neither_repeat_nor_skip(client: httpx.AsyncClient) -> None:
    await ingest(client, *(root("a", i, latency=10) for i in range(23)))
    await ingest(client, *(root("b", i, **({"latency": 10 + i % 3} if i % 5 else {})) for i in range(23)))
    whole = [row["item_key"] for row in (await rows(client, show="all", limit=200))["rows"]]
    assert len(set(whole)) == 23
    paged, cursor = [], None
    while True:
        page = await rows(client, show="all", limit=4, cursor=cursor)
        paged += [row["item_key"] for row in page["rows"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == whole


async def test_a_margin_makes_small_changes_equal(client: httpx.AsyncClient) -> None:
    await latencies(client)
    assert (await rows(client, margins={"latency": 2}))["count"] == 3
    assert (await rows(client, margins={"latency": "20%"}, show="equal"))["count"] == 5


async def test_content_is_cut(client: httpx.AsyncClient) -> None:
    await ingest(client, root("a", 1, latency=1, output="x" * 500), root("b", 1, latency=2, output="y" * 500))
    [row] = (await rows(client, preview_length=5))["rows"]
    assert [arm["output"] for arm in row["arms"]] == ["xxxxx", "yyyyy"]


async def test_rows_are_a_table_that_opens_safely(client: httpx.AsyncClient) -> None:
    await ingest(client, *(root("a", i, latency=1, output="=1+1") for i in range(250)))
    await ingest(client, *(root("b", i, latency=2) for i in range(250)))
    answer = await client.post(ROWS, json={**ARMS, "measure": "latency"}, headers={"Accept": "text/csv"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(lines) == 250
    assert (lines[0]["difference"], lines[0]["base_output"], lines[0]["change"]) == ("1.0", "'=1+1", "worsened")


async def test_a_comparison_is_a_table(client: httpx.AsyncClient) -> None:
    await two_runs(client, 30)
    answer = await client.post("/api/stats/v1/compare", json=ARMS, headers={"Accept": "text/csv"})
    by_measure = {row["measure"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert (by_measure["latency"]["verdict"], by_measure["latency"]["candidate"]) == ("worse", "b")


WRONG = [
    ({"measure": ""}, ["body", "measure"]),
    ({"measure": "colour"}, ["body", "measures", 0]),
    ({"show": "some"}, ["body", "show"]),
    ({"order_by": "name"}, ["body", "order_by"]),
    ({"limit": 201}, ["body", "limit"]),
    ({"limit": True}, ["body", "limit"]),
    ({"cursor": "?"}, ["body", "cursor"]),
    ({"cursor": "WyIxLzAiLCAiMDAiXQ=="}, ["body", "cursor"]),
    ({"candidate": 1}, ["body", "candidate"]),
    ({"pair_by": "none"}, ["body", "pair_by"]),
]


@pytest.mark.parametrize(("change", "location"), WRONG, ids=[str(change) for change, _ in WRONG])
async def test_what_is_wrong_with_rows_is_named(
    client: httpx.AsyncClient, change: dict[str, Any], location: list[Any]
) -> None:
    await two_runs(client, 2)
    answer = await client.post(ROWS, json={**ARMS, "measure": "latency", **change})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (400, location)


async def test_an_item_shows_all_its_trials(client: httpx.AsyncClient) -> None:
    await ingest(client, *(root("a", i, input={"q": 1}, output=f"a{i}") for i in range(4)))
    await ingest(client, *(root("b", i, input={"q": 1}) for i in range(2)), root("b", 9, input={"q": 2}))
    for i in range(4):
        await score(client, f"a-{i}", evaluator_slug="right", boolean_value=i > 0)
    listed = (await client.post("/api/v2/experiments/a/logs/list/", json={})).json()["results"]
    key = listed[0]["comparison_key"]
    answer = await client.get(f"/api/stats/v1/items/{key}", params={"experiment": ["a", "b"]})
    assert answer.status_code == 200, answer.text
    item = answer.json()
    a, b = item["experiments"]
    assert (item["item_key"], item["input"]) == (key, {"q": 1})
    assert [trial["output"] for trial in a["trials"]] == ["a0", "a1", "a2", "a3"]
    assert [trial["scores"] for trial in a["trials"]] == [{"right": i > 0} for i in range(4)]
    assert a["passes"]["scores.right"] == [
        {"k": 1, "pass_at": 0.75, "pass_all": 0.75},
        {"k": 2, "pass_at": 1.0, "pass_all": 0.5},
        {"k": 3, "pass_at": 1.0, "pass_all": 0.25},
        {"k": 4, "pass_at": 1.0, "pass_all": 0.0},
    ]
    assert (len(b["trials"]), b["passes"]) == (2, {})


async def test_of_more_trials_than_are_shown_nothing_is_said(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ingest(client, *(root("a", i, input={"q": 1}) for i in range(3)))
    for i in range(3):
        await score(client, f"a-{i}", evaluator_slug="right", boolean_value=True)
    key = (await client.post("/api/v2/experiments/a/logs/list/", json={})).json()["results"][0]["comparison_key"]
    for most, shown, is_cut in ((3, 3, False), (2, 2, True)):
        monkeypatch.setattr(one_item, "MOST_SHOWN", most)
        answer = await client.get(f"/api/stats/v1/items/{key}", params={"experiment": ["a"]})
        [run] = answer.json()["experiments"]
        assert (len(run["trials"]), run["truncated"], run["passes"] == {}) == (shown, is_cut, is_cut)


async def test_the_first_trial_is_shown_whatever_part_of_a_filter_finds_it(client: httpx.AsyncClient) -> None:
    times = [f"2026-05-01T00:00:0{second}Z" for second in range(4)]
    fields = {"input": {"q": 1}, "model": "m"}
    await ingest(client, *(root("a", i, **fields, start_time=times[i], latency=i, output=i) for i in (1, 2, 3)))
    other = {**root("a", 1, model="n", start_time=times[1]), "span_unique_id": "x", "span_parent_id": "a-1"}
    await ingest(client, other, root("b", 1, input={"q": 1}, latency=9))
    page = await rows(client, base={"experiment_id": "a", "filters": {"model": "m"}})
    [row] = page["rows"]
    assert row["arms"][0]["trace_ids"] == ["a-1", "a-2", "a-3"]
    assert row["arms"][0]["output"] == 1


@pytest.mark.parametrize(
    ("path", "status"), [("xyz?experiment=a", 404), ("0" * 32 + "?experiment=a", 404), ("0" * 32, 400)]
)
async def test_an_item_that_no_trace_is_of_is_not_found(client: httpx.AsyncClient, path: str, status: int) -> None:
    await two_runs(client, 1)
    assert (await client.get(f"/api/stats/v1/items/{path}")).status_code == status


COMPARE_B = "/api/stats/v1/experiments/b/compare"
BASELINE_B = "/api/stats/v1/experiments/b/baseline"


async def test_a_run_is_compared_with_the_base_that_is_named(client: httpx.AsyncClient) -> None:
    await two_runs(client, 30)
    by_name = await client.get(COMPARE_B, params={"base": "a"})
    posted = await client.post("/api/stats/v1/compare", json=ARMS)
    assert {**by_name.json(), "as_of": None} == {**posted.json(), "as_of": None}
    assert (await client.get(COMPARE_B, params={"base": "b"})).status_code == 400
    assert (await client.get(COMPARE_B, params={"base": "c"})).json()["error"] == "base: experiment c not found"


async def test_without_a_base_the_baseline_is_taken_and_never_guessed(client: httpx.AsyncClient) -> None:
    await two_runs(client, 3)
    missing = await client.get(COMPARE_B)
    assert (missing.status_code, missing.json()["detail"][0]["loc"]) == (400, ["query", "base"])
    assert (await client.put(BASELINE_B, json={"baseline": "a"})).json()["baseline"] == "a"
    comparison = await client.get(COMPARE_B)
    assert comparison.json()["base"]["experiment_id"] == "a"
    await client.put(BASELINE_B, json={"baseline": None})
    assert (await client.get(COMPARE_B)).status_code == 400
    assert (await client.put(BASELINE_B, json={"baseline": "a", "project": True})).status_code == 400
    assert (await client.put("/api/stats/v1/experiments/zz/baseline", json={"baseline": "a"})).status_code == 404
    unknown = await client.put(BASELINE_B, json={"baseline": "zz"})
    assert (unknown.status_code, unknown.json()["error"]) == (404, "baseline: experiment zz not found")


async def test_an_experiment_shows_its_baseline(client: httpx.AsyncClient) -> None:
    await two_runs(client, 1)
    for baseline in ("a", None):
        await client.put(BASELINE_B, json={"baseline": baseline})
        experiment = await client.get("/api/stats/v1/experiments/b")
        assert experiment.json()["experiment"]["baseline"] == baseline


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "compare?pair_by=name", "pair_by"),
        ("POST", "compare/rows?limit=3", "limit"),
        ("GET", "experiments/b/compare?base=a&pair_by=name", "pair_by"),
        ("GET", "experiments/b/compare?base=a&base=c", "base"),
        ("GET", "items/00000000000000000000000000000000?experiment=a&experiment=b&limit=3", "limit"),
        ("PUT", "experiments/b/baseline?project=true", "project"),
    ],
)
async def test_a_name_that_means_nothing_is_refused_in_the_query_too(
    client: httpx.AsyncClient, method: str, path: str, name: str
) -> None:
    await two_runs(client, 1)
    bodies: dict[str, Any] = {"GET": None, "PUT": {"baseline": "a"}, "POST": {**ARMS, "measure": "latency"}}
    answer = await client.request(method, f"/api/stats/v1/{path}", json=bodies[method])
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (400, ["query", name])


async def test_null_says_no_more_than_an_absent_key(client: httpx.AsyncClient) -> None:
    await two_runs(client, 3)
    rows = {"show": None, "order_by": None, "limit": None, "cursor": None, "candidate": None, "preview_length": None}
    options = ("pair_by", "measures", "better", "margins", "cluster_by", "missing", "confidence", "correction")
    arm = {"experiment_id": "a", "filters": None, "operator": None, "start_time": None, "end_time": None}
    with_nulls = {"base": arm, "candidates": [{**arm, "experiment_id": "b"}], **dict.fromkeys(options)}
    plain = {"base": "a", "candidates": ["b"]}
    for path, more, plain_more in (("", {}, {}), ("/rows", {"measure": "latency"} | rows, {"measure": "latency"})):
        answers = [
            (await client.post(f"/api/stats/v1/compare{path}", json=body)).json()
            for body in (with_nulls | more, plain | plain_more)
        ]
        assert answers[0] | {"as_of": None} == answers[1] | {"as_of": None}
        assert "error" not in answers[0]


async def test_a_baseline_may_be_that_of_a_project(client: httpx.AsyncClient) -> None:
    project = (await client.post("/api/parea/v1/project", json={"name": "p"})).json()
    runs = []
    for name in ("one", "two"):
        body = {"name": "e", "run_name": name, "project_uuid": project["uuid"]}
        runs.append((await client.post("/api/parea/v1/experiment", json=body)).json()["uuid"])
    set_one = await client.put(
        f"/api/stats/v1/experiments/{runs[0]}/baseline", json={"baseline": runs[0], "project": True}
    )
    assert set_one.status_code == 200, set_one.text
    comparison = await client.get(f"/api/stats/v1/experiments/{runs[1]}/compare")
    assert (comparison.status_code, comparison.json()["base"]["experiment_id"]) == (200, runs[0])
    assert {w["code"] for w in comparison.json()["warnings"]} >= {"unfinished"}
    # Not with itself.
    assert (await client.get(f"/api/stats/v1/experiments/{runs[0]}/compare")).status_code == 400


async def test_who_may_only_read_sets_no_baseline(make_client: Any) -> None:
    reader = await make_client(scope="read")
    assert (await reader.put(BASELINE_B, json={"baseline": "a"})).status_code == 403
