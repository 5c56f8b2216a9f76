"""Spans of a trace as nested rows, however deep they lie."""

from typing import Any

from spanstats.page.screens.trace_tree import rows_of


def span(name: str, *children: dict[str, Any], start: float = 0, **fields: Any) -> dict[str, Any]:
    content = dict.fromkeys(("error", "input", "output", "expected_output"))
    times = {"begins_after": start, "takes": 1.0}
    return {"name": name, "status": "success", "cut": [], "children": list(children), **content, **times, **fields}


def shown(rows: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    return [(row["name"], shown(row["below"])) for row in rows]


def test_rows_lie_as_the_spans_do() -> None:
    tree = [span("a", span("b", span("c")), span("d")), span("e")]
    assert shown(rows_of(tree, 100)) == [("a", [("b", [("c", [])]), ("d", [])]), ("e", [])]


def test_a_bar_says_when_its_span_begins_and_how_long_it_takes() -> None:
    (first, second) = rows_of([span("a"), span("b", start=1, takes=0.5)], 2)
    assert "begins after 0\u202fs, takes 1\u202fs" in first["bar"]
    assert "begins after 1\u202fs, takes 500\u202fms" in second["bar"]


def test_content_that_is_cut_says_so() -> None:
    (row,) = rows_of([span("a", input="question", output={"n": 1}, cut=["input"])], 1)
    assert [(s["label"], s["is_cut"]) for s in row["shown"]] == [("Input", True), ("Output", False)]
