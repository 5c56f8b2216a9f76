"""Tables of comparisons say what their JSON says; what is too large or hostile is refused cleanly."""

import csv
import io
import json
from typing import Any

import httpx
import pytest

from .test_stats_compare import PATH, ingest, root, score, two_runs

pytestmark = pytest.mark.anyio
ARMS = {"base": {"experiment_id": "a"}, "candidates": [{"experiment_id": "b"}]}


def table(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def says(text: str, value: Any) -> bool:
    """Whether a cell of a table says what the JSON says."""
    if value is None or isinstance(value, str):
        return text == (value or "")
    return text == str(value).lower() if isinstance(value, bool) else float(text) == value


async def test_a_table_has_the_numbers_of_the_answer(client: httpx.AsyncClient) -> None:
    await two_runs(client, 30)
    body = {**ARMS, "margins": {"latency": "10%", "cost": 0.001}, "candidates": ["b", "c"]}
    await ingest(client, *(root("c", i, input={"other": i}, latency=i) for i in range(30)))
    answer = (await client.post(PATH, json=body)).json()
    lines = table(await client.post(PATH, json=body, headers={"Accept": "text/csv"}))
    expected = [(c["experiment_id"], name, m) for c in answer["candidates"] for name, m in c["measures"].items()]
    assert len(lines) == len(expected)
    for row, (candidate, name, measure) in zip(lines, expected, strict=True):
        tested = measure["paired"] or measure["unpaired"]
        about = {"candidate": candidate, "measure": name, **{k: measure[k] for k in ("kind", "unit", "better")}}
        for column, text in row.items():
            assert says(text, about[column] if column in about else tested.get(column)), (name, column)


async def test_the_table_of_rows_has_the_rows_of_all_pages(client: httpx.AsyncClient) -> None:
    await two_runs(client, 30)
    body = {**ARMS, "measure": "latency", "show": "all", "limit": 7}
    listed: list[dict[str, Any]] = []
    cursor = None
    while cursor is not None or not listed:
        page = (await client.post(f"{PATH}/rows", json={**body, "cursor": cursor})).json()
        listed, cursor = listed + page["rows"], page["next_cursor"]
    lines = table(await client.post(f"{PATH}/rows", json=body, headers={"Accept": "text/csv"}))
    assert len(lines) == len(listed) == page["count"] == 30
    for text, row in zip(lines, listed, strict=True):
        base, candidate = row["arms"]
        assert text["item_key"] == row["item_key"]
        assert says(text["difference"], row["difference"])
        assert says(text["change"], row["change"])
        assert says(text["base_value"], base["value"])
        assert says(text["candidate_value"], candidate["value"])
        assert text["base_trace_id"] == base["trace_ids"][0]
        assert json.loads(text["input"]) == row["input"]


async def test_names_that_a_spreadsheet_would_run_are_quoted(client: httpx.AsyncClient) -> None:
    await ingest(client, *(root("=a", i, latency=1) for i in range(3)), *(root("+b", i, latency=2) for i in range(3)))
    await score(client, "=a-0", evaluator_slug="=cmd", numerical_value=1)
    body = {"base": "=a", "candidates": ["+b"]}
    lines = table(await client.post(PATH, json=body, headers={"Accept": "text/csv"}))
    assert {row["candidate"] for row in lines} == {"'+b"}
    assert "scores.=cmd" in {row["measure"] for row in lines}


async def test_what_takes_too_long_is_an_outage_that_says_so(make_client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await make_client()
    await two_runs(client, 3)
    hasty = await make_client(read_timeout_s=0.000001)
    answer = await hasty.post(PATH, json=ARMS)
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert (await client.post(PATH, json=ARMS)).status_code == 200


HOSTILE: list[Any] = [
    None,
    [],
    "x",
    5,
    {"base": "a" * 300, "candidates": ["b"]},
    {"base": "a\x00b", "candidates": ["b"]},
    {"base": "a", "candidates": [["b"]]},
    {"base": "a", "candidates": {"experiment_id": "b"}},
    {**ARMS, "margins": {"cost": 1e400}},
    {**ARMS, "margins": {"cost": "9" * 400}},
    {**ARMS, "margins": {"cost": "1e5"}},
    {**ARMS, "margins": {"cost": True}},
    {**ARMS, "margins": []},
    {**ARMS, "better": "lower"},
    {**ARMS, "confidence": float("nan")},
    {**ARMS, "confidence": 1},
    {**ARMS, "confidence": True},
    {**ARMS, "measures": ["cost"] * 21},
    {**ARMS, "measures": [{}]},
    {**ARMS, "measures": ["scores."]},
    {**ARMS, "measures": ["scores.\ud800"]},
    {**ARMS, "pair_by": "metadata." + "k" * 5_000},
    {**ARMS, "pair_by": "metadata.\x00"},
    {**ARMS, "pair_by": ["auto"]},
    {**ARMS, "cluster_by": "metadata.a'; DROP TABLE traces; --"},
    {**ARMS, "base": {"experiment_id": "a", "start_time": "9" * 70}},
    {**ARMS, "base": {"experiment_id": "a", "filters": {"metadata": {"operator": "regex", "value": "("}}}},
]


@pytest.mark.parametrize("path", [PATH, f"{PATH}/rows"])
async def test_nothing_that_is_sent_is_a_fault_of_ours(client: httpx.AsyncClient, path: str) -> None:
    await two_runs(client, 2)
    for body in HOSTILE:
        request_body = {**body, "measure": "latency"} if isinstance(body, dict) and path.endswith("rows") else body
        answer = await client.post(path, content=json.dumps(request_body))
        assert answer.status_code in (200, 400, 404, 422), (request_body, answer.text)
        assert answer.status_code != 422 or not isinstance(request_body, dict), (request_body, answer.text)
        assert "SELECT" not in answer.text
    assert (await client.post(PATH, json=ARMS)).status_code == 200
