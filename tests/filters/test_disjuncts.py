"""What is left to the index of traces, and how traces of several models are told apart.

That the parts together are the predicate, and that no two hold for one trace, is asserted wherever filters are run
(`world.py`).
"""

import re

import pytest
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import asyncpg

from spanstats.dialects.respan.filters import read_filters
from spanstats.domain.keys import TenantId
from spanstats.filters.bind import bind
from spanstats.filters.disjuncts import compile_disjuncts
from spanstats.filters.predicate import EVERYTHING
from spanstats.filters.trace_fields import TRACES
from spanstats.store.tables import every_span_with, traces

FAILED = {"status": {"operator": "", "value": ["error"]}}
ANY_STATUS = {"status": {"operator": "", "value": ["success", "error"]}}
NOT_FAILED = {"status": {"operator": "not", "value": ["error"]}}
ODD_STATUS = {"status": {"operator": "", "value": []}}
DEAR = {"total_cost": {"operator": "gte", "value": [0.5]}}
LONG = {"total_tokens": {"operator": "lt", "value": [9]}}
NAMED = {"name": {"operator": "", "value": ["a"]}}
MODEL = {"model": {"operator": "", "value": ["m"]}}
SINCE = {"start_time": {"operator": "gte", "value": ["1970-01-01T00:00:00.000001Z"]}}
EITHER = {"either": {"connector": "OR", "filter_params": {**FAILED, **DEAR}}}


def parts_of(filters: object) -> list[str]:
    """The text of each part, with its parameters in it and without the table's name."""
    tree = read_filters({"filters": filters})
    bound = EVERYTHING if tree is None else bind(tree, TRACES)
    texts = []
    for part in compile_disjuncts(bound, TenantId(7)):
        compiled = select(traces.c.trace_id).where(part).compile(dialect=asyncpg.dialect())
        text = re.sub(r"\s+", " ", str(compiled)).split(" WHERE ", 1)[1]
        for number, name in reversed(list(enumerate(compiled.positiontup or (), 1))):
            text = re.sub(rf"\${number}::[A-Z]+(\[\]| WITH TIME ZONE)?", repr(compiled.params[name]), text)
        texts.append(text.replace("traces.", ""))
    return texts


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "true"),
        (FAILED, "status = 'error'"),
        (DEAR, "cost_pd >= 500000000000"),
        (DEAR | FAILED, "status = 'error' AND (cost_pd >= 500000000000) IS true"),
        (DEAR | LONG, "cost_pd >= 500000000000 AND (total_tokens < 9) IS true"),
        (NAMED | DEAR, "cost_pd >= 500000000000 AND (name = 'a') IS true"),
        (NAMED, "(name = 'a') IS true"),
        (NOT_FAILED, "((status = 'error') IS NOT true) IS true"),
        (
            ANY_STATUS,
            "status >= 'error' AND status <= 'success' AND (status = ANY (['success', 'error'])) IS true",
        ),
        (ODD_STATUS, "false IS true"),
        (SINCE | FAILED | DEAR, "status = 'error' AND start_time >= 1 AND (cost_pd >= 500000000000) IS true"),
        (EITHER, "(status = 'error' OR cost_pd >= 500000000000) IS true"),
        (EITHER | LONG, "total_tokens < 9 AND (status = 'error' OR cost_pd >= 500000000000) IS true"),
    ],
)
def test_one_comparison_is_left_to_the_index(filters: object, expected: str) -> None:
    assert parts_of(filters) == [expected]


def test_only_traces_of_several_models_are_asked_for_their_spans() -> None:
    alike, differ = parts_of(MODEL | DEAR)
    assert alike == "model = 'm' AND (cost_pd >= 500000000000) IS true AND NOT many_models IS true"
    spans = f"EXISTS (SELECT 1 FROM {every_span_with('model')} AS every_span WHERE "
    assert differ.startswith(f"many_models AND (model = 'm' OR many_models AND ({spans}")


def test_no_model_is_of_traces_whose_spans_are_alike() -> None:
    alike, _ = parts_of({"model": {"operator": "isnull", "value": [True]}})
    assert alike == "(model IS NULL) IS true AND NOT many_models IS true"
