"""Rows of traces against the stored ones."""

import csv
import io
import json
from base64 import b64encode
from itertools import product
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.times import iso
from spanstats.insights import narrowing
from spanstats.insights.trace_list import _AT_ONCE

from .conftest import StoreOnce
from .test_experiment import ask
from .world import FILTERS, RUN, Row, stored_run, unit_of, values_of

pytestmark = pytest.mark.anyio

PATH = f"/api/stats/v1/experiments/{RUN}/traces"


def value(row: Row, sort_by: str) -> float | None:
    values = values_of(row, sort_by)
    return values[0] / unit_of(sort_by) if values else None


@pytest.mark.parametrize("sort_by", ["latency", "cost", "ttft", "tps", "total_tokens", "scores.accuracy"])
async def test_they_are_in_order_and_what_has_no_value_comes_last(store_once: StoreOnce, sort_by: str) -> None:
    client, _, rows = await store_once(61, 120)
    by_id = {row["trace_id"]: row for row in rows}
    for sign in ("", "-"):
        listed: list[dict[str, Any]] = []
        while True:
            page = await ask(client, PATH, sort_by=sign + sort_by, limit=37, offset=len(listed))
            listed += page["traces"]
            if not page["has_more"]:
                break
        assert sorted(trace["trace_id"] for trace in listed) == sorted(by_id)
        values = [value(by_id[trace["trace_id"]], sort_by) for trace in listed]
        with_value = [v for v in values if v is not None]
        assert values[: len(with_value)] == with_value == sorted(with_value, reverse=sign == "-")


@pytest.mark.one_version("our columns tell which rows come first")
@pytest.mark.parametrize("sort_by", ["latency", "ttft", "total_tokens", "scores.accuracy", "scores.mixed"])
async def test_rows_are_the_same_where_columns_tell_which_come_first(
    store_once: StoreOnce, sort_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = (await store_once(61, 120)).client
    filters = (None, FILTERS[0][0])
    bodies = [
        {"sort_by": sign + sort_by, "limit": 9, "offset": offset, "filters": some}
        for sign, offset, some in product(("", "-"), (0, 20, 60), filters)
    ]
    before = [(await ask(client, PATH, **body))["traces"] for body in bodies]
    client = (await store_once(61, 120, warmed=True)).client
    monkeypatch.setattr(narrowing, "LARGE", 0)
    assert [(await ask(client, PATH, **body))["traces"] for body in bodies] == before


@pytest.mark.parametrize("has_columns", [False, True])
@pytest.mark.parametrize(
    "sort_by", ["start_time", "-start_time", "-latency", "ttft", "name", "error_count", "-scores.accuracy"]
)
async def test_pages_that_begin_behind_a_row_hold_each_trace_once(
    store_once: StoreOnce, sort_by: str, has_columns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _, rows = await store_once(61, 120, warmed=has_columns)
    if has_columns:
        monkeypatch.setattr(narrowing, "LARGE", 0)
    whole = await ask(client, PATH, sort_by=sort_by, limit=200)
    assert whole["next_cursor"] is None
    paged: list[dict[str, Any]] = []
    options: dict[str, Any] = {}
    while True:
        page = await ask(client, PATH, sort_by=sort_by, limit=17, **options)
        paged += page["traces"]
        assert page["has_more"] == (page["next_cursor"] is not None)
        if not page["has_more"]:
            break
        options = {"cursor": page["next_cursor"]}
    assert paged == whole["traces"]
    assert len(paged) == len(rows)


async def test_a_cursor_is_of_one_order(store_once: StoreOnce) -> None:
    client = (await store_once(66, 20)).client
    cursor = (await ask(client, PATH, sort_by="-latency", limit=2))["next_cursor"]
    of_text = b64encode(json.dumps(["latency", "x", "t1"]).encode()).decode()
    without_start = b64encode(json.dumps(["latency", 1, "t1"]).encode()).decode()
    beyond_time = b64encode(json.dumps(["latency", 1, 2**62, "t1"]).encode()).decode()
    wrong: tuple[dict[str, str], ...] = ({"cursor": cursor}, {"cursor": "x", "sort_by": "-latency"})
    wrong += tuple({"cursor": one, "sort_by": "latency"} for one in (of_text, without_start, beyond_time))
    wrong += (
        {"cursor": b64encode(json.dumps(["start_time", 2**62, "t1"]).encode()).decode(), "sort_by": "start_time"},
    )
    for query in (*wrong, {"cursor": b64encode(b"[").decode()}, {"cursor": "\x00"}):
        answer = await client.get(PATH, params=query)
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (400, ["query", "cursor"])
    both = await client.get(PATH, params={"cursor": cursor, "sort_by": "-latency", "offset": "1"})
    assert (both.status_code, both.json()["detail"][0]["loc"]) == (400, ["query", "offset"])


async def test_a_cursor_may_hold_any_number_that_sorts(store_once: StoreOnce) -> None:
    client = (await store_once(66, 20)).client
    beyond = b64encode(json.dumps(["span_count", 2**62, 1, "t1"]).encode()).decode()
    assert (await ask(client, PATH, sort_by="span_count", cursor=beyond))["traces"] == []


async def test_a_row_says_what_is_stored(store_once: StoreOnce) -> None:
    client, _, rows = await store_once(61, 120)
    by_id = {row["trace_id"]: row for row in rows}
    for filters, keep in FILTERS[:4]:
        listed = (await ask(client, PATH, filters=filters, limit=200))["traces"]
        assert {trace["trace_id"] for trace in listed} == {row["trace_id"] for row in rows if keep(row)}
    for trace in (await ask(client, PATH, limit=200))["traces"]:
        row = by_id[trace["trace_id"]]
        assert trace["start_time"] == iso(row["start_time"])
        assert trace["metadata"] == (row["metadata"] or {})
        for name in ("latency", "cost", "ttft", "tps"):
            assert trace[name] == value(row, name)
        assert trace["scores"].get("accuracy", []) == [v / 10**9 for v in values_of(row, "scores.accuracy")]
        assert all(isinstance(v, bool) for v in trace["scores"].get("passed", []))


async def test_csv_has_every_trace_of_many_pages(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    await stored_run(engine, 63, 30)
    async with engine.connect() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO traces (tenant_id, trace_id, experiment_key, start_time, end_time, prompt_tokens, "
            "completion_tokens, total_tokens, n_spans, n_errors, n_llm_calls, has_root, many_models, status, name) "
            f"SELECT 1, 'x' || n, (SELECT key FROM experiments WHERE id = '{RUN}'), now(), now(), 1, 1, 2, 1, 0, 0, "
            f"true, false, 'success', '=cmd|''/C calc''!A0' FROM generate_series(1, {2 * _AT_ONCE + 7}) n"
        )
        count = (
            await connection.exec_driver_sql("SELECT count(*) FROM traces WHERE experiment_key IS NOT NULL")
        ).scalar_one()
        others = (
            await connection.exec_driver_sql(
                "SELECT count(*) FROM traces t JOIN experiments e ON e.key = t.experiment_key WHERE e.id <> 'run'"
            )
        ).scalar_one()
    answer = await client.get(PATH, headers={"accept": "text/csv"})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="run-traces.csv"'
    table = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert len({row["trace_id"] for row in table}) == len(table) == count - others
    assert all(row["name"] == "'=cmd|'/C calc'!A0" for row in table if row["trace_id"].startswith("x"))
    page = await ask(client, PATH, limit=20, sort_by="start_time")
    in_order = await client.post(PATH, json={"sort_by": "start_time"}, headers={"accept": "text/csv"})
    for row, trace in zip(csv.DictReader(io.StringIO(in_order.text, newline="")), page["traces"], strict=False):
        assert row["trace_id"] == trace["trace_id"]
        assert (json.loads(row["metadata"]) if row["metadata"] else {}) == trace["metadata"]
        for name in ("latency", "cost", "tps"):
            assert (float(row[name]) if row[name] else None) == trace[name]


async def test_csv_of_nothing_has_a_header_and_of_no_experiment_is_not_found(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await stored_run(engine, 64, 10)
    nothing = {"filters": {"span_count": {"operator": "gt", "value": 1000}}}
    answer = await client.post(PATH, json=nothing, headers={"accept": "text/csv"})
    assert answer.text.count("\r\n") == 1
    assert answer.text.startswith("trace_id,")
    assert (await stranger.get(PATH, headers={"accept": "text/csv"})).status_code == 404
    assert (await stranger.get(PATH)).status_code == 404


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"sort_by": "colour"}, "sort_by"),
        ({"sort_by": "scores.nobody"}, "sort_by"),
        ({"limit": "201"}, "limit"),
        ({"offset": "-1"}, "offset"),
        ({"page": "1"}, "page"),
    ],
)
async def test_what_is_wrong_is_named(store_once: StoreOnce, query: dict[str, str], where: str) -> None:
    client = (await store_once(66, 20)).client
    answer = await client.get(PATH, params=query)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (400, ["query", where])


async def test_a_preview_has_what_went_in_and_out_of_the_root_cut(client: httpx.AsyncClient) -> None:
    spans = [
        {
            "trace_unique_id": "with-content",
            "span_unique_id": name,
            "span_parent_id": parent,
            "input": f"input of {name}",
            "output": {"text": "x" * 500},
            "start_time": "2026-11-20T10:00:00Z",
            "metadata": {"experiment_id": RUN},
        }
        for name, parent in (("root", None), ("call", "root"))
    ]
    assert (await client.post("/api/v1/traces/ingest", json=spans)).status_code == 200
    (trace,) = (await ask(client, PATH, preview_length=40))["traces"]
    assert trace["input"] == "input of root"
    assert len(trace["output"]) == 40
    (without,) = (await ask(client, PATH))["traces"]
    assert "input" not in without


async def test_a_preview_has_bounds(store_once: StoreOnce) -> None:
    client = (await store_once(66, 20)).client
    answer = await client.get(PATH, params={"preview_length": "10001"})
    assert answer.status_code == 400
    assert answer.json()["detail"][0]["loc"] == ["query", "preview_length"]
