"""Pages, orders and previews as queries name them."""

from collections.abc import Mapping

import pytest

from spanstats.dialects.respan import logs, spans
from spanstats.dialects.respan.filter_names import LOG_FIELD_NAMES, SPAN_FIELD_NAMES
from spanstats.dialects.respan.paging import Paging, envelope, read_flag, read_paging, read_preview, read_sort
from spanstats.errors import InvalidInput


@pytest.mark.parametrize(
    ("page", "size", "expected"),
    [(None, None, (1, 100, 0)), ("", "", (1, 100, 0)), ("3", "7", (3, 7, 14)), ("1", "1000", (1, 1000, 0))],
)
def test_pages_count_from_one(page: str | None, size: str | None, expected: tuple[int, int, int]) -> None:
    paging = read_paging(page, size)
    assert (paging.page, paging.size, paging.offset) == expected


@pytest.mark.parametrize(
    ("page", "size"), [("0", None), ("-1", None), ("1.5", None), ("²", None), (None, "0"), (None, "1001")]
)
def test_what_is_no_page_is_refused(page: str | None, size: str | None) -> None:
    with pytest.raises(InvalidInput, match="whole number"):
        read_paging(page, size)


def test_a_sort_is_a_known_name_with_or_without_a_minus() -> None:
    names = {"cost": "cost_pd"}
    assert read_sort("-cost", names, "cost") == ("cost_pd", True)
    assert read_sort(None, names, "cost") == ("cost_pd", False)
    with pytest.raises(InvalidInput, match="colour"):
        read_sort("colour", names, "cost")


@pytest.mark.parametrize(
    ("text", "length"), [(None, None), ("", None), ("0", None), ("-3", None), ("x", None), ("5", 5)]
)
def test_a_preview_that_is_no_positive_number_is_everything(text: str | None, length: int | None) -> None:
    assert read_preview(text) == length


def test_flags() -> None:
    assert [read_flag(text) for text in ("1", "true", "True", "0", "", None)] == [True, True, True, False, False, False]


def test_neighbours_keep_the_rest_of_the_query() -> None:
    page = envelope(10, Paging(2, 3), [], "http://h/list/?sort_by=-cost&page=2&q=a%26b", {"a": 1})
    assert page["next"] == "http://h/list/?sort_by=-cost&q=a%26b&page=3"
    assert page["previous"] == "http://h/list/?sort_by=-cost&q=a%26b&page=1"
    assert page["current_filters"] == {"a": 1}
    assert envelope(6, Paging(2, 3), [], "http://h/")["next"] is None


@pytest.mark.parametrize(
    ("columns", "names"), [(logs.SORTS, LOG_FIELD_NAMES), (spans.SORTS, SPAN_FIELD_NAMES)], ids=["logs", "spans"]
)
def test_a_sorted_field_has_all_names_that_filters_know_it_by(
    columns: Mapping[str, str], names: Mapping[str, str]
) -> None:
    assert {name: columns.get(name) for name, field in names.items() if field in columns} == {
        name: columns[field] for name, field in names.items() if field in columns
    }


def test_other_names_sort_by_the_column_of_their_field() -> None:
    assert [logs.SORTS[name] for name in ("input_tokens", "cost", "latency", "id")] == [
        *("prompt_tokens", "cost_pd", "latency_us", "trace_id")
    ]
    assert [spans.SORTS[name] for name in ("id", "timestamp", "total_tokens", "trace_id")] == [
        *("span_id", "end_time", "total_tokens", "trace_id")
    ]
