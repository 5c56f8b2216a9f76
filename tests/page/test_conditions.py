from urllib.parse import urlencode

import pytest
from fastapi import Request

from spanstats.page.conditions import Condition, conditions_of, filters_of, query_of, rows_of


def asked(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


CONDITIONS = [Condition("model", "in", "a, b"), Condition("latency", "gt", "1.5"), Condition("name", "empty", "")]


def test_conditions_go_into_an_address_and_come_back() -> None:
    assert conditions_of(asked(urlencode(query_of(CONDITIONS)))) == CONDITIONS


def test_a_list_is_split_and_an_operator_without_a_value_takes_none() -> None:
    assert filters_of(CONDITIONS) == [
        {"field": "model", "operator": "in", "value": ["a", "b"]},
        {"field": "latency", "operator": "gt", "value": ["1.5"]},
        {"field": "name", "operator": "empty", "value": []},
    ]


@pytest.mark.parametrize(
    ("more", "fields"),
    [("", ["model", "latency", "name"]), ("&add=1", ["model", "latency", "name", ""]), ("&drop=1", ["model", "name"])],
)
def test_the_form_has_a_row_for_each_condition_and_one_more_on_request(more: str, fields: list[str]) -> None:
    request = asked(urlencode(query_of(CONDITIONS)) + more)
    assert [row.field for row in rows_of(request, conditions_of(request))] == fields


def test_the_form_begins_with_an_empty_row() -> None:
    assert rows_of(asked(""), []) == [Condition()]


def test_a_row_without_a_field_is_no_condition_and_missing_parts_are_empty() -> None:
    assert conditions_of(asked("f=&op=gt&v=1&f=model")) == [Condition("model", "=", "")]
