"""Datasets over Parea's API, from the recorded requests on."""

import asyncio
from typing import Any

import httpx
import pytest

from .conftest import MakeClient
from .parea_world import API, recorded

pytestmark = pytest.mark.anyio


async def send(client: httpx.AsyncClient, seq: int) -> httpx.Response:
    record = next(r for r in recorded() if r["seq"] == seq)
    return await client.request(record["method"], record["path"], json=record["body"])


async def get(client: httpx.AsyncClient, name: str | int) -> Any:
    answer = await client.get(f"{API}/collection/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows(dataset: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(r["inputs"], r["target"], r["tags"]) for r in dataset["test_cases"].values()]


async def post(client: httpx.AsyncClient, path: str, body: Any, status: int = 200) -> httpx.Response:
    answer = await client.post(f"{API}/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer


async def test_the_recorded_dataset_is_read_back_as_it_was_made(client: httpx.AsyncClient) -> None:
    for seq in (112, 113, 112, 113):
        assert (await send(client, seq)).content == b"null"
    dataset = (await send(client, 114)).json()
    assert (dataset["name"], dataset["column_names"]) == ("ds", ["question", "n"])
    assert rows(dataset) == [({"question": "a", "n": "1"}, "x", ["g"]), ({"question": "b", "n": "2"}, None, [])]
    assert all(int(key) == row["id"] for key, row in dataset["test_cases"].items())
    assert {row["test_case_collection_id"] for row in dataset["test_cases"].values()} == {dataset["id"]}
    assert dataset["created_at"] <= dataset["last_updated_at"]
    assert await get(client, dataset["id"]) == dataset


@pytest.mark.parametrize("name", ["nowhere", "7", "9999999999999", "a\ufffd", "%00", "a/b"])
async def test_an_unknown_dataset_is_null(client: httpx.AsyncClient, name: str) -> None:
    assert await get(client, name) is None


async def test_another_dataset_of_the_same_name_is_refused(client: httpx.AsyncClient) -> None:
    await post(client, "collection", {"name": "a/b c"})
    assert "a/b c" in (await post(client, "collection", {"name": "a/b c", "column_names": ["x"]}, 400)).json()["detail"]
    assert (await get(client, "a/b c"))["name"] == "a/b c"


async def test_a_dataset_made_by_several_at_once_is_made_once(client: httpx.AsyncClient) -> None:
    body = {"name": "d", "test_cases": [{"inputs": {"k": str(n)}} for n in range(20)]}
    await asyncio.gather(*(post(client, "collection", body) for _ in range(8)))
    assert len((await get(client, "d"))["test_cases"]) == 20
    added = {"name": "d", "test_cases": [{"inputs": {"k": "more"}}, {"inputs": {"k": "more"}}]}
    await asyncio.gather(*(post(client, "testcases", added) for _ in range(8)))
    assert len((await get(client, "d"))["test_cases"]) == 22


async def test_values_that_are_no_text_are_kept_as_json(client: httpx.AsyncClient) -> None:
    case = {
        "inputs": {"n": 1, "deep": {"a": [True]}, "none": None, "nul\0": "\0"},
        "target": {"b": 2},
        "tags": [3, "t", None],
    }
    await post(client, "collection", {"id": None, "name": "d", "test_cases": [case]})
    dataset = await get(client, "d")
    assert rows(dataset) == [({"n": "1", "deep": '{"a":[true]}', "nul\ufffd": "\ufffd"}, '{"b":2}', ["3", "t"])]
    assert dataset["column_names"] == ["n", "deep", "nul\ufffd"]


async def test_rows_are_added_by_id_or_name_and_bring_their_columns(client: httpx.AsyncClient) -> None:
    await post(client, "collection", {"name": "d", "column_names": ["a"]})
    before = await get(client, "d")
    await post(client, "testcases", {"id": before["id"], "test_cases": [{"inputs": {"b": "1"}}]})
    await post(client, "testcases", {"id": None, "name": "d", "test_cases": [{"inputs": {"a": "1"}}]})
    after = await get(client, "d")
    assert [inputs for inputs, _, _ in rows(after)] == [{"b": "1"}, {"a": "1"}]
    assert after["column_names"] == ["a", "b"]
    await post(client, "testcases", {"name": "nowhere"}, 404)
    await post(client, "testcases", {"id": 99999}, 404)


async def test_a_row_is_changed_in_what_is_not_null(client: httpx.AsyncClient) -> None:
    await post(
        client, "collection", {"name": "d", "test_cases": [{"inputs": {"a": "1"}, "target": "t", "tags": ["x"]}]}
    )
    dataset = await get(client, "d")
    (row_id,) = dataset["test_cases"]
    path = f"update_test_case/{dataset['id']}/{row_id}"
    await post(client, path, {"inputs": None, "target": 3.5, "tags": None})
    assert rows(await get(client, "d")) == [({"a": "1"}, "3.5", ["x"])]
    await post(client, path, {"inputs": {"b": "2"}, "tags": []})
    await post(client, path, {})
    assert rows(await get(client, "d")) == [({"b": "2"}, "3.5", [])]
    for other in (
        f"{dataset['id']}/0",
        f"0/{row_id}",
        f"x/{row_id}",
        f"{dataset['id']}/99999999999",
        f"{dataset['id']}/²",
    ):
        await post(client, f"update_test_case/{other}", {"target": "no"}, 404)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("collection", {}),
        ("collection", {"name": ""}),
        ("collection", {"name": "n\0"}),
        ("collection", {"name": "d", "test_cases": [{"inputs": "x"}]}),
        ("collection", {"name": "d", "test_cases": [{}]}),
        ("testcases", {"test_cases": []}),
        ("testcases", {"id": 2**31, "test_cases": []}),
        ("testcases", {"id": "x"}),
        ("update_test_case/1/1", {"tags": "x"}),
    ],
)
async def test_what_is_no_dataset_is_refused(client: httpx.AsyncClient, path: str, body: Any) -> None:
    answer = await post(client, path, body, 422)
    assert all(problem["loc"][0] == "body" for problem in answer.json()["detail"])


async def test_tenants_have_datasets_of_their_own(make_client: MakeClient) -> None:
    mine, theirs = await make_client("mine"), await make_client("theirs")
    await post(mine, "collection", {"name": "d", "test_cases": [{"inputs": {"a": "mine"}}]})
    of_mine = await get(mine, "d")
    (row_id,) = of_mine["test_cases"]
    assert await get(theirs, "d") is await get(theirs, of_mine["id"]) is None
    await post(theirs, "testcases", {"id": of_mine["id"], "test_cases": [{"inputs": {"a": "x"}}]}, 404)
    await post(theirs, "testcases", {"name": "d", "test_cases": [{"inputs": {"a": "x"}}]}, 404)
    await post(theirs, f"update_test_case/{of_mine['id']}/{row_id}", {"target": "x"}, 404)
    await post(theirs, "collection", {"name": "d", "test_cases": [{"inputs": {"a": "theirs"}}]})
    of_theirs = await get(theirs, "d")
    await post(theirs, f"update_test_case/{of_theirs['id']}/{row_id}", {"target": "x"}, 404)
    assert await get(mine, "d") == of_mine
    assert rows(of_theirs) == [({"a": "theirs"}, None, [])]


async def test_health_needs_no_key(anonymous: httpx.AsyncClient) -> None:
    for path in (f"{API}/", API):
        answer = await anonymous.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert (await anonymous.get(f"{API}/collection/d")).status_code == 401
