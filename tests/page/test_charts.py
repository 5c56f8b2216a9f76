"""Charts stay inside of their box, escape what they are given, and say what they show."""

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from spanstats.page.charts.bars import share_bar, time_bar
from spanstats.page.charts.distribution import distribution, value_counts
from spanstats.page.charts.dumbbell import dumbbell
from spanstats.page.charts.intervals import interval
from spanstats.page.charts.names import names_beside
from spanstats.page.charts.points import Point, trade_off
from spanstats.page.charts.svg import Scale, scale_over
from spanstats.page.charts.trend import trend

HOSTILE = "</svg><script>alert(1)</script>\"'&"
numbers = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)
positive = st.floats(min_value=0, max_value=1e12, allow_nan=False)
counts = st.lists(st.integers(0, 10**9), min_size=1, max_size=40)


def check(markup: Markup) -> None:
    """Well-formed, named, without scripts or inline styles, every coordinate inside of the box."""
    pictures = list(ElementTree.fromstring(f"<all>{markup}</all>"))  # noqa: S314 (our own)
    assert pictures
    for picture in pictures:
        assert picture.get("role") == "img"
        assert picture.get("aria-label")
        width, height = (float(n) for n in (picture.get("viewBox") or "").split()[2:])
        for part in picture.iter():
            assert part.tag in {"svg", "g", "rect", "line", "circle", "text", "title", "path", "polygon"}
            assert not [name for name in part.attrib if name == "style" or name.startswith("on")]
            for name in ("x", "x1", "x2", "cx"):
                assert -1 <= float(part.get(name, 0)) <= width + 1
            for name in ("y", "y1", "y2", "cy"):
                assert -1 <= float(part.get(name, 0)) <= height + 1
            assert not re.search(r"nan|inf", " ".join(part.attrib.get(n, "") for n in ("d", "points")))


@given(st.data())
def test_distributions(data: st.DataObject) -> None:
    first = data.draw(counts)
    edges = sorted(data.draw(st.lists(numbers, min_size=len(first) + 1, max_size=len(first) + 1)))
    check(distribution(edges, [first, first[::-1]], "s", HOSTILE))
    check(value_counts([HOSTILE] * len(first), [first], "values"))


@given(st.lists(st.tuples(st.text(min_size=1), st.lists(st.none() | positive, min_size=3, max_size=3)), max_size=5))
def test_dumbbells(rows: list[tuple[str, list[float | None]]]) -> None:
    printable = [(re.sub(r"[^\w ]", "", name) + HOSTILE, values) for name, values in rows]
    check(dumbbell(printable, "s", "percentiles"))


@given(st.none() | numbers, st.none() | numbers, st.none() | numbers, st.none() | positive)
def test_intervals(difference: float | None, low: float | None, high: float | None, margin: float | None) -> None:
    check(interval(difference, low, high, "better", HOSTILE, margin))


@given(st.none() | positive, positive, positive)
def test_bars(value: float | None, most: float, whole: float) -> None:
    check(share_bar(value, most, HOSTILE))
    check(time_bar(value or 0, most, whole, "time"))


maybe = st.none() | numbers
points = st.builds(Point, st.just(HOSTILE), positive, numbers, maybe, maybe, st.none() | st.booleans())


@given(st.lists(points, max_size=30))
def test_points(runs: list[Point]) -> None:
    check(trade_off(runs, "USD", None, "quality against cost"))
    check(trend([(HOSTILE, p.low) for p in runs], None, "score over runs"))


def test_the_best_runs_are_joined_from_the_cheapest_to_the_dearest() -> None:
    runs = [Point("dear", 3, 9, is_best=True), Point("beaten", 2, 1), Point("cheap", 1, 5, is_best=True)]
    front = ElementTree.fromstring(f"<all>{trade_off(runs, 'USD', None, 'front')}</all>")[0].find("path")  # noqa: S314
    assert front is not None
    steps = [tuple(map(float, step.split(","))) for step in re.split("[ML]", front.get("d", ""))[1:]]
    (x0, y0), (x1, y1) = steps
    assert x0 < x1
    assert y0 > y1


within = st.floats(min_value=0, max_value=300)


@given(st.lists(st.tuples(st.text("wide", min_size=1, max_size=30), within, within), max_size=30))
def test_no_name_lies_over_another_one_or_outside(points: list[tuple[str, float, float]]) -> None:
    boxes = []
    for name in names_beside(points, 300):
        text = ElementTree.fromstring(name)  # noqa: S314 (our own)
        at, y, long = float(text.get("x", 0)), float(text.get("y", 0)), 6.5 * len(text.text or "")
        boxes.append((at, at + long, y) if text.get("text-anchor") == "start" else (at - long, at, y))
    assert all(left > -1 and right < 301 for left, right, _ in boxes)
    for one, other in combinations(boxes, 2):
        assert abs(one[2] - other[2]) >= 12 or one[1] <= other[0] or other[1] <= one[0]


def test_the_best_run_keeps_its_name_where_there_is_room_for_one() -> None:
    runs = [Point("beaten", 2, 1), Point("best", 2, 1, is_best=True)]
    wide = ElementTree.fromstring(f"<all>{trade_off(runs, 'USD', None, 'front')}</all>")[0]  # noqa: S314 (our own)
    assert next(text.text for text in wide.iter("text") if text.text in ("beaten", "best")) == "best"


def test_a_trend_runs_from_the_earliest_to_the_latest() -> None:
    (wide, _) = ElementTree.fromstring(f"<all>{trend([('2026-02', 2), ('2026-01', 1)], None, 'trend')}</all>")  # noqa: S314
    assert [dot[0].text for dot in wide.iter("circle")] == ["2026-01: 1", "2026-02: 2"]


@given(numbers, numbers, st.booleans())
def test_ticks_lie_within_the_scale(a: float, b: float, log: bool) -> None:
    scale = scale_over([abs(a) + 1e-6, abs(b) + 1e-6] if log else [a, b], 0, 100, log=log)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 7
    assert ticks == sorted(ticks)


def test_values_that_hardly_differ_have_a_tick() -> None:
    assert scale_over([0.0, 5e-324], 0, 100).ticks() == [0.0]


def test_a_scale_maps_its_ends_and_holds_back_what_lies_outside() -> None:
    scale = Scale(0, 10, 100, 200)
    assert (scale(0), scale(10), scale(5), scale(99), scale(-1)) == (100, 200, 150, 200, 100)
    assert Scale(1, 100, 0, 2, log=True)(10) == pytest.approx(1)
