"""Payloads are joined just where a condition looks at them."""

import pytest

from spanstats.dialects.respan.filter_names import SPAN_FIELD_NAMES
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.keys import TenantId
from spanstats.filters.bind import bind
from spanstats.filters.compile import compile_predicate
from spanstats.filters.many_traces import asked_of_many
from spanstats.filters.sources import spans_matching
from spanstats.filters.span_fields import SPANS
from spanstats.filters.trace_fields import TRACES
from spanstats.store.tables import every_span, packed_payloads, span_payloads


@pytest.mark.parametrize(
    ("field", "joined"),
    [
        ("model", False),
        ("cost", False),
        ("scores__q", False),
        ("metadata__k", True),
        ("note", True),
        ("environment", True),
    ],
)
def test_payloads_are_joined_only_for_fields_that_stand_there(field: str, joined: bool) -> None:
    tree = read_filters({"filters": {field: {"operator": "", "value": ["1"]}}}, SPAN_FIELD_NAMES)
    first, *packed = spans_matching(TenantId(1), [compile_predicate(bind(tree, SPANS), TenantId(1))]).parts
    assert first.source.is_derived_from(every_span)
    assert first.source.is_derived_from(span_payloads) is joined
    assert [rows.source.is_derived_from(packed_payloads) for rows in packed] == [True] * joined


@pytest.mark.parametrize(
    ("fields", "alone"),
    [
        (["metadata__k"], True),
        (["metadata__k", "note"], True),
        (["metadata__k", "model"], False),
        (["metadata__k", "span_unique_id"], False),
        (["metadata__k", "scores__q"], False),
        (["model"], False),
    ],
)
def test_keys_are_read_from_payloads_alone_where_no_condition_is_over_spans(fields: list[str], alone: bool) -> None:
    filters = {field: {"operator": "", "value": ["1"]} for field in fields}
    tree = read_filters({"filters": filters}, SPAN_FIELD_NAMES)
    matching = spans_matching(TenantId(1), [compile_predicate(bind(tree, SPANS), TenantId(1))])
    assert (matching.keys[0].source is span_payloads) is alone
    assert matching.keys[1:] == matching.parts[1:]


@pytest.mark.parametrize(
    ("field", "operator", "n_exists"),
    [
        ("span_name", "", 1),
        ("span_name", "not", 1),
        ("model", "", 1),
        ("model", "not", 1),
        ("name", "", 0),
        ("metadata__k", "", 0),
    ],
)
def test_traces_are_counted_by_all_spans_at_once_however_a_condition_is_made(
    field: str, operator: str, n_exists: int
) -> None:
    tree = read_filters({"filters": {field: {"operator": operator, "value": ["a"]}, "status": ["x"]}})
    (condition,) = asked_of_many([compile_predicate(bind(tree, TRACES), TenantId(1))])
    assert str(condition).count(") IS true") == n_exists
