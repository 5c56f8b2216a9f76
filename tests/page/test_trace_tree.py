"""Spans of a trace as nested rows, however many they are and however deep they lie."""

from typing import Any

from spanstats.page.screens.trace_tree import rows_of


def span(name: str, *children: dict[str, Any], start: int = 0, duration: float | None = 1.0) -> dict[str, Any]:
    return {
        "name": name,
        "start_time": f"2026-11-20T10:00:{start:02d}Z",
        "end_time": f"2026-11-20T10:00:{start + 1:02d}Z",
        "duration": duration,
        "status": "success",
        "children": list(children),
    }


def shown(rows: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    return [(row["name"], shown(row["below"])) for row in rows]


def test_rows_lie_as_the_spans_do() -> None:
    tree = [span("a", span("b", span("c")), span("d")), span("e")]
    assert shown(rows_of(tree, 100)) == [("a", [("b", [("c", [])]), ("d", [])]), ("e", [])]


def test_of_many_spans_the_first_are_shown_with_their_parents() -> None:
    tree = [span("a", span("b", span("c")), span("d")), span("e")]
    assert shown(rows_of(tree, 3)) == [("a", [("b", [("c", [])])])]


def test_however_deep_spans_lie_none_is_lost() -> None:
    deepest = span("4999")
    for level in range(4998, -1, -1):
        deepest = span(str(level), deepest)
    rows = rows_of([deepest], 3_000)
    assert [int(name) for name, _ in _below(rows)] == list(range(3_000))
    assert max(level for _, level in _below(rows)) < 30


def test_a_bar_begins_where_its_span_does() -> None:
    (first, second) = rows_of([span("a", start=0), span("b", start=1, duration=None)], 10)
    assert "begins after 0\u202fs, takes 1\u202fs" in first["bar"]
    assert "begins after 1\u202fs, takes 1\u202fs" in second["bar"]


def _below(rows: list[dict[str, Any]], level: int = 1) -> list[tuple[str, int]]:
    return [found for row in rows for found in ((row["name"], level), *_below(row["below"], level + 1))]
