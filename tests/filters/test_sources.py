"""Payloads are joined just where a condition looks at them."""

import pytest

from spanstats.dialects.respan.filter_names import SPAN_FIELD_NAMES
from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.keys import TenantId
from spanstats.filters.bind import bind
from spanstats.filters.compile import compile_predicate
from spanstats.filters.sources import spans_matching
from spanstats.filters.span_fields import SPANS
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
    first, *packed = spans_matching([compile_predicate(bind(tree, SPANS), TenantId(1)), every_span.c.tenant_id == 1])
    assert first.source.is_derived_from(every_span)
    assert first.source.is_derived_from(span_payloads) is joined
    assert [rows.source.is_derived_from(packed_payloads) for rows in packed] == [True] * joined
