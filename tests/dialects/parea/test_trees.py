"""Logs as Parea's readers need them, whatever was sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.dialects.parea import logs, trees
from spanstats.dialects.parea.fields import ATTRIBUTES
from spanstats.domain.keys import ExperimentKey
from spanstats.domain.merge import settle
from spanstats.domain.span import Score, Span
from spanstats.errors import InvalidInput

from ..recorded import ARRIVAL_US, load, parea_logs
from ..test_json_body import JSON
from .readable import assert_readable, walk

START = "2026-11-21T18:53:26.446774+00:00"


def settled(span: Span) -> Span:
    span.received_us = ARRIVAL_US
    return settle(span, lambda _: None)


def log(log_id: str = "r", **fields: Any) -> Span:
    return settled(logs.read_log(json.dumps({"trace_id": log_id, "start_timestamp": START, **fields}).encode()))


def child(log_id: str, parent: str = "r", root: str = "r", **fields: Any) -> Span:
    return log(log_id, parent_trace_id=parent, root_trace_id=root, **fields)


def read(*spans: Span) -> dict[str, Any]:
    (tree,) = json.loads("[" + trees.encode_trees(trees.forest(list(spans)), {ExperimentKey(7): "e"}) + "]")
    assert_readable(tree)
    return tree


def shape(tree: dict[str, Any]) -> Any:
    return tree["trace_id"], [shape(below) for below in tree["children_logs"]]


def test_children_stand_by_execution_order_then_start_then_id() -> None:
    later = "2026-11-21T18:53:27+00:00"
    spans = [
        child("d", execution_order=2),
        child("c", execution_order=1, start_timestamp=later),
        child("b", execution_order=1),
        child("a", execution_order=1),
        child("e", execution_order="nonsense"),
        log(),
    ]
    assert shape(read(*spans)) == ("r", [("e", []), ("a", []), ("b", []), ("c", []), ("d", [])])


def test_a_log_whose_parent_never_came_hangs_below_the_root_and_circles_are_cut() -> None:
    tree = read(log(), child("lost", "never"), child("x", "y"), child("y", "x"), child("second", "second"))
    assert shape(tree) == ("r", [("lost", []), ("second", []), ("x", [("y", [])])])
    assert {log["trace_id"]: log["parent_trace_id"] for log, _ in walk(tree)} == {
        "r": "r",
        "lost": "never",
        "second": "r",
        "x": "y",
        "y": "x",
    }


def test_a_root_without_parent_names_itself() -> None:
    tree = read(log(root_trace_id="r"))
    assert (tree["parent_trace_id"], tree["root_trace_id"]) == ("r", "r")


def test_numbers_are_the_logs_own_and_null_stays_null() -> None:
    tree = read(log(), child("c", cost=0.0000975, latency=0.5, input_tokens=11, output_tokens=7, total_tokens=18))
    assert (tree["cost"], tree["total_tokens"], tree["latency"]) == (None, None, None)
    (below,) = tree["children_logs"]
    assert (below["cost"], below["latency"]) == (9.75e-05, 0.5)
    assert (below["input_tokens"], below["output_tokens"], below["total_tokens"]) == (11, 7, 18)


@pytest.mark.parametrize(
    ("configuration", "read_back"),
    [
        (None, {}),
        ({"model": None, "messages": None, "model_params": {"temp": 1.0}}, {}),
        ({"model": "m", "messages": None, "functions": [], "history": None}, {"model": "m"}),
        ({"model": "m", "model_params": {"temp": 1.0}, "provider": "p"},) * 2,
        (
            {"model": "m", "model_params": "odd", "messages": [{"role": "r", "more": 1}]},
            {"model": "m", "messages": [{"role": "r", "more": 1, "content": ""}]},
        ),
        (
            {"messages": [{"content": [{"t": 1}]}, "x", 3]},
            {"messages": [{"role": "user", "content": '[{"t":1}]'}, {"role": "user", "content": "x"}]},
        ),
    ],
)
def test_a_configuration_is_given_back_without_what_breaks_readers(
    configuration: Any, read_back: dict[str, Any]
) -> None:
    assert read(log(configuration=configuration))["configuration"] == read_back


def test_documents_are_given_back_as_they_were_sent() -> None:
    inputs = {"n": 1, "big": 10**30, "text": 'é"', "deep": {"a": [None, True]}}
    tree = read(log(inputs=inputs, output='plain "text"', target={"a": [1]}))
    assert tree["inputs"] == inputs
    assert (tree["output"], tree["target"]) == ('plain "text"', '{"a": [1]}')


def test_scores_without_a_number_are_left_out_and_repeats_kept() -> None:
    span = log()
    span.scores = [
        Score("k", 1.0, name="n"),
        Score("k", None, "text", "good"),
        Score("k", 0.5, slug="s"),
        Score("k", 0.5),
    ]
    assert [(s["name"], s["score"]) for s in read(span)["scores"]] == [("n", 1.0), ("s", 0.5), ("k", 0.5)]


def test_the_experiment_is_the_one_that_the_span_itself_names() -> None:
    spans = [log(), child("c"), child("gone")]
    spans[1].experiment_key, spans[2].experiment_key = ExperimentKey(7), ExperimentKey(8)
    assert [log["experiment_uuid"] for log, _ in walk(read(*spans))] == [None, "e", None]


def test_the_root_of_another_dialect_goes_by_its_traces_id() -> None:
    spans = [
        Span(trace_id="t", span_id="r", start_us=1),
        Span(trace_id="t", span_id="c", parent_id="r", start_us=2, kind="chat", input='["not a message"]'),
    ]
    tree = read(*map(settled, spans))
    (below,) = tree["children_logs"]
    assert (tree["trace_id"], tree["children"]) == ("t", ["c"])
    assert (below["trace_id"], below["parent_trace_id"], below["inputs"]) == ("c", "t", {"input": ["not a message"]})
    nodes = trees.forest(list(map(settled, spans)))
    for log_id in ("t", "r"):
        assert trees.find(nodes, log_id) == (nodes[0], nodes[0], 0)
    assert trees.find(nodes, "c") == (nodes[0].children[0], nodes[0], 1)
    assert trees.find(nodes, "x") is None
    assert trees.find([], "x") is None


def test_every_recorded_log_can_be_read_back() -> None:
    by_trace: dict[str, list[Span]] = {}
    for body in parea_logs():
        span = settled(logs.read_log(body))
        by_trace.setdefault(span.trace_id, []).append(span)
    for spans in by_trace.values():
        assert sorted(log["trace_id"] for log, _ in walk(read(*spans))) == sorted(s.span_id for s in spans)
    assert any(len(spans) == 8 for spans in by_trace.values())


def test_answers_that_the_sdk_accepted_name_no_field_that_we_lack() -> None:
    accepted = next(r for r in load("parea/accepted_responses.json") if r["path"].endswith("/trace_logs"))
    assert set(accepted["response_body"][0]) <= set(read(log()))


FIELDS = sorted({*ATTRIBUTES, "inputs", "output", "target", "metadata", "scores", "error", "trace_name", "status"})


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4), st.lists(JSON, max_size=3))
def test_whatever_was_sent_can_be_read_back(fields: dict[str, Any], messages: list[Any]) -> None:
    """Odd values at every place that readers look into."""
    nested: dict[str, Any] = {"configuration": {"model": "m", "messages": messages, "model_params": fields}}
    nested |= {"comments": messages, "images": messages, "annotations": {"1": {"a": fields}, "x": {}}, "tags": messages}
    for values in (fields, nested):
        try:
            spans = [log(**values), child("c", **values)]
        except InvalidInput:
            continue
        assert len(walk(read(*spans))) == 2
