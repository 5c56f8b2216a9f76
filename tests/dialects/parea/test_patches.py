import json
from typing import Any

import pytest

from spanstats.dialects.parea.patches import read_patch
from spanstats.domain.merge import override
from spanstats.domain.span import Score, Span
from spanstats.errors import InvalidInput

from ..recorded import load


def patch(**values: Any) -> dict[str, Any]:
    return read_patch(json.dumps({"trace_id": "s", "field_name_to_value_map": values}).encode())[1]


def test_the_recorded_update_names_its_log_and_its_fields() -> None:
    body = next(r["body"] for r in load("parea/python_sdk_run.json") if r["method"] == "PUT")
    span_id, fields = read_patch(json.dumps(body).encode())
    assert span_id == body["trace_id"]
    assert fields == {"output": '"new"', "metadata": {"z": "2"}}


def test_every_kind_of_field_is_set_in_the_units_of_a_span() -> None:
    fields = patch(
        latency=0.5,
        cost=0.25,
        input_tokens=3,
        scores=[{"name": "a", "score": 1}, {"name": "b", "score": None}],
        status="error",
        session_id="s1",
        tags=["t"],
        configuration={"model": "gpt-4o", "provider": "openai"},
    )
    assert fields == {
        "latency_us": 500_000,
        "cost_pd": 250_000_000_000,
        "prompt_tokens": 3,
        "scores": [Score("a", 1.0, name="a")],
        "status": "error",
        "labels": {"session_identifier": "s1"},
        "attributes": {"tags": ["t"], "configuration": {"model": "gpt-4o", "provider": "openai"}},
        "model": "gpt-4o",
        "provider": "openai",
    }


def test_null_is_a_value_and_takes_away_what_was_there() -> None:
    span = Span(trace_id="t", span_id="s", output='"x"', cost_pd=1, labels={"session_identifier": "s1"})
    span.attributes = {"tags": ["t"]}
    result = override(span, patch(output=None, cost=None, session_id=None, tags=None, metadata=None, scores=None))
    assert (result.output, result.cost_pd, result.labels, result.attributes) == (None, None, {}, {})


def test_ids_and_unknown_names_are_ignored() -> None:
    ids = {
        "trace_id": "x",
        "parent_trace_id": "x",
        "root_trace_id": "x",
        "experiment_uuid": "x",
        "organization_id": "x",
    }
    assert patch(**ids, color="red") == {}


def test_text_that_cannot_be_stored_is_replaced() -> None:
    assert patch(trace_name="a\x00b", tags=["\ud800"]) == {"name": "a\ufffdb", "attributes": {"tags": ["\ufffd"]}}


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"field_name_to_value_map": {}}, ("trace_id",)),
        ({"trace_id": "a\x00", "field_name_to_value_map": {}}, ("trace_id",)),
        ({"trace_id": "s"}, ("field_name_to_value_map",)),
        ({"trace_id": "s", "field_name_to_value_map": []}, ("field_name_to_value_map",)),
        ({"trace_id": "s", "field_name_to_value_map": {"cost": -1}}, ("field_name_to_value_map", "cost")),
        ({"trace_id": "s", "field_name_to_value_map": {"latency": "x"}}, ("field_name_to_value_map", "latency")),
        ([], ()),
    ],
)
def test_what_cannot_be_set_is_refused_by_name(body: Any, location: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_patch(json.dumps(body).encode())
    assert refused.value.problems[0].location == location
