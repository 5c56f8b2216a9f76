"""Everything that can be wrong with a filter is found when it is bound, and is named."""

from decimal import Decimal
from typing import Any

import pytest

from spanstats.errors import InvalidInput
from spanstats.filters.bind import Limits, bind
from spanstats.filters.fields import SpanScores, TraceScores
from spanstats.filters.operators import OPERATORS, Operator
from spanstats.filters.predicate import EVERYTHING, Condition, Group, Junction, Test, evaluators
from spanstats.filters.span_fields import SPANS
from spanstats.filters.trace_fields import TRACES

HERE = ("body", "filters", 0)


def one(field: str, operator: Operator, *values: object, key: str | None = None) -> Group:
    return Group("AND", (Condition(field, operator, values, HERE, key),), ("body", "filters"))


def bound_test(tree: Group) -> Test:
    bound = bind(tree, TRACES)
    assert isinstance(bound, Junction)
    assert isinstance(bound.members[0], Test)
    return bound.members[0]


def keys_of(test: object) -> frozenset[str]:
    assert isinstance(test, Test)
    assert isinstance(test.field, TraceScores | SpanScores)
    return test.field.keys


REFUSED: list[tuple[Group, str, str]] = [
    (one("colour", Operator.EQUALS, "red"), "field", "unknown_field"),
    (one("metadata", Operator.EQUALS, "red"), "field", "unknown_field"),
    (one("scores", Operator.EQUALS, 1), "field", "unknown_field"),
    (one("name", Operator.EQUALS, "a", key="k"), "field", "unknown_field"),
    (one("metadata", Operator.EQUALS, "a", key="k\x00"), "field", "value_error"),
    (one("scores", Operator.EQUALS, 1, key="\ud800"), "field", "value_error"),
    (one("name", Operator.GT, "a"), "operator", "operator_not_allowed"),
    (one("status", Operator.LTE, "a"), "operator", "operator_not_allowed"),
    (one("total_cost", Operator.CONTAINS, "1"), "operator", "operator_not_allowed"),
    (one("start_time", Operator.STARTSWITH, "2026"), "operator", "operator_not_allowed"),
    (one("scores", Operator.ILIKE, "1", key="acc"), "operator", "operator_not_allowed"),
    (one("total_cost", Operator.REGEX, "1"), "operator", "operator_not_allowed"),
    (one("name", Operator.REGEX, "a" * 1_001), "value", "too_long"),
    (one("name", Operator.REGEX, r"(a)\1"), "value", "regex"),
    (one("name", Operator.NOT_REGEX, r"(a)\\\9"), "value", "regex"),
    (one("metadata", Operator.REGEX, r"\2", key="k"), "value", "regex"),
    (one("name", Operator.REGEX, None), "value", "null_value"),
    (one("name", Operator.REGEX, ["a"]), "value", "string_type"),
    (one("total_cost", Operator.GT), "value", "wrong_arity"),
    (one("total_cost", Operator.GT, 1, 2), "value", "wrong_arity"),
    (one("total_cost", Operator.BETWEEN, 1), "value", "wrong_arity"),
    (one("name", Operator.ISNULL), "value", "wrong_arity"),
    (one("name", Operator.CONTAINS, None), "value", "null_value"),
    (one("total_cost", Operator.GT, None), "value", "null_value"),
    (one("name", Operator.ISNULL, "maybe"), "value", "bool_parsing"),
    (one("name", Operator.EQUALS, {"a": 1}), "value", "string_type"),
    (one("name", Operator.EQUALS, ["a"]), "value", "string_type"),
    (one("name", Operator.EQUALS, float("inf")), "value", "number_type"),
    (one("metadata", Operator.CONTAINS, 10**5000, key="k"), "value", "value_error"),
    (one("total_cost", Operator.GT, True), "value", "number_type"),
    (one("total_cost", Operator.GT, "much"), "value", "number_type"),
    (one("total_cost", Operator.GT, ""), "value", "number_type"),
    (one("total_cost", Operator.GT, float("nan")), "value", "number_type"),
    (one("total_cost", Operator.GT, "-Infinity"), "value", "number_type"),
    (one("total_cost", Operator.GT, 10**400), "value", "value_error"),
    (one("total_cost", Operator.EQUALS, 1, [2]), "value", "number_type"),
    (one("scores", Operator.EQUALS, True, key="acc"), "value", "number_type"),
    (one("metadata", Operator.GT, "a", key="k"), "value", "number_type"),
    (one("metadata", Operator.GT, "1e-500", key="k"), "value", "out_of_range"),
    (one("start_time", Operator.GT, 1_767_225_600), "value", "datetime_parsing"),
    (one("start_time", Operator.GT, "yesterday"), "value", "datetime_parsing"),
    (one("start_time", Operator.GT, ""), "value", "datetime_parsing"),
]


@pytest.mark.parametrize(("tree", "part", "kind"), REFUSED)
def test_what_cannot_be_bound_is_refused_where_it_stands(tree: Group, part: str, kind: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bind(tree, TRACES)
    assert [(p.location, p.code) for p in caught.value.problems] == [((*HERE, part), kind)]


def test_a_boolean_field_takes_no_number() -> None:
    with pytest.raises(InvalidInput):
        bind(one("stream", Operator.EQUALS, 1), SPANS)


def test_all_problems_are_told_at_once() -> None:
    bad = tuple(Condition("name", Operator.GT, (i,), (*HERE, i)) for i in range(3))
    with pytest.raises(InvalidInput) as caught:
        bind(Group("OR", (bad[0], Group("AND", bad[1:], ())), ()), TRACES)
    assert [p.location for p in caught.value.problems] == [(*HERE, i, "operator") for i in range(3)]


def test_the_refusal_of_an_operator_names_those_that_apply() -> None:
    with pytest.raises(InvalidInput, match="contains does not apply to a money field; what does: equals, gt"):
        bind(one("total_cost", Operator.CONTAINS, "1"), TRACES)


def nested(depth: int) -> Group:
    return Group("AND", (nested(depth - 1),) if depth else (Condition("name", Operator.ISNULL, (True,), HERE),), HERE)


def test_limits_are_inclusive() -> None:
    limits = Limits(conditions=2, depth=1, items=3)
    condition = Condition("name", Operator.EQUALS, ("a", "b", "c"), HERE)
    bind(Group("OR", (condition, Group("AND", (condition,), ())), ()), TRACES, limits=limits)
    longer = Condition("name", Operator.EQUALS, ("a", "b", "c", "d"), HERE)
    for too_large in (Group("OR", (condition,) * 3, ()), nested(2), Group("OR", (longer,), ())):
        with pytest.raises(InvalidInput, match=r"must (have|be nested) at most"):
            bind(too_large, TRACES, limits=limits)


def test_no_filter_is_everything() -> None:
    assert bind(None, TRACES) is EVERYTHING


MONEY: list[tuple[Operator, object, Any]] = [
    (Operator.GTE, 0.01, 10_000_000_000),
    (Operator.GTE, "0.0100000000001", 10_000_000_000 + 1),
    (Operator.GT, "1.5e-12", 1),
    (Operator.GTE, "1.5e-12", 2),
    (Operator.LT, "1.5e-12", 2),
    (Operator.LTE, "1.5e-12", 1),
    (Operator.GT, "-1.5e-12", -2),
    (Operator.GTE, "-1.5e-12", -1),
    (Operator.LT, "-1.5e-12", -1),
    (Operator.LTE, "-1.5e-12", -2),
    (Operator.GT, "1e-999999999", 0),
    (Operator.GTE, "1e-999999999", 1),
    (Operator.LT, "-1e-999999999", 0),
    (Operator.LTE, "-1e-999999999", -1),
    (Operator.GT, "9223372.036854775807", 2**63 - 1),
    (Operator.GT, "9223372.036854775808", Decimal(10**30)),
    (Operator.GTE, "9223372.0368547758075", Decimal(10**30)),
    (Operator.GTE, "-9223372.0368547758085", -(2**63)),
    (Operator.LT, -1e300, -Decimal(10**30)),
]


@pytest.mark.parametrize(("operator", "written", "stored"), MONEY)
def test_a_bound_between_two_units_moves_to_the_one_with_the_same_answer(
    operator: Operator, written: object, stored: Any
) -> None:
    assert bound_test(one("total_cost", operator, written)).operands == (stored,)


@pytest.mark.parametrize("written", ["1.5e-12", "1e300", "-1e300", "1e-999999999"])
def test_nothing_equals_what_no_unit_can_say(written: str) -> None:
    assert bound_test(one("total_cost", Operator.EQUALS, written)).operands == ()
    assert bound_test(one("total_cost", Operator.EQUALS, written, 1)).operands == (10**12,)


def test_scores_are_rounded_as_they_are_stored() -> None:
    assert bound_test(one("scores", Operator.EQUALS, 1 / 3, key="acc")).operands == (333_333_333,)


def test_text_that_cannot_be_stored_never_reaches_the_database() -> None:
    for operator in (Operator.EQUALS, Operator.CONTAINS, Operator.ILIKE):
        test = bound_test(one("name", operator, "a\x00"))
        assert (test.operator, test.operands) == (OPERATORS[Operator.EQUALS], ())


def test_a_literal_that_is_repeated_is_compared_once() -> None:
    assert bound_test(one("total_tokens", Operator.EQUALS, 1, "1", 1.0)).operands == (1,)


def test_evaluators_are_asked_for_by_name_and_bound_by_key() -> None:
    tree = one("scores", Operator.GT, 1, key="Quality")
    assert evaluators(tree) == {"Quality"}
    assert keys_of(bound_test(tree)) == {"Quality"}
    bound = bind(tree, TRACES, {"Quality": frozenset({"ev1", "ev2"})})
    assert isinstance(bound, Junction)
    assert isinstance(bound.members[0], Test)
    assert keys_of(bound.members[0]) == {"ev1", "ev2"}


def test_the_name_of_a_score_is_cut_as_scores_are() -> None:
    assert keys_of(bound_test(one("scores", Operator.GT, 1, key="é" * 150))) == {"é" * 100}


def test_an_escaped_backslash_before_a_digit_is_no_back_reference() -> None:
    assert bound_test(one("name", Operator.REGEX, r"\\1")).operands == (r"\\1",)
    assert bound_test(one("name", Operator.REGEX, r"\d\01")).operands == (r"\d\01",)


def test_a_pattern_on_a_status_is_searched_as_it_is_written() -> None:
    assert bound_test(one("status", Operator.REGEX, "^Completed|ok$")).operands == ("^Completed|ok$",)
