"""Parea's one condition per request, and the tree that it is read into."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.dialects.parea.filters import FIELD_NAMES, KEYED_FIELDS, OPERATOR_NAMES, UNFILTERED_FIELDS, read_filter
from spanstats.domain.keys import TenantId
from spanstats.errors import InvalidInput, Problem
from spanstats.filters.bind import bind
from spanstats.filters.compile import compile_predicate
from spanstats.filters.predicate import Condition, Group
from spanstats.filters.root_fields import ROOTS


def body(field: object, operator: object, value: object = None, key: object = None) -> dict[str, Any]:
    return {"filter_field": field, "filter_operator": operator, "filter_value": value, "filter_key": key}


def condition(*parts: Any) -> tuple[str, str | None, str, tuple[object, ...]]:
    group = read_filter(body(*parts))
    assert isinstance(group, Group)
    (only,) = group.members
    assert isinstance(only, Condition)
    return only.field, only.key, only.operator.value, only.values


@pytest.mark.parametrize(
    "empty", [{}, body(None, None), body("error", None), body(None, "exists"), body("", "exists"), body("error", "")]
)
def test_without_field_or_operator_there_is_no_filter(empty: dict[str, Any]) -> None:
    assert read_filter(empty) is None


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("error", "exists"), ("error_message", None, "exists", ())),
        (("error", "is_null", "ignored"), ("error_message", None, "isnull", (True,))),
        (("trace_name", "like", "llm"), ("span_name", None, "contains", ("llm",))),
        (("trace_id", "in", "a, b"), ("span_unique_id", None, "equals", ("a", "b"))),
        (("trace_id", "in", '["a, b", "c"]'), ("span_unique_id", None, "equals", ("a, b", "c"))),
        (("trace_id", "in", '{"a": 1}'), ("span_unique_id", None, "equals", ('{"a": 1}',))),
        (("trace_id", "in", ["a"]), ("span_unique_id", None, "equals", ("a",))),
        (("trace_id", "equals", "a, b"), ("span_unique_id", None, "equals", ("a, b",))),
        (("latency", "between", "0.5,2"), ("latency", None, "between", ("0.5", "2"))),
        (("latency", "between", "[0.5, 2]"), ("latency", None, "between", (0.5, 2))),
        (("metadata", "equals", "prod", "env"), ("metadata", "env", "equals", ("prod",))),
        (("metadata", "is_null", None, ""), ("metadata", None, "isnull", (True,))),
        (("inputs", "not_equals", "q", "question"), ("input", "question", "not_equals", ("q",))),
        (("latency", "greater_than", "1", "ignored"), ("latency", None, "gt", ("1",))),
        (("score:accuracy", "greater_than", "0.5"), ("scores", "accuracy", "gt", ("0.5",))),
        (("accuracy", "equals", "1.0"), ("scores", "accuracy", "equals", ("1.0",))),
        (("score:latency", "exists"), ("scores", "latency", "exists", ())),
    ],
)
def test_a_condition_is_read_as_what_it_means(parts: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    assert condition(*parts) == expected


@pytest.mark.parametrize("operator", OPERATOR_NAMES)
def test_no_log_has_an_annotation(operator: str) -> None:
    expected = None if operator in ("is_null", "not_equals") else Group("OR", (), ("body",))
    assert read_filter(body("annotation:type:id", operator, "x")) == expected


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        (body("error", "resembles"), "filter_operator"),
        (body("error", 3), "filter_operator"),
        (body(["error"], "exists"), "filter_field"),
        (body("configuration", "exists"), "filter_field"),
        (body("metadata", "exists", None, 5), "filter_key"),
    ],
)
def test_what_is_malformed_is_refused_by_name(wrong: dict[str, Any], key: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_filter(wrong)
    assert [problem.location for problem in caught.value.problems] == [("body", key)]


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"must be a (finite )?number"):
        bind(read_filter(body("latency", "greater_than", "fast")), ROOTS)


@pytest.mark.parametrize("field", sorted(FIELD_NAMES))
def test_every_field_of_a_log_is_known_where_it_is_bound(field: str) -> None:
    bind(read_filter(body(field, "exists")), ROOTS)
    if field in KEYED_FIELDS:
        bind(read_filter(body(field, "exists", None, "key")), ROOTS)


def test_no_field_is_both_filtered_by_and_not() -> None:
    assert not UNFILTERED_FIELDS & FIELD_NAMES.keys()
    assert set(FIELD_NAMES) >= KEYED_FIELDS


TEXTS = st.none() | st.text(max_size=8) | st.sampled_from(["\ud800", "\x00", "[" * 5000, "1,2", "[NaN, 1]", "[1e999]"])
FIELDS = TEXTS | st.sampled_from([*FIELD_NAMES, "score:a", "annotation:b"])


def problems(written: dict[str, Any]) -> Sequence[Problem]:
    """What is wrong with a filter; one that is bound must compile."""
    try:
        compile_predicate(bind(read_filter(written), ROOTS), TenantId(1))
    except InvalidInput as error:
        return error.problems
    return ()


@given(field=FIELDS, key=TEXTS, operator=TEXTS | st.sampled_from(list(OPERATOR_NAMES)), value=TEXTS | st.integers())
def test_any_four_texts_are_compiled_or_refused(field: Any, key: Any, operator: Any, value: Any) -> None:
    assert all(problem.location[0] == "body" for problem in problems(body(field, operator, value, key)))
