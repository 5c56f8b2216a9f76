import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from spanstats.dialects.respan.flat import read_batch, read_flat
from spanstats.domain.merge import merge, settle
from spanstats.domain.span import Span
from spanstats.errors import InvalidInput, TooLarge

from ..test_json_body import JSON

END = "2026-01-01T00:00:00Z"
END_US = 1_767_225_600_000_000


def read(**fields: Any) -> Span:
    return read_flat(json.loads(json.dumps(fields)))


def settled(**fields: Any) -> Span:
    span = read(**fields)
    span.received_us = END_US + 9
    return settle(span, lambda _: None)


def test_ids_are_kept_and_absent_ones_are_made() -> None:
    span = read(trace_unique_id="t", span_unique_id="s", span_parent_id="p")
    assert (span.trace_id, span.span_id, span.parent_id, span.is_root) == ("t", "s", "p", False)
    assert read(trace_unique_id="t", span_unique_id="t", span_parent_id="p").is_root
    one, other = read(), read()
    assert len({one.trace_id, other.trace_id, one.span_id, other.span_id}) == 4
    assert one.is_root
    assert read(span_unique_id="s").trace_id == "s"


def test_a_batch_keeps_its_good_spans_and_names_the_others() -> None:
    item = {"trace_unique_id": "t", "span_unique_id": "s"}
    batch = read_batch(json.dumps([{"trace_unique_id": "t"}, item, 5, {"span_unique_id": 7}]).encode())
    assert [span.trace_id for span in batch.spans] == ["t", "t"]
    assert batch.spans[0].span_id not in ("", "s")
    assert [(i, p.location) for i, p in batch.rejected] == [(2, ()), (3, ("span_unique_id",))]


def test_a_batch_is_a_list_or_lies_under_data() -> None:
    item = {"trace_unique_id": "t", "span_unique_id": "s"}
    assert len(read_batch(json.dumps([item]).encode()).spans) == 1
    assert len(read_batch(json.dumps({"data": [item, item]}).encode()).spans) == 2
    assert read_batch(b"[]").spans == []
    for body in (b"{}", b"5", b'{"data": {}}', b"nonsense"):
        with pytest.raises(InvalidInput):
            read_batch(body)
    with pytest.raises(TooLarge):
        read_batch(json.dumps([item] * 3).encode(), max_spans=2)


@pytest.mark.parametrize(
    ("fields", "start_us", "end_us", "latency_us"),
    [
        ({"timestamp": END, "latency": 0.5}, END_US - 500_000, END_US, 500_000),
        ({"timestamp": END, "generation_time": 0.5}, END_US - 500_000, END_US, 500_000),
        ({"timestamp": END}, END_US, END_US, None),
        ({"timestamp": END, "start_time": "2025-12-31T23:59:58Z"}, END_US - 2_000_000, END_US, 2_000_000),
        ({"timestamp": END, "start_time": "2025-12-31T23:59:58Z", "latency": 1}, END_US - 2_000_000, END_US, 1_000_000),
        ({"start_time": END, "latency": 1}, END_US, END_US + 1_000_000, 1_000_000),
        ({"latency": 0.5}, END_US + 9 - 500_000, END_US + 9, 500_000),
        ({}, END_US + 9, END_US + 9, None),
    ],
)
def test_the_timestamp_is_the_end_and_the_start_lies_the_latency_before(
    fields: dict[str, Any], start_us: int, end_us: int, latency_us: int | None
) -> None:
    span = settled(**fields)
    assert (span.start_us, span.end_us, span.latency_us) == (start_us, end_us, latency_us)


def repeated(earlier: dict[str, Any], later: dict[str, Any]) -> Span:
    return settle(merge(settled(**earlier), settled(**later)), lambda _: None)


def test_a_start_that_was_sent_is_not_overridden_by_one_that_a_repeat_implies() -> None:
    span = repeated({"start_time": "2025-12-31T23:59:50Z"}, {"timestamp": END, "latency": 2})
    assert (span.start_us, span.end_us, span.latency_us) == (END_US - 10_000_000, END_US, 2_000_000)


def test_a_start_that_was_implied_is_implied_again_by_what_a_repeat_carries() -> None:
    span = repeated({"timestamp": END, "latency": 2}, {"latency": 3})
    assert (span.start_us, span.end_us, span.latency_us) == (END_US - 3_000_000, END_US, 3_000_000)


def test_own_token_counts_come_before_the_usage_block_and_are_never_added() -> None:
    usage = {"prompt_tokens": 1, "output_tokens": 2, "total_tokens": 9, "cache_read_input_tokens": 4}
    span = read(prompt_tokens=5, usage=usage, prompt_cache_creation_tokens=6)
    assert (span.prompt_tokens, span.completion_tokens, span.total_tokens) == (5, 2, 9)
    assert (span.cache_read_tokens, span.cache_write_tokens) == (4, 6)
    assert read(prompt_tokens=0, usage=usage).prompt_tokens == 0
    assert read(usage={"prompt_tokens_details": {"cached_tokens": 3}}).cache_read_tokens == 3
    assert read(usage=5).prompt_tokens is None


def test_money_is_exact_and_unit_prices_are_per_million_tokens() -> None:
    span = read(cost=0.1, prompt_unit_price=2.5, completion_unit_price="10", time_to_first_token=0.25)
    assert (span.cost_pd, span.prompt_price_pd, span.completion_price_pd) == (10**11, 25 * 10**11, 10**13)
    assert span.ttft_us == 250_000
    assert read(ttft=0.5).ttft_us == 500_000
    assert read(cost=0).cost_pd == 0


@pytest.mark.parametrize("wrapper", ["respan_params", "keywordsai_params"])
def test_wrapped_keys_are_laid_over_the_others(wrapper: str) -> None:
    span = read(model="a", customer_identifier="c", **{wrapper: {"model": "b", "customer_identifier": None}})
    assert (span.model, span.labels) == ("b", {"customer_identifier": "c"})


def test_labels_metadata_and_the_rest_find_their_places() -> None:
    span = read(
        span_name="n",
        span_workflow_name="w",
        log_type="Chat",
        model="gpt-4o",
        customer_params={"customer_identifier": "c", "email": "e", "name": "x"},
        group_identifier="g",
        thread_identifier=7,
        environment="prod",
        metadata={"experiment_id": "exp", "comparison_key": "k", "n": 1, "gone": None},
        properties={"p": 1},
        tokens_per_second=9.5,
        prompt_id="p1",
        field_name="data: ",
        delimiter="\n\n",
        input={"q": 1},
        output=["a"],
    )
    assert (span.name, span.workflow_name, span.kind, span.experiment_id) == ("n", "w", "chat", "exp")
    assert span.labels == {
        "customer_identifier": "c",
        "customer_email": "e",
        "customer_name": "x",
        "trace_group_identifier": "g",
        "thread_identifier": "7",
        "environment": "prod",
        "comparison_key": "k",
    }
    assert span.metadata == {"experiment_id": "exp", "comparison_key": "k", "n": 1}
    assert span.attributes == {"properties": {"p": 1}, "tokens_per_second": 9.5, "prompt_id": "p1"}
    assert (span.input, span.output) == ('{"q":1}', '["a"]')


@pytest.mark.parametrize(
    ("fields", "experiment"),
    [
        ({"metadata": {"experiment_id": "m"}, "experiment_id": "f", "evaluation_identifier": "v"}, "m"),
        ({"experiment_id": "f", "evaluation_identifier": "v"}, "f"),
        ({"evaluation_identifier": "v"}, "v"),
    ],
)
def test_the_experiment_is_the_metadatas_then_the_keys_then_the_evaluations(fields: Any, experiment: str) -> None:
    assert read(**fields).experiment_id == experiment


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "failed"}, "error"),
        ({"status": "completed"}, "success"),
        ({"status": "Success", "status_code": 500}, "success"),
        ({"status_code": 400}, "error"),
        ({"status_code": "429"}, "error"),
        ({"status_code": 200}, "success"),
        ({"error_message": "x"}, "error"),
        ({"status": "warning"}, "warning"),
        ({}, "success"),
    ],
)
def test_status_is_as_sent_else_follows_code_and_error(fields: Any, status: str) -> None:
    assert settled(**fields).status == status


def test_content_can_be_switched_off_and_nothing_else_with_it() -> None:
    span = read(disable_log=True, input="i", output="o", prompt_tokens=3, cost=1)
    assert (span.input, span.output, span.prompt_tokens, span.cost_pd) == (None, None, 3, 10**12)


@pytest.mark.parametrize(
    "field",
    ["cost", "latency", "prompt_tokens", "time_to_first_token", "prompt_unit_price", "timestamp", "start_time"],
)
@pytest.mark.parametrize("value", [True, "x", -1, 10**400, [1], {"a": 1}])
def test_unusable_numbers_and_times_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(**{field: value})
    assert refused.value.problems[0].location == (field,)


@pytest.mark.parametrize("field", ["trace_unique_id", "span_unique_id", "span_parent_id", "experiment_id"])
@pytest.mark.parametrize("value", ["a\x00b", "\ud800", "x" * 257])
def test_unusable_ids_are_refused_by_name(field: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_flat({field: value})
    assert refused.value.problems[0].location == (field,)


def test_text_that_cannot_be_stored_is_replaced() -> None:
    span = read(span_name="\x00", input="\x00", metadata={"\x00": "\x00"}, environment="\x00", warnings=["\x00"])
    assert "\\u0000" not in msgspec.json.encode(span).decode() + (span.input or "")


@given(JSON, JSON)
def test_any_json_gives_a_span_or_is_refused(value: Any, other: Any) -> None:
    names = ["usage", "metadata", "input", "output", "log_type", "scores", "customer_params", "respan_params", "model"]
    items = [value, *({name: value, "log_type": "score", "output": other} for name in names)]
    for item in items:
        try:
            msgspec.json.encode(read_flat(item))
        except InvalidInput:
            continue
