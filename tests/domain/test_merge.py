from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.domain.merge import carried, merge, override, settle
from spanstats.domain.span import Filled, Score, Span

ARRIVAL_US = 1_000_000
COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens", "cost_pd")
SMALL = st.none() | st.integers(0, 3)
TEXT = st.none() | st.sampled_from(["a", "b"])


def make(**fields: Any) -> Span:
    return Span(**{"trace_id": "t", "span_id": "s", "received_us": ARRIVAL_US, **fields})


SPANS = st.builds(
    Span,
    trace_id=st.just("t"),
    span_id=st.just("s"),
    received_us=st.just(ARRIVAL_US),
    name=TEXT,
    model=TEXT,
    status=st.none() | st.sampled_from(["success", "error"]),
    error=TEXT,
    start_us=SMALL,
    end_us=SMALL,
    latency_us=SMALL,
    prompt_tokens=SMALL,
    completion_tokens=SMALL,
    total_tokens=SMALL,
    cost_pd=SMALL,
    metadata=st.none() | st.dictionaries(st.sampled_from("xy"), st.integers(0, 2)),
    labels=st.dictionaries(st.sampled_from("xy"), st.sampled_from("12")),
    attributes=st.dictionaries(st.sampled_from("xy"), st.integers(0, 2)),
    scores=st.none() | st.lists(st.builds(Score, key=st.sampled_from("ab"), value=st.floats(0, 1)), max_size=2),
)


def price(span: Span) -> int | None:
    """Knows one model; what it costs depends on the tokens, so a price must be worked out again after a merge."""
    return 7 + 10 * (span.prompt_tokens or 0) if span.model == "a" else None


def wanted(field: str, earlier: Any, later: Any) -> Any:
    """What a later value does to an earlier one, rule by rule."""
    if later is None or later in ([], {}):
        return earlier
    if field in COUNTS and later == 0:
        return earlier or later
    return later


FIELDS = (*COUNTS, "name", "model", "status", "error", "start_us", "end_us", "latency_us", "metadata", "scores")


@given(SPANS, SPANS)
def test_what_the_later_span_carries_wins_field_by_field(earlier: Span, later: Span) -> None:
    result = merge(earlier, later)
    for field in FIELDS:
        assert getattr(result, field) == wanted(field, getattr(earlier, field), getattr(later, field)), field
    assert result.labels == earlier.labels | later.labels
    assert result.attributes == earlier.attributes | later.attributes


@given(SPANS, SPANS)
def test_a_repeat_changes_nothing(earlier: Span, later: Span) -> None:
    once = merge(earlier, later)
    assert merge(once, later) == once
    assert merge(later, later) == carried(later)


@given(SPANS, SPANS)
def test_values_that_we_filled_in_never_count_as_sent(earlier: Span, later: Span) -> None:
    plain = merge(earlier, later)
    filled = merge(settle(merge(earlier, earlier), price), settle(merge(later, later), price))
    assert filled == plain


@given(SPANS)
def test_settling_twice_is_settling_once_and_what_was_sent_stays(span: Span) -> None:
    before = carried(span)
    once = settle(carried(span), price)
    assert carried(once) == before
    assert settle(settle(carried(span), price), price) == once
    assert once.start_us is not None
    assert once.end_us is not None
    assert once.status is not None


def test_a_zero_counts_where_nothing_was_known_and_never_erases() -> None:
    for field in COUNTS:
        assert getattr(merge(make(**{field: 5}), make(**{field: 0})), field) == 5
        assert getattr(merge(make(), make(**{field: 0})), field) == 0
        assert getattr(merge(make(**{field: 5}), make(**{field: 3})), field) == 3
    assert merge(make(latency_us=5), make(latency_us=0)).latency_us == 0


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("cached_beside_input", {"cache_read_tokens": 5}),
        ("cached_beside_input", {"cache_write_tokens": 5}),
        ("reasoning_beside_output", {"attributes": {"reasoning_tokens": 5}}),
        ("audio_beside", {"attributes": {"input_audio_tokens": 5}}),
        ("audio_beside", {"attributes": {"output_audio_tokens": 5}}),
    ],
)
def test_how_counts_were_meant_holds_until_they_are_sent_again(name: str, counts: dict[str, Any]) -> None:
    details = {**counts.get("attributes", {}), name: True}
    beside, inside = make(**{**counts, "attributes": details}), make(**counts)
    assert name not in merge(beside, inside).attributes
    assert merge(inside, beside).attributes[name] is True
    assert merge(beside, make(prompt_tokens=5)).attributes[name] is True


def test_a_span_that_names_its_trace_moves_and_one_that_does_not_stays() -> None:
    concluded = make(trace_id="own", filled=Filled.TRACE)
    with_trace = make(trace_id="root")
    assert merge(concluded, with_trace).trace_id == "root"
    assert merge(with_trace, concluded).trace_id == "root"
    assert merge(with_trace, make(trace_id="other")).trace_id == "other"


@pytest.mark.parametrize(
    ("fields", "start", "end", "latency"),
    [
        ({}, ARRIVAL_US, ARRIVAL_US, None),
        ({"start_us": 10, "end_us": 25}, 10, 25, 15),
        ({"start_us": 10, "end_us": 25, "borrow": 1}, 10, 25, 14),
        ({"start_us": 25, "end_us": 10}, 25, 10, 0),
        ({"start_us": 10, "end_us": 25, "latency_us": 99}, 10, 25, 99),
        ({"start_us": 10, "latency_us": 5}, 10, 15, 5),
        ({"latency_us": 5}, ARRIVAL_US - 5, ARRIVAL_US, 5),
        ({"start_us": 10}, 10, ARRIVAL_US, None),
        ({"end_us": 25}, 25, 25, None),
    ],
)
def test_missing_times_and_latency_are_filled_in(fields: Any, start: int, end: int, latency: int | None) -> None:
    span = settle(make(**fields), price)
    assert (span.start_us, span.end_us, span.latency_us) == (start, end, latency)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "success"),
        ({"error": "x"}, "error"),
        ({"status_code": 400}, "error"),
        ({"status_code": 399}, "success"),
        ({"status": "success", "error": "x"}, "success"),
        ({"status": "running"}, "running"),
    ],
)
def test_a_missing_status_follows_the_error(fields: Any, status: str) -> None:
    assert settle(make(**fields), price).status == status


def test_cost_is_priced_only_where_none_was_sent() -> None:
    assert settle(make(model="a", prompt_tokens=2), price).cost_pd == 27
    assert settle(make(model="a", cost_pd=0), price).cost_pd == 0
    assert settle(make(model="b"), price).cost_pd is None
    later = merge(settle(make(model="a", prompt_tokens=2), price), make(prompt_tokens=5))
    assert settle(later, price).cost_pd == 57


def test_a_patch_replaces_exactly_what_it_names_null_included() -> None:
    span = settle(make(name="n", cost_pd=5, output='"x"', labels={"a": "1", "b": "2"}, attributes={"x": 1}), price)
    result = override(span, {"cost_pd": 0, "output": None, "labels": {"a": None, "c": "3"}, "attributes": {"x": 2}})
    assert (result.name, result.cost_pd, result.output) == ("n", 0, None)
    assert (result.labels, result.attributes) == ({"b": "2", "c": "3"}, {"x": 2})
    assert override(result, {}) == carried(result)


@pytest.mark.parametrize(
    ("fields", "cost_pd"),
    [
        ({}, 57),
        ({"by_span_id": False}, 0),
        ({"model": "unknown"}, 0),
        ({"prompt_tokens": 0}, 0),
        ({"prompt_tokens": None, "completion_tokens": 3}, 7),
        ({"cost_pd": 1}, 1),
        ({"attributes": {"cache_hit": True}}, 0),
        ({"attributes": {"cache_hit": False}}, 57),
    ],
)
def test_a_cost_of_zero_for_tokens_of_a_priced_model_is_no_cost_in_pareas_dialect(
    fields: dict[str, Any], cost_pd: int
) -> None:
    values = {"by_span_id": True, "model": "a", "prompt_tokens": 5, "cost_pd": 0, **fields}
    once = settle(make(**values), price)
    assert once.cost_pd == cost_pd
    assert settle(merge(once, make(**values)), price).cost_pd == cost_pd
