"""What a filter by metadata finds, the same in every route that filters; and bounds of a score that are one range."""

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio

E = "/api/v2/experiments/e"
METADATA: dict[str, dict[str, Any]] = {
    "int": {"n": 1},
    "float": {"n": 1.0},
    "text": {"n": "1"},
    "text-float": {"n": "1.0"},
    "two": {"n": 2},
    "true": {"n": True},
    "list": {"n": [1, "a", None]},
    "list-of-text": {"n": ["1", "b"]},
    "nested-list": {"n": [[1]]},
    "object": {"n": {"x": {"y": "deep"}}},
    "flat": {"n.x": "flat", "n": {"x": "deep"}},
    "none": {},
}
ONES = {"int", "float", "text", "list", "list-of-text"}
HAVE_N = METADATA.keys() - {"none"}

CASES: list[tuple[str, Any, set[str]]] = [
    ("n", 1, ONES),
    ("n", "1", ONES),
    ("n", 1.0, {"int", "float", "text-float", "list"}),
    ("n", "1.0", {"int", "float", "text-float", "list"}),
    ("n", "1e0", {"int", "float", "list"}),
    ("n", "01", set()),
    ("n", True, {"true"}),
    ("n", "a", {"list"}),
    ("n", ["a", "b", 2], {"list", "list-of-text", "two"}),
    ("n", "[[1]]", {"nested-list"}),
    ("n.x", "flat", {"flat"}),
    ("n.x", "deep", set()),
    ("n.x.y", "deep", {"object"}),
    ("n.0", 1, set()),
    ("x.y", "deep", set()),
]


async def fill(client: httpx.AsyncClient) -> None:
    spans = [
        {"trace_unique_id": name, "span_unique_id": name, "metadata": {"experiment_id": "e", **metadata}}
        for name, metadata in METADATA.items()
    ]
    assert (await client.post("/api/v1/traces/ingest", json=spans)).status_code == 200


async def found(client: httpx.AsyncClient, condition: dict[str, Any]) -> set[str]:
    """The ids that each route of Respan's dialect finds, which are the same."""
    body = {"filters": [condition]}
    lists = [
        (await client.post(path, json=body)).json()["results"]
        for path in (f"{E}/logs/list/", "/api/traces/list/", "/api/request-logs/list/")
    ]
    first, *others = [{row["id"] for row in rows} for rows in lists]
    assert others == [first, first], condition
    for path in (f"{E}/logs/summary/", "/api/request-logs/summary/"):
        assert (await client.post(path, json=body)).json()["total_count"] == len(first), (path, condition)
    return first


async def found_by_parea(client: httpx.AsyncClient, key: str, operator: str, value: Any) -> set[str]:
    condition = {"filter_field": "metadata", "filter_key": key, "filter_operator": operator, "filter_value": value}
    answer = await client.post("/api/parea/v1/experiment/e/trace_logs", json=condition)
    return {log["trace_id"] for log in answer.json()}


async def test_values_of_metadata_are_compared_by_value_by_element_and_by_path(client: httpx.AsyncClient) -> None:
    await fill(client)
    for key, value, expected in CASES:
        name = f"metadata__{key}"
        assert await found(client, {"field": name, "operator": "in", "value": value}) == expected, (key, value)
        having = await found(client, {"field": name, "operator": "isnull", "value": False})
        others = await found(client, {"field": name, "operator": "not_in", "value": value})
        assert others == having - expected, (key, value)
        if key == "n":
            assert having == HAVE_N
        written = ",".join(map(str, value)) if isinstance(value, list) else value
        if not isinstance(value, bool | float):
            operator = "in" if isinstance(value, list) else "equals"
            assert await found_by_parea(client, key, operator, str(written)) == expected, (key, value)
    ordered = {"field": "metadata__n", "operator": "lte", "value": 1}
    assert await found(client, ordered) == {"int", "float"}


async def test_a_list_of_lists_is_refused_where_a_list_is_meant(client: httpx.AsyncClient) -> None:
    values: list[Any] = [[["a", "b"]], ["a", ["b"]], [[]]]
    for value in values:
        for operator in ("in", "not_in"):
            for path in (f"{E}/logs/summary/", f"{E}/logs/list/", "/api/traces/list/", "/api/request-logs/list/"):
                filters = {"metadata__n": {"operator": operator, "value": value}}
                answer = await client.post(path, json={"filters": filters})
                assert answer.status_code == 400, (path, value)
                assert answer.json()["detail"][0]["loc"][-1] == "value"


async def test_bounds_of_one_range_hold_for_one_and_the_same_score(client: httpx.AsyncClient) -> None:
    def scored(name: str, *values: float) -> list[dict[str, Any]]:
        return [
            {
                "trace_unique_id": name,
                "span_unique_id": f"{name}{number}",
                "span_parent_id": f"{name}0" if number else None,
                "metadata": {"experiment_id": "e"},
                "scores": {"q": value},
            }
            for number, value in enumerate(values)
        ]

    spans = [*scored("apart", 0.1, 0.9), *scored("within", 0.1, 0.4), *scored("edge", 0.5)]
    for span in spans:
        score = {"log_id": span["span_unique_id"], "evaluator_slug": "q", "numerical_value": span.pop("scores")["q"]}
        assert (await client.post("/api/v1/traces/ingest", json=[span])).status_code == 200
        assert (await client.post("/api/scores/", json=score)).status_code == 201

    async def ids(filters: Any) -> set[str]:
        answer = (await client.post(f"{E}/logs/list/", json={"filters": filters})).json()
        count = (await client.post(f"{E}/logs/summary/", json={"filters": filters})).json()["total_count"]
        assert count == answer["count"]
        return {row["id"] for row in answer["results"]}

    low, high = {"operator": "gt", "value": 0.2}, {"operator": "lt", "value": 0.5}
    assert await ids({"scores__q": [low, high]}) == {"within"}
    assert await ids({"scores__q": {"gt": 0.2, "lt": 0.5}}) == {"within"}
    assert await ids({"scores__q": {"gte": 0.2, "lte": 0.5}}) == {"within", "edge"}
    assert await ids({"scores__q": {"gt": 0.5, "lt": 0.5}}) == set()
    assert await ids([{"field": "scores__q", **low}, {"field": "scores__q", **high}]) == {"apart", "within"}
    spans_found = await client.post("/api/request-logs/list/", json={"filters": {"scores__q": {"gt": 0.2, "lt": 0.5}}})
    assert {row["id"] for row in spans_found.json()["results"]} == {"within1"}
