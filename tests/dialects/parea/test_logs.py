import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstats.dialects.parea import stats
from spanstats.dialects.parea.fields import ATTRIBUTES, LABELS
from spanstats.dialects.parea.logs import TraceLog, read_log
from spanstats.domain.span import Filled, Score, Span
from spanstats.errors import InvalidInput
from tests.examples import examples

from ..recorded import load, parea_logs, traces_of
from ..test_json_body import JSON

START = "2026-11-21T18:53:26.446774+00:00"
START_US = 1_795_287_206_446_774


def read(**fields: Any) -> Span:
    return read_log(json.dumps({"trace_id": "s", "start_timestamp": START, **fields}).encode())


def refusal(**fields: Any) -> str:
    with pytest.raises(InvalidInput) as refused:
        read(**fields)
    return str(refused.value.problems[0].location[0])


def test_the_recorded_run_adds_up_to_the_expected_stats() -> None:
    [(experiment, expected)] = load("parea/expected_stats.json")["experiments"].items()
    spans = [read_log(body) for body in parea_logs()]
    mine = [
        t
        for t in traces_of(spans).values()
        if any(s.trace_id == t.trace_id == s.span_id and s.experiment_id == experiment for s in spans)
    ]
    entries = [json.loads(stats.stats_entry(t)) for t in sorted(mine, key=lambda t: (t.start_us, t.trace_id))]
    for entry, expected_entry in zip(entries, expected["stats"]["parent_trace_stats"], strict=True):
        assert sorted(map(str, entry.pop("scores"))) == sorted(map(str, expected_entry.pop("scores")))
        assert entry.pop("cost") == pytest.approx(expected_entry.pop("cost"), abs=1e-12)
        assert entry == expected_entry


def test_a_total_of_zero_beside_tokens_is_not_known() -> None:
    assert read(input_tokens=100, total_tokens=0).total_tokens is None
    assert read(output_tokens=100, total_tokens=0).total_tokens is None
    assert read(input_tokens=0, total_tokens=0).total_tokens == 0


def test_a_recorded_log_is_kept_whole() -> None:
    body = next(r["body"] for r in load("parea/python_sdk_run.json") if r["seq"] == 31)
    span = read_log(json.dumps(body).encode())
    assert (span.trace_id, span.span_id, span.is_root, span.by_span_id) == (body["trace_id"],) * 2 + (True, True)
    assert span.experiment_id == body["experiment_uuid"]
    assert (span.name, span.status, span.latency_us, span.cost_pd) == ("main", "success", 34_980, 0)
    assert json.loads(span.input or "") == body["inputs"]
    assert json.loads(span.output or "") == body["output"]
    assert span.labels == {
        "project_id": body["project_uuid"],
        "session_identifier": body["session_id"],
        "customer_identifier": body["end_user_identifier"],
    }
    assert span.attributes["children"] == body["children"]
    assert [s.value for s in span.scores or []] == [0.0, 0.75]


@pytest.mark.parametrize(
    ("ids", "trace_id", "concluded", "root"),
    [
        ({"root_trace_id": "r", "parent_trace_id": "p"}, "r", False, False),
        ({"root_trace_id": "s", "parent_trace_id": "s"}, "s", False, True),
        ({"root_trace_id": "s"}, "s", False, True),
        ({"parent_trace_id": "p"}, "p", True, False),
        ({"parent_trace_id": "s"}, "s", True, True),
        ({}, "s", True, True),
        ({"root_trace_id": "", "parent_trace_id": ""}, "s", True, True),
        ({"root_trace_id": None, "parent_trace_id": None}, "s", True, True),
    ],
)
def test_the_trace_is_the_roots_else_the_parents_else_the_logs_own(
    ids: dict[str, str], trace_id: str, concluded: bool, root: bool
) -> None:
    span = read(**ids)
    assert (span.trace_id, bool(span.filled & Filled.TRACE), span.is_root) == (trace_id, concluded, root)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        (START, START_US),
        ("2026-11-21T18:53:26+00:00", START_US - 446_774),
        ("2026-11-21T18:53:26.446Z", START_US - 774),
        ("2026-11-21 18:53:26", START_US - 446_774),
        ("2026-11-21T20:53:26.446774999+02:00", START_US),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_every_form_of_time_is_read_as_utc_and_cut_to_microseconds(text: str, microseconds: int) -> None:
    assert read(start_timestamp=text).start_us == microseconds


@pytest.mark.parametrize(
    "fields",
    [
        {"trace_id": None},
        {"trace_id": ""},
        {"trace_id": 7},
        {"trace_id": "x" * 257},
        {"trace_id": "é" * 129},
        {"trace_id": "a\x00b"},
        {"trace_id": "a\ud800b"},
        {"parent_trace_id": "\x00"},
        {"root_trace_id": ["r"]},
        {"experiment_uuid": "x" * 257},
        {"start_timestamp": "yesterday"},
        {"start_timestamp": 1_700_000_000},
        {"start_timestamp": "9999-12-31T23:59:59-12:00"},
        {"start_timestamp": "1969-12-31T23:59:59Z"},
        {"end_timestamp": "later"},
        {"cost": "much"},
        {"cost": -0.01},
        {"cost": 100_000.01},
        {"cost": True},
        {"cost": [1]},
        {"input_tokens": 1.5},
        {"output_tokens": -1},
        {"total_tokens": 2**31},
        {"input_tokens": 10**400},
        {"latency": -1},
        {"latency": 366 * 86_400 + 1},
        {"time_to_first_token": "soon"},
        {"scores": [{"name": "a", "score": 1}] * 101},
        {"metadata": {"k": "x" * (256 * 1024)}},
    ],
)
def test_ids_times_and_numbers_that_cannot_be_used_are_refused_by_name(fields: dict[str, Any]) -> None:
    assert refusal(**fields) == next(iter(fields))


@pytest.mark.parametrize("unknown", ["NaN", "", "null", "None", None])
def test_a_number_that_is_not_known_never_costs_the_log(unknown: str | None) -> None:
    names = ("cost", "latency", "time_to_first_token", "input_tokens", "output_tokens", "total_tokens")
    span = read(**dict.fromkeys(names, unknown))
    assert (span.cost_pd, span.latency_us, span.ttft_us, span.prompt_tokens) == (None, None, None, None)
    assert read(time_to_first_token=0).ttft_us is None


def test_numbers_are_exact_and_whole_ones_may_be_floats() -> None:
    span = read(cost=0.0000975, latency=0.03498, input_tokens=11.0, output_tokens="7", total_tokens=19)
    assert (span.cost_pd, span.latency_us) == (97_500_000, 34_980)
    assert (span.prompt_tokens, span.completion_tokens, span.total_tokens) == (11, 7, 19)
    assert read(cost=100_000, latency=366 * 86_400).cost_pd == 10**17
    assert read().cost_pd is None


def test_scores_are_numbers_and_the_log_survives_those_that_are_not() -> None:
    scores = [
        {"name": "a", "score": 1, "evaluation_metric_id": 7, "reason": "why"},
        {"name": "b", "score": True},
        {"name": "b", "score": False, "reason": None},
        {"name": "null", "score": None},
        {"name": "absent"},
        {"name": "words", "score": "good"},
        {"name": "nan", "score": "NaN"},
        {"name": "huge", "score": 10**400},
        {"name": 5, "score": 1},
        {"score": 1},
        "nonsense",
    ]
    assert read(scores=scores).scores == [
        Score("a", 1.0, reason="why", metric_id=7, name="a"),
        Score("b", 1.0, name="b"),
        Score("b", 0.0, name="b"),
    ]
    assert read(scores=None).scores is None
    assert not read(scores=[]).scores


def test_long_names_are_cut_and_kept_whole_in_the_attributes() -> None:
    score, name, model = "s" + "é" * 150, "n" * 300, "m" * 300
    span = read(scores=[{"name": score, "score": 1}], trace_name=name, configuration={"model": model})
    assert span.scores == [Score("s" + "é" * 99, 1.0, name="s" + "é" * 99)]
    assert (span.name, span.model) == (name[:255], model[:255])
    attributes = span.attributes
    assert (attributes["long_score_names"], attributes["full_name"]) == ([score], name)
    assert attributes["full_model"] == model


def test_a_configuration_counts_only_with_a_model_or_messages() -> None:
    empty = {"model": None, "provider": None, "model_params": {"temp": 1.0}, "messages": None}
    assert "configuration" not in read(configuration=empty).attributes
    assert read(configuration={**empty, "messages": [{"role": "user", "content": "x"}]}).model is None
    span = read(configuration={**empty, "model": "gpt-4o", "provider": "openai"})
    assert (span.model, span.provider, span.is_llm_call) == ("gpt-4o", "openai", True)
    assert span.attributes["configuration"]["model_params"] == {"temp": 1.0}
    assert not read().is_llm_call


def test_text_that_cannot_be_stored_is_replaced_everywhere_but_in_ids() -> None:
    bad = "a\x00\ud800b"
    span = read(
        trace_name=bad,
        error=bad,
        output=bad,
        inputs={bad: [bad]},
        metadata={bad: {"k": bad}},
        tags=[bad],
        session_id=bad,
        scores=[{"name": bad, "score": 1, "reason": bad}],
        configuration={"model": bad},
    )
    everything = msgspec.json.encode(span).decode() + (span.input or "") + (span.output or "")
    assert "\\u0000" not in everything
    assert everything.count("a\ufffd\ufffdb") >= 12


def test_nulls_empties_and_unknown_fields_are_not_carried() -> None:
    span = read(
        metadata={"gone": None},
        tags=[],
        images=None,
        annotations={},
        evalFuncs=[None],
        comments=None,
        error="",
        inputs={},
        output=None,
        target=None,
        status=None,
        trace_name="",
    )
    assert (span.metadata, span.attributes, span.labels) == (None, {}, {})
    assert (span.input, span.output, span.error, span.status, span.name) == (None,) * 5


@pytest.mark.parametrize("text", [None, ""])
def test_a_missing_start_is_not_carried(text: str | None) -> None:
    assert read(start_timestamp=text).start_us is None


@pytest.mark.parametrize("field", sorted(set(TraceLog.__struct_fields__) - {"trace_id", "start_timestamp"}))
@settings(max_examples=examples(15))
@given(value=JSON)
def test_any_json_in_any_field_gives_a_span_or_names_that_field(field: str, value: object) -> None:
    body = json.dumps({"trace_id": "s", "start_timestamp": START, field: value}).encode()
    refused = None
    try:
        msgspec.json.encode(read_log(body))
    except InvalidInput as error:
        refused = error.problems[0].location[0]
    assert refused in (None, field)


@given(JSON | st.fixed_dictionaries({"trace_id": JSON, "start_timestamp": JSON}))
def test_any_json_body_without_usable_id_and_time_is_refused(value: object) -> None:
    try:
        read_log(json.dumps(value).encode())
    except InvalidInput:
        return
    assert isinstance(value, dict)
    assert isinstance(value["trace_id"], str)
    assert value["trace_id"]
    assert isinstance(value.get("start_timestamp"), str | None)


def test_fields_of_the_log_and_of_the_update_are_the_same() -> None:
    names = {"trace_id", "parent_trace_id", "root_trace_id", "experiment_uuid"}
    names |= {*ATTRIBUTES, *LABELS, "trace_name", "start_timestamp", "end_timestamp", "latency", "inputs"}
    names |= {"time_to_first_token", "input_tokens", "output_tokens", "total_tokens", "cost", "status", "error"}
    assert set(TraceLog.__struct_fields__) == names | {"output", "target", "metadata", "scores"}
