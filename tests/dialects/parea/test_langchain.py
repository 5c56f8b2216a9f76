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
        {"llm_output": {"usage": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}}},
        {"usage_metadata": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}},
        {
            "generations": [
                [
                    {
                        "message": {
                            "kwargs": {
                                "response_metadata": {
                                    "token_usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
                                }
                            }
                        }
                    }
                ]
            ]
        },
        {
            "generations": [
                [
                    {
                        "generation_info": {
                            "usage_metadata": {
                                "prompt_token_count": 5,
                                "candidates_token_count": 2,
                                "total_token_count": 7,
                            }
                        }
                    }
                ]
            ]
        },
    ],
)
def test_token_counts_are_found_in_every_place_that_tracers_put_them(outputs: Any) -> None:
    [llm] = read({**LLM, "outputs": outputs})
    assert (llm.prompt_tokens, llm.completion_tokens, llm.total_tokens) == (5, 2, 7)


@pytest.mark.parametrize("count", [5.0, "5", " 5.0 ", "5e0"])
def test_a_whole_count_is_read_in_any_form_and_another_left_out(count: object) -> None:
    [llm] = read({**LLM, "outputs": {"llm_output": {"usage": {"input_tokens": count, "output_tokens": 2.5}}}})
    assert (llm.prompt_tokens, llm.completion_tokens) == (5, None)


def test_the_answers_of_a_call_repeat_its_usage_and_the_prompts_of_a_call_add_up() -> None:
    one = {"message": {"usage_metadata": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}}}
    [llm] = read({**LLM, "outputs": {"generations": [[one, one], [one]]}})
    assert (llm.prompt_tokens, llm.completion_tokens, llm.total_tokens) == (10, 4, 14)


def test_cached_audio_and_reasoning_tokens_are_found_with_the_count_that_says_whether_they_are_inside() -> None:
    details = {
        "cache_read": 1500,
        "cache_creation": 0,
        "ephemeral_5m_input_tokens": 200,
        "ephemeral_1h_input_tokens": 100,
    }
    metadata = {
        "input_tokens": 1850,
        "output_tokens": 20,
        "total_tokens": 1870,
        "input_token_details": {**details, "audio": 4},
        "output_token_details": {"reasoning": 10, "audio": 3},
    }
    raw = {"input_tokens": 50, "output_tokens": 20, "cache_read_input_tokens": 1500, "cache_creation_input_tokens": 300}
    outputs = {"generations": [[{"message": {"usage_metadata": metadata}}]], "llm_output": {"usage": raw}}
    [llm] = read({**LLM, "outputs": outputs})
    assert (llm.prompt_tokens, llm.cache_read_tokens, llm.cache_write_tokens) == (1850, 1500, 300)
    assert llm.attributes == {
        "cache_write_1h_tokens": 100,
        "input_audio_tokens": 4,
        "output_audio_tokens": 3,
        "reasoning_tokens": 10,
    }
    [llm] = read({**LLM, "outputs": {"llm_output": {"usage": raw}}})
    assert (llm.prompt_tokens, llm.cache_read_tokens, llm.cache_write_tokens) == (50, 1500, 300)
    assert llm.attributes == {"cached_beside_input": True}
    openai = {"prompt_tokens": 2000, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 1500}}
    [llm] = read({**LLM, "outputs": {"llm_output": {"token_usage": openai}}})
    assert (llm.prompt_tokens, llm.cache_read_tokens, llm.attributes) == (2000, 1500, {})


def test_counts_that_cannot_be_used_never_cost_the_run() -> None:
    usage = {"prompt_tokens": -1, "completion_tokens": 2**40, "total_tokens": 7, "cached_tokens": "many"}
    [llm] = read({**LLM, "outputs": {"llm_output": {"token_usage": usage}}})
    assert (llm.prompt_tokens, llm.completion_tokens, llm.total_tokens) == (None, None, 7)


def test_the_model_is_found_in_the_answer_where_the_call_does_not_name_it() -> None:
    message = {"kwargs": {"response_metadata": {"model_name": "gpt-4o-mini-2024-07-18"}}}
    [llm] = read({**LLM, "extra": {}, "outputs": {"generations": [[{"message": message}]]}})
    assert llm.model == "gpt-4o-mini-2024-07-18"


def test_the_first_token_is_told_by_the_events_of_the_run() -> None:
    run = {"id": "t", "run_type": "llm", "start_time": "2026-01-01T00:00:00Z"}
    events = [
        {"name": "start", "time": "2026-01-01T00:00:00Z"},
        {"name": "new_token", "time": "2026-01-01T00:00:00.3Z"},
    ]
    assert read({**run, "events": events})[0].ttft_us == 300_000
    assert read({**run, "events": [{"name": "new_token", "time": "soon"}]})[0].ttft_us is None


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
