"""Breakdowns against plain Python over the stored traces and spans."""

import csv
import io
import json
import random
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.measures import tps_thousandths
from spanstats.domain.times import iso
from tests.ingest.worlds import START

from .conftest import StoreOnce
from .test_experiment import ask
from .world import FILTERS, MINUTE, RUN, Row, expected, in_window, rows_of_run, stored_run, values_of

pytestmark = pytest.mark.anyio

PATH = f"/api/stats/v1/experiments/{RUN}/breakdown"
MEASURES = ("cost.sum", "cost.mean", "latency.p95", "latency.max", "total_tokens.std_dev", "scores.mixed.mean")

KeyOf = Callable[[Row], Any]


def metadata(name: str) -> KeyOf:
    return lambda row: (row["metadata"] or {}).get(name)


def first_score(name: str) -> KeyOf:
    def key(row: Row) -> Any:
        values = values_of(row, f"scores.{name}")
        return None if not values else values[0] / 10**9 if values[0] % 10**9 else values[0] // 10**9

    return key


def in_unit(column: str, per_unit: int) -> KeyOf:
    def key(row: Row) -> Any:
        value = row[column]
        return None if value is None else value / per_unit if value % per_unit else value // per_unit

    return key


TRACE_DIMENSIONS: dict[str, KeyOf] = {
    "metadata.topic": metadata("topic"),
    "metadata.user": metadata("user"),
    "metadata.nothing": lambda row: None,
    "status": lambda row: row["status"],
    "name": lambda row: row["name"],
    "span_count": lambda row: row["n_spans"],
    "scores.passed": first_score("passed"),
    "customer_identifier": lambda row: (row["labels"] or {}).get("customer_identifier"),
    "trace_id": lambda row: row["trace_id"],
    "root_span_unique_id": lambda row: row["root_span_id"],
    "start_time": lambda row: iso(row["start_time"]),
    "end_time": lambda row: iso(row["end_time"]),
    "latency": in_unit("latency_us", 10**6),
    "total_cost": in_unit("cost_pd", 10**12),
    "tps": in_unit("tps", 1_000),
    "output_tokens": lambda row: row["completion_tokens"],
}


def text(key: list[Any]) -> str:
    """The same for equal JSON values: 1 and 1.0 are equal, 1 and true are not."""
    whole = [int(part) if isinstance(part, float) and part.is_integer() else part for part in key]
    return json.dumps(whole, sort_keys=True)


def groups_by(rows: list[Row], *keys: KeyOf) -> dict[str, list[Row]]:
    by_keys: dict[str, list[Row]] = {}
    for row in rows:
        by_keys.setdefault(text([key(row) for key in keys]), []).append(row)
    return by_keys


def check_group(group: dict[str, Any], rows: list[Row], measures: tuple[str, ...]) -> None:
    assert group["count"] == len(rows)
    assert group["failed"] == sum(row["status"] == "error" for row in rows)
    for name in measures:
        measure, _, aggregate = name.rpartition(".")
        expected_figures = expected(rows, measure, [aggregate])
        assert {key: group[measure][key] for key in expected_figures} == expected_figures, name


@pytest.mark.parametrize("name", TRACE_DIMENSIONS)
async def test_groups_of_traces_are_exact_and_add_up(store_once: StoreOnce, name: str) -> None:
    client, _, rows = await store_once(41, 200)
    for filters, keep in FILTERS[:5]:
        matching = [row for row in rows if keep(row)]
        rows_by_key = groups_by(matching, TRACE_DIMENSIONS[name])
        for limit in (1_000, 3):
            breakdown = await ask(
                client, PATH, group_by=[name], measures=list(MEASURES), filters=filters, limit=limit, unit="trace"
            )
            for group in breakdown["groups"]:
                check_group(group, rows_by_key[text([group["key"][name]])], MEASURES)
            assert len(breakdown["groups"]) == min(limit, len(rows_by_key))
            check_group(breakdown["total"], matching, MEASURES)
            check_sums(breakdown, len(rows_by_key))


def check_sums(breakdown: dict[str, Any], groups: int) -> None:
    """The groups and the others are the total."""
    listed, other, total = breakdown["groups"], breakdown["other"], breakdown["total"]
    assert breakdown["truncated"] == (len(listed) < groups) == (other is not None)
    parts = [*listed, *([other] if other else [])]
    assert len(listed) + (other["groups"] if other else 0) == groups
    assert sum(part["count"] for part in parts) == total["count"]
    for measure in ("cost", "latency", "total_tokens", "scores.mixed"):
        for name in ("count", "missing"):
            assert sum(part[measure][name] for part in parts) == total[measure][name]
    assert sum(part["cost"]["sum"] or 0 for part in parts) == pytest.approx(total["cost"]["sum"] or 0, rel=1e-12)
    if other:
        assert other["latency"]["p95"] is other["cost"]["mean"] is other["total_tokens"]["std_dev"] is None


async def test_two_dimensions_make_a_group_of_every_pair(store_once: StoreOnce) -> None:
    client, _, rows = await store_once(41, 200)
    names = ("metadata.topic", "status")
    breakdown = await ask(client, PATH, group_by=list(names), measures=["cost.sum"], limit=1000)
    rows_by_key = groups_by(rows, *(TRACE_DIMENSIONS[name] for name in names))
    assert len(breakdown["groups"]) == len(rows_by_key)
    for group in breakdown["groups"]:
        check_group(group, rows_by_key[text([group["key"][name] for name in names])], ("cost.sum",))


async def test_groups_stand_in_the_order_that_is_asked_for(store_once: StoreOnce) -> None:
    client = (await store_once(41, 200)).client

    async def keys(order_by: str, of: Callable[[dict[str, Any]], Any]) -> None:
        body = {"group_by": "metadata.user", "measures": ["cost.sum", "latency.p95", "scores.accuracy.mean"]}
        values = [of(group) for group in (await ask(client, PATH, order_by=order_by, limit=1000, **body))["groups"]]
        with_value = [value for value in values if value is not None]
        assert with_value == sorted(with_value, reverse=order_by.startswith("-"))
        assert values[: len(with_value)] == with_value

    await keys("-count", lambda group: group["count"])
    await keys("cost.sum", lambda group: group["cost"]["sum"])
    await keys("-cost.sum", lambda group: group["cost"]["sum"])
    await keys("-latency.p95", lambda group: group["latency"]["p95"])
    await keys("scores.accuracy.mean", lambda group: group["scores.accuracy"]["mean"])
    await keys("key", lambda group: group["key"]["metadata.user"])


async def test_a_trace_of_several_models_is_a_group_of_its_own(store_once: StoreOnce) -> None:
    client, _, rows = await store_once(41, 200)
    breakdown = await ask(client, PATH, group_by="model", unit="trace", measures=["cost.sum"])
    rows_by_key = groups_by(rows, lambda row: row["model"], lambda row: row["many_models"])
    assert len(breakdown["groups"]) == len(rows_by_key)
    for group in breakdown["groups"]:
        check_group(
            group, rows_by_key[text([group["key"]["model"], group["key"].get("several", False)])], ("cost.sum",)
        )
    assert sum(group["key"].get("several", False) for group in breakdown["groups"]) == 1


_SPANS = f"""
SELECT s.*, t.metadata AS of_trace, t.status AS trace_status, t.start_time AS trace_start
FROM spans s JOIN traces t USING (tenant_id, trace_id)
WHERE t.experiment_key = (SELECT key FROM experiments WHERE id = '{RUN}')
"""
SPAN_DIMENSIONS: dict[str, KeyOf] = {
    "model": lambda span: span["model"],
    "span_name": lambda span: span["name"],
    "log_type": lambda span: span["kind"],
    "provider_id": lambda span: span["provider"],
    "metadata.topic": lambda span: (span["of_trace"] or {}).get("topic"),
}


async def spans_of_run(engine: AsyncEngine) -> list[Row]:
    async with engine.connect() as connection:
        spans = [dict(row._mapping) for row in await connection.exec_driver_sql(_SPANS)]
    for span in spans:
        counts = not span["uncounted"] & 1
        speed = tps_thousandths(span["completion_tokens"] or 0, span["latency_us"])
        span.update({name: span[name] if counts else None for name in ("prompt_tokens", "total_tokens")})
        span.update(cost_pd=None if span["uncounted"] & 2 else span["cost_pd"], tps=speed)
    return spans


OF_SPANS = (
    "cost.sum",
    "cost.mean",
    "prompt_tokens.sum",
    "latency.p95",
    "total_tokens.std_dev",
    "tps.mean",
    "error.sum",
)


@pytest.mark.parametrize("name", SPAN_DIMENSIONS)
async def test_groups_of_spans_have_each_span_once_and_add_up_to_the_traces(store_once: StoreOnce, name: str) -> None:
    client, engine, rows = await store_once(41, 200)
    window = START + 5_000 * MINUTE, START + 30_000 * MINUTE
    inside = {row["trace_id"] for row in in_window(rows, *window)}
    spans = [span for span in await spans_of_run(engine) if span["trace_id"] in inside]
    start, end = map(iso, window)
    breakdown = await ask(
        client,
        PATH,
        group_by=[name],
        unit="span",
        measures=list(OF_SPANS),
        start_time=start,
        end_time=end,
    )
    spans_by_key = groups_by(spans, SPAN_DIMENSIONS[name])
    assert len(breakdown["groups"]) == len(spans_by_key)
    for group in breakdown["groups"]:
        check_group(group, spans_by_key[text([group["key"][name]])], OF_SPANS)
    whole = await ask(
        client, f"/api/stats/v1/experiments/{RUN}", measures=["cost", "total_tokens"], start_time=start, end_time=end
    )
    for measure in ("cost", "total_tokens"):
        assert breakdown["total"][measure.split(".")[0]]["count"] >= 0
        assert breakdown["total"]["cost"]["sum"] == whole["measures"]["cost"]["sum"]


async def test_a_field_of_spans_is_of_spans_unless_the_trace_has_it(store_once: StoreOnce) -> None:
    client = (await store_once(1, 10)).client
    assert (await ask(client, PATH, group_by="model"))["unit"] == "span"
    assert (await ask(client, PATH, group_by=["model", "metadata.topic"]))["unit"] == "span"
    assert (await ask(client, PATH, group_by="status"))["unit"] == "trace"
    filtered = await ask(client, PATH, group_by="model", filters={"status": "error"}, measures=["cost.sum"])
    whole = await ask(client, f"/api/stats/v1/experiments/{RUN}", filters={"status": "error"}, measures=["cost.sum"])
    assert filtered["total"]["cost"]["sum"] == whole["measures"]["cost"]["sum"]


@pytest.mark.one_version("we cut the groups")
async def test_ten_thousand_values_are_cut_and_add_up(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    await stored_run(engine, 47, 10)
    async with engine.connect() as connection:
        # Rows alone: what is asked is read from them.
        await connection.exec_driver_sql(
            "INSERT INTO traces (tenant_id, trace_id, start_time, end_time, latency_us, prompt_tokens, "
            "completion_tokens, total_tokens, cost_pd, n_spans, n_errors, n_llm_calls, has_root, many_models, status, "
            "metadata, score_keys, score_values) "
            "SELECT 1, 'x' || n, now(), now(), n, 1, 1, n % 7, nullif(n % 3, 0), 1, 0, 0, true, false, "
            "'success', jsonb_build_object('user', 'user ' || n % 10000), '{mixed}', ARRAY[n] "
            "FROM generate_series(1, 30000) n"
        )
        await connection.exec_driver_sql(
            "UPDATE traces SET experiment_key = (SELECT key FROM experiments WHERE id = 'run')"
        )
    rows = await rows_of_run(engine)
    breakdown = await ask(client, PATH, group_by="metadata.user", measures=list(MEASURES))
    assert len(breakdown["groups"]) == 50
    check_sums(breakdown, len(groups_by(rows, metadata("user"))))


async def test_csv_equals_json(store_once: StoreOnce) -> None:
    client = (await store_once(41, 200)).client
    body = {"group_by": ["metadata.topic", "status"], "measures": list(MEASURES), "limit": 4}
    breakdown = await ask(client, PATH, **body)
    answer = await client.post(PATH, json=body, headers={"accept": "text/csv"})
    table = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["row"] for row in table] == ["group"] * 4 + ["other", "total"]
    for row, one in zip(table, [*breakdown["groups"], breakdown["other"], breakdown["total"]], strict=True):
        assert int(row["count"]) == one["count"]
        key = one.get("key", {}).get("metadata.topic")
        shown = "" if key is None else key if isinstance(key, str) else json.dumps(key)
        assert row["metadata.topic"] == (f"'{shown}" if shown.startswith("=") else shown)
        for name in MEASURES:
            measure, _, aggregate = name.rpartition(".")
            assert (float(row[name]) if row[name] else None) == one[measure][aggregate]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "group_by"),
        ({"group_by": ["status", "name", "model"]}, "group_by"),
        ({"group_by": ["status", "status"]}, "group_by"),
        ({"group_by": "colour"}, "group_by"),
        ({"group_by": "metadata."}, "group_by"),
        ({"group_by": "scores.nobody"}, "group_by"),
        ({"group_by": "status", "unit": "token"}, "unit"),
        ({"group_by": "span_name", "unit": "trace"}, "unit"),
        ({"group_by": ["span_name", "scores.passed"]}, "unit"),
        ({"group_by": "model", "measures": ["scores.passed.mean"]}, "measures"),
        ({"group_by": "model", "measures": ["span_count.mean"]}, "measures"),
        ({"group_by": "status", "order_by": "colour"}, "order_by"),
        ({"group_by": "status", "measures": ["cost.sum"], "order_by": "-cost.p95"}, "order_by"),
        ({"group_by": "status", "limit": 0}, "limit"),
        ({"group_by": "status", "limit": 1001}, "limit"),
        ({"group_by": "status", "limit": True}, "limit"),
        ({"group_by": "status", "intervals": True}, "intervals"),
    ],
)
async def test_what_is_wrong_is_named(store_once: StoreOnce, body: dict[str, Any], where: str) -> None:
    client = (await store_once(1, 10)).client
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"][0]["loc"][-1] == where, answer.text


async def test_any_key_may_be_asked_for(store_once: StoreOnce) -> None:
    client = (await store_once(1, 10)).client
    rng = random.Random(2)
    for key in ("a.b", "ü", "'; DROP TABLE traces; --", "%s {} :x $1", "\u0001", "x" * 250, "__proto__"):
        breakdown = await ask(client, PATH, group_by=[f"metadata.{key}"], unit=rng.choice(["trace", "span"]))
        assert [group["key"] for group in breakdown["groups"]] == [{f"metadata.{key}": None}]
    assert (await client.post(PATH, json={"group_by": ["metadata.\u0000"]})).status_code == 400
