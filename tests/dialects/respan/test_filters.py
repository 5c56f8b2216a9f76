"""Every shape in which Respan's clients write a filter, and the tree that it is read into."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.dialects.respan.filter_names import (
    KEYED_PREFIXES,
    LOG_FIELD_NAMES,
    OPERATOR_NAMES,
    SPAN_FIELD_NAMES,
    UNSUPPORTED_OPERATORS,
)
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.keys import TenantId
from spanstats.errors import InvalidInput, Problem
from spanstats.filters.bind import Limits, bind
from spanstats.filters.compile import compile_predicate
from spanstats.filters.fields import FieldTable
from spanstats.filters.operators import Operator
from spanstats.filters.predicate import Condition, Group
from spanstats.filters.span_fields import SPANS
from spanstats.filters.trace_fields import TRACES


def written(node: Condition | Group | None) -> Any:
    """A tree without its locations: conditions as tuples, groups as (connector, members)."""
    if node is None:
        return None
    if isinstance(node, Group):
        return node.connector, [written(member) for member in node.members]
    name = node.field if node.key is None else f"{node.field}[{node.key}]"
    return name, node.operator.value, list(node.values)


def tree(filters: object, operator: object = None) -> Any:
    return written(read_filters({"filters": filters, "operator": operator}))


SUCCESS = ("status", "equals", ["success"])
COSTLY = ("total_cost", "gte", [0.01])
GPT = ("model", "equals", ["gpt-4o"])


@pytest.mark.parametrize(
    "body", [None, {}, {"filters": None}, {"filters": {}}, {"filters": []}, {"is_exporting": True}]
)
def test_a_body_without_filters_filters_nothing(body: object) -> None:
    assert read_filters(body) is None


@pytest.mark.parametrize(
    "filters",
    [
        {"status": {"operator": "", "value": ["success"]}, "total_cost": {"operator": "gte", "value": [0.01]}},
        {"status": {"value": "success"}, "cost": {"operator": ">=", "value": 0.01, "connector": "AND"}},
        {"status": "success", "total_cost": {"gte": 0.01}},
        {"status": ["success"], "total_cost": [{"operator": "gte", "value": [0.01], "connector": "and"}]},
        [
            {"field": "status", "operator": "=", "value": "success"},
            {"field": "total_cost", "operator": ">=", "value": 0.01},
        ],
        {"connector": "AND", "filter_params": {"status": "success", "total_cost": {"gte": 0.01}}},
        {"any name": {"filter_params": [{"field": "status", "value": [["success"]]}]}, "cost": {"gte": 0.01}},
        [{"filter_params": {"status": "success"}}, {"field": "cost", "operator": "GTE ", "value": 0.01}],
        {"a": [{"filter_params": {"status": "success"}}, {"filter_params": {"cost": {"gte": 0.01}}}]},
        {"a": {"filter_params": None}, "status": "success", "cost": {">=": 0.01}},
        {
            "status": {"operator": "eq", "value": "success", "operator_function": None, "operator_args": []},
            "cost": {"operator": "gte", "value": 0.01},
        },
    ],
)
def test_all_shapes_of_one_filter_are_read_alike(filters: object) -> None:
    assert tree(filters) == ("AND", [SUCCESS, COSTLY])


def test_a_list_of_one_condition_belongs_to_the_level_that_it_stands_in() -> None:
    costly = [{"operator": "gte", "value": [0.01], "connector": "OR"}]
    assert tree({"status": "success", "cost": costly}) == ("OR", [SUCCESS, COSTLY])


def test_a_range_is_a_level_of_its_own() -> None:
    low, high = {"operator": "gte", "value": 0.01}, {"operator": "lt", "value": 1}
    bounds = [COSTLY, ("total_cost", "lt", [1])]
    assert tree({"cost": [low, high], "status": "success"}) == ("AND", [*bounds, SUCCESS])
    assert tree({"cost": [low, high], "status": "success"}, "or") == ("OR", [("AND", bounds), SUCCESS])
    either = [low | {"connector": "OR"}, high | {"connector": "OR"}]
    assert tree({"cost": either, "status": "success"}) == ("AND", [("OR", bounds), SUCCESS])


def test_an_operator_map_joins_by_and_within_and() -> None:
    assert tree({"start_time": {"gte": "2026-01-01", "lte": "2026-02-01"}}) == (
        "AND",
        [("start_time", "gte", ["2026-01-01"]), ("start_time", "lte", ["2026-02-01"])],
    )


def test_an_operator_map_stays_joined_by_and_where_its_level_is_or() -> None:
    bounds = [("total_cost", "gte", [1]), ("total_cost", "lt", [2])]
    assert tree({"cost": {"gte": 1, "lt": 2}, "status": "success"}, "OR") == ("OR", [("AND", bounds), SUCCESS])


@pytest.mark.parametrize("operator", ["OR", "or", " Or "])
def test_the_connector_of_the_whole_may_stand_beside_the_filters(operator: str) -> None:
    assert tree({"status": "success", "model": "gpt-4o"}, operator) == ("OR", [SUCCESS, GPT])
    assert tree([{"field": "status", "value": "success"}, {"field": "model", "value": "gpt-4o"}], operator) == (
        "OR",
        [SUCCESS, GPT],
    )


@pytest.mark.parametrize(("first", "second"), [("OR", "OR"), (None, "OR"), ("OR", None), ("", "or")])
def test_conditions_that_all_say_or_are_joined_by_or(first: object, second: object) -> None:
    conditions = {
        "status": {"value": "success", "connector": first},
        "model": {"value": "gpt-4o", "connector": second},
    }
    assert tree(conditions) == ("OR", [SUCCESS, GPT])
    assert tree([{"field": name, **rest} for name, rest in conditions.items()]) == ("OR", [SUCCESS, GPT])


@pytest.mark.parametrize("nothing", [None, {}, []])
def test_an_unknown_connector_is_refused_even_where_it_joins_nothing(nothing: object) -> None:
    with pytest.raises(InvalidInput, match="must be AND or OR"):
        read_filters({"filters": nothing, "operator": "XOR"})


def test_mixed_connectors_are_refused_with_a_request_for_a_bundle() -> None:
    mixed = {"status": {"value": "a", "connector": "AND"}, "model": {"value": "b", "connector": "OR"}}
    for body in ({"filters": mixed}, {"filters": {"b": {"filter_params": mixed}}}):
        with pytest.raises(InvalidInput, match="bundle"):
            read_filters(body)
    with pytest.raises(InvalidInput, match="bundle"):
        read_filters({"filters": {"status": {"value": "a", "connector": "OR"}}, "operator": "AND"})


def test_a_bundle_is_a_level_with_a_connector_of_its_own() -> None:
    bundle = {"connector": "OR", "filter_params": {"model": "gpt-4o", "total_cost": {"gte": 0.01}}}
    assert tree({"status": "success", "either": bundle}) == ("AND", [SUCCESS, ("OR", [GPT, COSTLY])])
    assert tree({"status": "success", "either": bundle}, "OR") == ("OR", [SUCCESS, GPT, COSTLY])
    assert tree([bundle, {"field": "status", "value": "success"}]) == ("AND", [("OR", [GPT, COSTLY]), SUCCESS])
    assert tree(bundle) == ("OR", [GPT, COSTLY])


def test_empty_bundles_filter_nothing() -> None:
    assert tree({"a": {"filter_params": {}}, "b": {"filter_params": []}}) is None
    assert tree({"a": {"connector": "OR", "filter_params": {}}, "status": "success"}) == ("AND", [SUCCESS])


@pytest.mark.parametrize("name", OPERATOR_NAMES)
def test_operators_are_read_in_any_case_of_letters(name: str) -> None:
    for spelling in (name, name.upper(), name.title()):
        (condition,) = tree({"x": {"operator": spelling, "value": "1"}})[1]
        assert condition[1] == OPERATOR_NAMES[name].value


def test_every_operator_that_respan_has_a_word_for_can_be_written() -> None:
    assert set(OPERATOR_NAMES.values()) == set(Operator) - {Operator.BETWEEN, Operator.EXISTS}
    assert all(name == name.lower() for name in OPERATOR_NAMES)
    assert not UNSUPPORTED_OPERATORS & OPERATOR_NAMES.keys()


def test_every_other_name_of_a_field_leads_to_one_that_its_table_has() -> None:
    assert set(LOG_FIELD_NAMES.values()) <= set(TRACES.fields)
    assert set(SPAN_FIELD_NAMES.values()) <= set(SPANS.fields)
    assert not LOG_FIELD_NAMES.keys() & set(TRACES.fields)
    assert not SPAN_FIELD_NAMES.keys() & set(SPANS.fields)
    assert set(KEYED_PREFIXES.values()) == {"scores", *TRACES.keyed} == {"scores", *SPANS.keyed}


def test_the_key_of_a_keyed_field_is_the_rest_of_its_name() -> None:
    assert tree({"metadata.a.b": 1, "metadata__a__b": 2, "scores__x_y": 3}) == (
        "AND",
        [("metadata[a.b]", "equals", [1]), ("metadata[a__b]", "equals", [2]), ("scores[x_y]", "equals", [3])],
    )


def test_a_null_is_a_value() -> None:
    assert tree({"model": None}) == ("AND", [("model", "equals", [None])])
    assert tree({"model": {"operator": "not", "value": None}}) == ("AND", [("model", "not_equals", [None])])


def test_operators_that_take_no_value_need_none() -> None:
    assert tree({"model": {"operator": "empty"}}) == ("AND", [("model", "empty", [None])])


REFUSED: list[tuple[Any, tuple[str | int, ...]]] = [
    ("status = 1", ()),
    (7, ()),
    ([["status"]], (0,)),
    ([{"operator": "="}], (0, "field")),
    ([{"field": 3, "value": 1}], (0, "field")),
    ([{"field": "status", "value": 1, "valeu": 2}], (0, "valeu")),
    ({"status": {}}, ("status", "value")),
    ({"status": {"operator": "gt"}}, ("status", "value")),
    ({"status": {"operator": "~", "value": 1}}, ("status", "operator")),
    ({"status": {"operator": 1, "value": 1}}, ("status", "operator")),
    ({"status": {"operator": "overlap", "value": "a"}}, ("status", "operator")),
    ({"status": {"Full_Text_Search": "a"}}, ("status", "Full_Text_Search", "operator")),
    ({"status": {"value": 1, "operator_function": "mapContainsKey"}}, ("status", "operator_function")),
    ({"status": {"value": 1, "operator_args": ["k"]}}, ("status", "operator_args")),
    ({"status": {"value": 1, "connector": "XOR"}}, ("status", "connector")),
    ({"status": {"value": 1, "oprator": "not"}}, ("status", "oprator")),
    ({"status": [{"value": 1}, 2]}, ("status", 1)),
    ({"metadata___hidden": 1}, ("metadata___hidden", "field")),
    ({"metadata._hidden": 1}, ("metadata._hidden", "field")),
    ({"metadata.": 1}, ("metadata.", "field")),
    ({"b": {"filter_params": {"status": {}}}}, ("b", "filter_params", "status", "value")),
    ({"b": {"filter_params": "x"}}, ("b", "filter_params")),
    ({"b": {"filter_params": {}, "operator": "not"}}, ("b", "operator")),
    ({"b": {"filter_params": {}, "connector": 1}}, ("b", "connector")),
]


@pytest.mark.parametrize(("filters", "location"), REFUSED, ids=repr)
def test_what_is_malformed_is_refused_where_it_stands(filters: object, location: tuple[str | int, ...]) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_filters({"filters": filters})
    assert [problem.location for problem in caught.value.problems] == [("body", "filters", *location)]


@pytest.mark.parametrize("body", [[], "x", 1, True])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    with pytest.raises(InvalidInput):
        read_filters(body)


def test_a_connector_of_the_whole_must_be_one() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_filters({"filters": {"status": "a"}, "operator": "NOT"})
    assert caught.value.problems[0].location == ("body", "operator")


def test_size_is_limited_while_reading() -> None:
    limits = Limits(conditions=3, depth=2)
    three = dict.fromkeys(("status", "name", "model"), "a")
    assert read_filters({"filters": three}, limits=limits) is not None
    with pytest.raises(InvalidInput, match="at most 3 conditions"):
        read_filters({"filters": {"b": {"filter_params": three}, "id": "a"}}, limits=limits)
    deep: Any = {"status": "a"}
    for _ in range(2):
        deep = {"b": {"filter_params": deep}}
    assert read_filters({"filters": deep}, limits=limits) is not None
    with pytest.raises(InvalidInput, match="nested at most 2 deep"):
        read_filters({"filters": {"b": {"filter_params": deep}}}, limits=limits)


def test_bundles_alone_cannot_exhaust_the_stack() -> None:
    endless: Any = {}
    for _ in range(5000):
        endless = {"filter_params": endless}
    with pytest.raises(InvalidInput, match="nested"):
        read_filters({"filters": endless})


WORDS = (
    "filters operator value connector filter_params field status cost model start_time stream gte not isnull OR "
    "metadata.k metadata__ scores__a operator_function 2026-01-01 0001-01-01 9999-12-31T23:59:59-12:00 1e999 -1e-9999"
)
KEYS = st.sampled_from(["", "\ud800", "\x00", *WORDS.split()])
LEAVES = st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | KEYS | st.text(max_size=5)
ANY_JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4),
    max_leaves=25,
)


def problems(body: Any, names: Mapping[str, str], table: FieldTable) -> Sequence[Problem]:
    """What is wrong with a filter; one that is bound must compile."""
    try:
        compile_predicate(bind(read_filters(body, names), table), TenantId(1))
    except InvalidInput as error:
        return error.problems
    return ()


@given(filters=ANY_JSON, operator=st.none() | LEAVES)
def test_any_json_at_all_is_compiled_or_refused(filters: Any, operator: Any) -> None:
    for names, table in ((LOG_FIELD_NAMES, TRACES), (SPAN_FIELD_NAMES, SPANS)):
        every = problems({"filters": filters, "operator": operator}, names, table)
        assert all(problem.location[0] == "body" for problem in every)


@given(body=ANY_JSON)
def test_any_body_at_all_is_compiled_or_refused(body: Any) -> None:
    assert all(problem.message for problem in problems(body, LOG_FIELD_NAMES, TRACES))
