"""Series against plain Python over the stored traces: buckets are found by asking each trace for its local time."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.domain.times import iso
from spanstats.errors import InvalidInput
from spanstats.insights.granularity import GRANULARITIES, MAX_POINTS, buckets
from tests.ingest.worlds import START

from .conftest import StoreOnce
from .test_experiment import ask
from .world import FILTERS, MINUTE, RUN, expected, in_window

pytestmark = pytest.mark.anyio

PATH = f"/api/stats/v1/experiments/{RUN}/series"
ROLLED = ("cost.sum", "cost.mean", "latency.mean", "total_tokens.sum", "error.mean")
COMPUTED = (*ROLLED, "latency.p95", "scores.accuracy.mean", "scores.passed.sum", "tps.max")
ZONES = ("UTC", "Europe/Zurich", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo")


def local(us: int, zone: str) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).astimezone(ZoneInfo(zone))


def bucket_of(us: int, granularity: str, zone: str) -> Any:
    """What distinguishes a bucket from the others, by the clock on the wall."""
    at = local(us, zone)
    match granularity:
        case "minute":
            return us // MINUTE
        case "hour":
            return at.date(), at.hour, at.utcoffset()
        case "day":
            return at.date()
        case "week":
            return at.isocalendar()[:2]
        case _:
            return at.year, at.month


@pytest.mark.parametrize("zone", ["UTC", "Europe/Zurich", "Asia/Kathmandu"])
@pytest.mark.parametrize("measures", [ROLLED, COMPUTED])
async def test_points_are_exact_whatever_the_zone_and_the_filter(
    store_once: StoreOnce, zone: str, measures: tuple[str, ...]
) -> None:
    for warmed in (False, True):
        client, _, rows = await store_once(21, 150, warmed=warmed)
        for granularity in ("day", "month", "hour") if measures is ROLLED else ("day", "week"):
            for filters, keep in FILTERS[:2]:
                await check(
                    client, [r for r in rows if keep(r)], measures, filters=filters, granularity=granularity, zone=zone
                )


async def check(
    client: httpx.AsyncClient, rows: list[Any], measures: tuple[str, ...], *, granularity: str, zone: str, **body: Any
) -> None:
    series = await ask(client, PATH, granularity=granularity, time_zone=zone, measures=list(measures), **body)
    points = series["points"]
    groups: dict[Any, list[Any]] = {}
    for row in rows:
        groups.setdefault(bucket_of(row["start_time"], granularity, zone), []).append(row)
    assert [a["end"] for a in points[:-1]] == [b["start"] for b in points[1:]]
    assert sum(point["count"] for point in points) == len(rows)
    assert sum(point["count"] > 0 for point in points) == len(groups)
    for of_bucket in groups.values():
        at = datetime.fromisoformat(iso(of_bucket[0]["start_time"]))
        (point,) = (p for p in points if datetime.fromisoformat(p["start"]) <= at < datetime.fromisoformat(p["end"]))
        assert point["count"] == len(of_bucket)
        for name in measures:
            measure, _, aggregate = name.rpartition(".")
            expected_figures = expected(of_bucket, measure, [aggregate])
            assert {key: point[measure][key] for key in expected_figures} == expected_figures, (point["start"], name)


async def test_the_window_cuts_its_first_and_last_bucket_and_says_so(store_once: StoreOnce) -> None:
    client, _, rows = await store_once(22)
    start, end = START + 3_000 * MINUTE + 7, START + 30_000 * MINUTE + 11
    series = await ask(client, PATH, granularity="day", measures=["cost.sum"], start_time=iso(start), end_time=iso(end))
    points = series["points"]
    assert sum(point["count"] for point in points) == len(in_window(rows, start, end))
    assert [point["partial"] for point in points] == [True, *[False] * (len(points) - 2), True]
    assert points[0]["start"] <= iso(start) < points[0]["end"]
    assert points[-1]["start"] < iso(end) <= points[-1]["end"]


async def test_empty_buckets_stand_or_are_left_out(store_once: StoreOnce) -> None:
    client = (await store_once(23, 20)).client
    by_fill = {
        fill: (await ask(client, PATH, granularity="hour", measures=["cost", "scores.accuracy.mean"], fill=fill))[
            "points"
        ]
        for fill in ("null", "none", "zero")
    }
    empty = [point for point in by_fill["null"] if not point["count"]]
    assert empty
    assert {**empty[0]["cost"]} == {"count": 0, "missing": 0, "sum": 0, "mean": None, "std_dev": None}
    assert empty[0]["scores.accuracy"]["mean"] is None
    assert by_fill["none"] == [point for point in by_fill["null"] if point["count"]]
    unknown = [p for p in by_fill["none"] if p["cost"]["count"] == 0]
    assert unknown
    assert all(p["cost"]["sum"] is None for p in unknown)
    assert all(p["cost"]["sum"] is not None for p in by_fill["zero"])
    assert all(p["cost"]["mean"] is None for p in by_fill["zero"] if p["cost"]["count"] == 0)


async def test_too_many_points_name_the_next_coarser_granularity(store_once: StoreOnce) -> None:
    client = (await store_once(23, 20)).client
    refused = await client.get(PATH, params={"granularity": "minute"})
    assert refused.status_code == 400
    assert refused.json()["detail"] == [
        {
            "loc": ["query", "granularity"],
            "msg": "minute makes more than 2000 points: use hour, or narrow the window",
            "type": "too_many_points",
        }
    ]
    with_percentiles = await client.get(PATH, params={"granularity": "hour", "measures": "latency.p95"})
    assert "at most 200 points" in with_percentiles.json()["error"]
    wide = {"granularity": "month", "start_time": "1970-01-01", "end_time": "2199-01-01"}
    assert "narrow the window" in (await client.get(PATH, params=wide)).json()["error"]
    assert (await client.get(PATH, params={"time_zone": "Mars/Olympus"})).status_code == 400
    assert (await client.get(PATH, params={"time_zone": "../etc/passwd"})).status_code == 400
    assert (await client.get(PATH, params={"granularity": "year"})).status_code == 400


@pytest.mark.parametrize(
    "window",
    [
        {"start_time": "0001-01-01", "end_time": "0002-01-01"},
        {"start_time": "9999-12-31T23:59:59Z"},
        {"end_time": "0001-01-01"},
        {"start_time": "2026-01-02", "end_time": "2026-01-01"},
        {"start_time": "2250-01-01", "end_time": "2251-01-01"},
    ],
)
async def test_a_window_in_which_nothing_can_be_has_no_points(store_once: StoreOnce, window: dict[str, str]) -> None:
    client = (await store_once(23, 20)).client
    answer = await client.get(PATH, params=window)
    assert answer.status_code == 200, answer.text
    assert answer.json()["points"] == []


async def test_auto_makes_about_fifty_points(store_once: StoreOnce) -> None:
    client = (await store_once(22)).client
    series = (await client.get(PATH)).json()
    assert (series["granularity"], 35 <= len(series["points"]) <= 45) == ("day", True)


@given(
    st.sampled_from(ZONES),
    st.sampled_from(GRANULARITIES),
    st.integers(0, 60 * 365 * 24 * 60),
    st.integers(0, 400_000),
)
def test_buckets_are_those_of_the_clock_on_the_wall(zone: str, granularity: str, first: int, minutes: int) -> None:
    start, end = first * MINUTE, (first + minutes) * MINUTE
    try:
        all_buckets = buckets(granularity, ZoneInfo(zone), start, end)
    except InvalidInput:
        assert minutes > MAX_POINTS - 2
        return
    assert all_buckets.edges[0] <= start < all_buckets.edges[1]
    assert all_buckets.edges[-2] <= end < all_buckets.edges[-1]
    assert all(a < b for a, b in zip(all_buckets.edges, all_buckets.edges[1:], strict=False))
    rng = random.Random(first)
    for _ in range(20):
        at = rng.randint(start, end)
        number = all_buckets.index(at)
        assert all_buckets.edges[number] <= at < all_buckets.edges[number + 1]
        if granularity in ("day", "week", "month"):
            # The first moment of the bucket, and the last one before the next, have the same date, week or month.
            inside = {
                bucket_of(us, granularity, zone)
                for us in (all_buckets.edges[number], at, all_buckets.edges[number + 1] - 1)
            }
            assert len(inside) == 1
            assert bucket_of(all_buckets.edges[number] - 1, granularity, zone) not in inside


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_has_as_many_hours_as_the_clocks_say(day: str, hours: int) -> None:
    zone = ZoneInfo("Europe/Zurich")
    start = int(datetime.fromisoformat(day).replace(tzinfo=zone).timestamp()) * 1_000_000
    whole = buckets("day", zone, start, start + 1)
    assert whole.edges[1] - whole.edges[0] == hours * 60 * MINUTE
    assert len(buckets("hour", zone, start, whole.edges[1] - 1)) == hours
