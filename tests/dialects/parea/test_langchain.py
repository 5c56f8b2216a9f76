import json
from typing import Any

import pytest
from hypothesis import given

from spanstats.dialects.parea.langchain import read_run
from spanstats.domain.merge import merge, settle
from spanstats.domain.span import Filled, Span
from spanstats.errors import InvalidInput

from ..test_json_body import JSON


def settled(span: Span) -> Span:
    return settle(span, lambda _: None)


LLM: dict[str, Any] = {
    "id": "llm",
    "trace_id": "chain",
    "parent_run_id": "chain",
    "name": "ChatOpenAI",
    "run_type": "llm",
    "start_time": "2026-11-21T18:53:26.100000+00:00",
    "end_time": "2026-11-21T18:53:26.600000+00:00",
    "inputs": {"messages": [["hi"]]},
    "outputs": {"llm_output": {"token_usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}}},
    "extra": {"invocation_params": {"model": "gpt-4o", "_type": "openai-chat"}},
}
TOP: dict[str, Any] = {
    "id": "chain",
    "trace_id": "chain",
    "parent_run_id": None,
    "name": "RunnableSequence",
    "run_type": "chain",
    "start_time": "2026-11-21T18:53:26+00:00",
    "end_time": "2026-11-21T18:53:27+00:00",
    "outputs": {"output": "yo"},
    "error": None,
    "child_runs": [LLM],
    "_parea_root_trace_id": "root",
    "_parea_parent_trace_id": "caller",
    "_session_id": "s1",
    "_tags": ["t"],
    "_metadata": {"k": "v", "gone": None},
    "project_uuid": "p",
    "experiment_uuid": "e",
}


def read(run: Any) -> list[Span]:
    return read_run(json.dumps(run).encode())


def test_nested_runs_become_spans_of_the_same_trace_and_experiment() -> None:
    top, llm = read(TOP)
    assert (top.span_id, top.trace_id, top.parent_id, top.experiment_id) == ("chain", "root", "caller", "e")
    assert (llm.span_id, llm.trace_id, llm.parent_id, llm.experiment_id) == ("llm", "root", "chain", "e")
    assert top.by_span_id
    assert llm.by_span_id
    assert top.labels == {"project_id": "p", "session_identifier": "s1"}
    assert (top.metadata, top.attributes) == ({"k": "v"}, {"tags": ["t"]})
    assert (top.status, top.kind, top.output) == (None, "chain", '{"output":"yo"}')
    assert (top.end_us or 0) - (top.start_us or 0) == 1_000_000


def test_tokens_and_model_are_those_of_llm_runs_alone_and_no_cost_is_known() -> None:
    counted = {**TOP, "outputs": LLM["outputs"], "extra": LLM["extra"]}
    top, llm = read(counted)
    assert (top.model, top.prompt_tokens, top.total_tokens) == (None, None, None)
    assert (llm.model, llm.provider) == ("gpt-4o", "openai")
    assert (llm.prompt_tokens, llm.completion_tokens, llm.total_tokens, llm.cost_pd) == (11, 7, 18, None)
    assert llm.is_llm_call


@pytest.mark.parametrize(
    "outputs",
    [
        {
            "generations": [
                [{"message": {"usage_metadata": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}}}]
            ]
        },
        {
            "generations": [
                {"message": {"kwargs": {"usage_metadata": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}}}}
            ]
        },
        {"llmOutput": {"tokenUsage": {"promptTokens": 5, "completionTokens": 2, "totalTokens": 7}}},
    ],
)
def test_token_counts_are_found_in_every_place_that_tracers_put_them(outputs: Any) -> None:
    [llm] = read({**LLM, "outputs": outputs})
    assert (llm.prompt_tokens, llm.completion_tokens, llm.total_tokens) == (5, 2, 7)


def test_typescript_sends_milliseconds_and_only_the_top_run() -> None:
    child = {"id": "c", "run_type": "llm", "start_time": 1_795_287_206_100, "end_time": 1_795_287_206_600.5}
    top, nested = read({"id": "t", "start_time": 1_795_287_206_000, "child_runs": [child], "project_uuid": "p"})
    assert (top.trace_id, top.is_root) == ("t", True)
    assert (nested.trace_id, nested.parent_id) == ("t", "t")
    assert (nested.start_us, nested.end_us) == (1_795_287_206_100_000, 1_795_287_206_600_500)
    assert top.filled == nested.filled == Filled.TRACE


def test_a_run_that_failed_says_so() -> None:
    [span] = read({**LLM, "error": "boom"})
    assert (settled(span).status, span.error) == ("error", "boom")
    assert settled(read(LLM)[0]).status == "success"


def test_a_repeat_that_says_nothing_of_an_error_does_not_call_the_run_a_success() -> None:
    [failed], [repeat] = read({**LLM, "error": "boom"}), read(LLM)
    assert settled(merge(failed, repeat)).status == "error"


@pytest.mark.parametrize(
    ("change", "location"),
    [
        ({"id": None}, ("id",)),
        ({"id": "a\x00"}, ("id",)),
        ({"start_time": "never"}, ("start_time",)),
        ({"start_time": 10**30}, ("start_time",)),
        ({"child_runs": [{"id": 5}]}, ("child_runs", 0, "id")),
    ],
)
def test_ids_and_times_that_cannot_be_used_are_refused_where_they_stand(change: Any, location: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        read({**TOP, **change})
    assert refused.value.problems[0].location == location


@given(JSON)
def test_any_json_gives_spans_or_is_refused(value: object) -> None:
    for body in (value, {"id": "x", "run_type": "llm", "outputs": value, "extra": value, "child_runs": value}):
        try:
            read(body)
        except InvalidInput:
            continue
