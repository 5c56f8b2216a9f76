"""What counts in a trace of any shape, against the rules written out; and a span added to a trace against all of it."""

from copy import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spanstats.domain.growth import Relatives, grow
from spanstats.domain.merge import settle
from spanstats.domain.reported_usage import usage_in
from spanstats.domain.span import Filled, Span, Uncounted
from spanstats.domain.trace import finish
from spanstats.domain.trace_fold import fold
from spanstats.domain.usage import count_usage
from tests.domain.usage_oracle import counted, totals
from tests.examples import examples

TOKENS = st.sampled_from([None, 0, 10, 20])
SPAN = st.builds(
    Span,
    trace_id=st.just("t"),
    span_id=st.just(""),
    usage_once=st.sampled_from([True, True, True, False]),
    kind=st.sampled_from([None, "chat", "chat", "generation", "agent", "agent", "task", "tool"]),
    model=st.sampled_from([None, "m"]),
    prompt_tokens=TOKENS,
    completion_tokens=st.sampled_from([None, 5, 5, 12]),
    total_tokens=st.sampled_from([None, None, 12, 22]),
    cache_read_tokens=st.sampled_from([None, None, 10]),
    cost_pd=st.sampled_from([None, None, 0, 7]),
    filled=st.sampled_from([0, Filled.COST]),
    response_id=st.sampled_from([None, None, "r1", "r2"]),
    start_us=st.sampled_from([0, 9_999, 10_000, 10_001, 100_000, 300_000]),
    end_us=st.sampled_from([300_000, 309_999, 310_000, 310_001, 600_000]),
    status=st.just("success"),
)


@st.composite
def trees(draw: st.DrawFn, *, circles: bool = False) -> list[Span]:
    """Spans below earlier ones, or any others, below one that never came, or roots, in any order."""
    spans = draw(st.lists(SPAN, min_size=1, max_size=9))
    for number, span in enumerate(spans):
        span.span_id = f"s{number}"
        parents = [f"s{n}" for n in range(len(spans) if circles else number)]
        span.parent_id = draw(st.sampled_from([None, "away", *parents, *parents, *parents]))
        if span.cost_pd is None:
            span.filled = 0
    return draw(st.permutations(spans))


def flags(span: Span) -> dict[str, bool]:
    return {
        "tokens": not span.uncounted & Uncounted.TOKENS,
        "cost": not span.uncounted & Uncounted.COST,
        "call": not span.uncounted & Uncounted.CALL,
    }


def shown(spans: list[Span], flags_by_span: dict[str, dict[str, bool]]) -> dict[str, dict[str, bool]]:
    """Only of what a span has: that nothing of it counts says nothing."""
    by_id = {s.span_id: s for s in spans}
    result = {}
    for span_id, flags_ in flags_by_span.items():
        span = by_id[span_id]
        has = {
            "tokens": bool(span.prompt_tokens or span.completion_tokens or span.total_tokens),
            "cost": span.cost_pd is not None,
            "call": span.is_llm_call,
        }
        result[span_id] = {name: counts for name, counts in flags_.items() if has[name]}
    return result


def line(s: Span) -> str:
    names: tuple[str, ...] = (
        "span_id",
        "parent_id",
        "usage_once",
        "kind",
        "model",
        "prompt_tokens",
        "completion_tokens",
        "cost_pd",
    )
    return " ".join(
        f"{n}={getattr(s, n)}" for n in (*names, "filled", "response_id", "start_us", "end_us", "uncounted")
    )


@settings(max_examples=examples(100), deadline=None)
@given(trees())
def test_what_counts_is_what_the_rules_say(spans: list[Span]) -> None:
    expected = counted(spans)
    count_usage(spans)
    ours = shown(spans, {s.span_id: flags(s) for s in spans})
    assert ours == shown(spans, expected), "\n".join(map(line, sorted(spans, key=lambda s: s.span_id)))
    trace = finish("t", fold(spans))
    assert {name: getattr(trace, name) for name in totals(spans)} == totals(spans)


@settings(max_examples=examples(100), deadline=None)
@given(trees() | trees(circles=True))
def test_what_counts_is_the_same_where_no_tree_is_kept(spans: list[Span]) -> None:
    with_tree = [copy(span) for span in spans]
    count_usage(with_tree)
    count_usage(spans, keeps_tree=False)
    assert spans == with_tree, "\n".join(map(line, spans))


@settings(max_examples=examples(100), deadline=None)
@given(trees() | trees(circles=True), st.data())
def test_a_span_that_is_added_to_a_trace_leaves_what_all_spans_together_make(spans: list[Span], data: Any) -> None:
    cut = data.draw(st.integers(1, len(spans)))
    here = [copy(span) for span in spans[:cut]]
    usage = usage_in(count_usage(here))
    near = Relatives()
    for span in here:
        near.add(span)
    for new in map(copy, spans[cut:]):
        here.append(new)
        if not grow(usage, new, near):
            usage = usage_in(count_usage(here))
        near.add(new)
        whole = [copy(span) for span in here]
        count_usage(whole)
        added = {s.span_id: s.uncounted for s in here}
        assert added == {s.span_id: s.uncounted for s in whole}, "\n".join(map(line, here))


def span(span_id: str, parent_id: str | None = None, **fields: Any) -> Span:
    unsettled = Span(
        trace_id="t", span_id=span_id, parent_id=parent_id, usage_once=True, start_us=1, end_us=9, **fields
    )
    return settle(unsettled, lambda s: 1_000 * s.prompt_tokens if s.model and s.prompt_tokens else None)


USAGE: dict[str, Any] = {"prompt_tokens": 100, "completion_tokens": 20}


def sums(*spans: Span) -> tuple[int, int, int | None, int]:
    trace = finish("t", fold(spans))
    return trace.prompt_tokens, trace.completion_tokens, trace.cost_pd, trace.n_llm_calls


def test_a_call_that_comes_after_the_calls_below_it_is_compared_with_each_of_them() -> None:
    inner = {"a": 10, "b": 20}
    for order in (["a", "b"], ["b", "a"]):
        for used in inner.values():
            call: dict[str, Any] = {"kind": "chat", "model": "m", "completion_tokens": 5}
            spans = [span(name, "outer", prompt_tokens=inner[name], **call) for name in order]
            usage, relatives = usage_in(count_usage(spans)), Relatives()
            outer = span("outer", "away", prompt_tokens=used, **call)
            spans.append(outer)
            if grow(usage, outer, relatives):
                assert outer.uncounted & Uncounted.TOKENS
            count_usage(spans)
            assert [bool(s.uncounted & Uncounted.TOKENS) for s in spans] == [False, False, True]


def test_an_aggregating_span_alone_counts() -> None:
    assert sums(span("a", kind="agent", model="m", **USAGE)) == (100, 20, 100_000, 0)
    assert sums(span("a", kind="workflow", **USAGE), span("b", "a", kind="tool")) == (100, 20, None, 0)


def test_an_aggregate_counts_nothing_where_a_call_below_it_has_usage_however_far() -> None:
    spans = [
        span("a", kind="workflow", model="m", **USAGE),
        span("b", "a", kind="agent"),
        span("c", "b", kind="step", **USAGE),
        span("d", "c", kind="chat", model="m", **USAGE),
    ]
    assert sums(*spans) == (100, 20, 100_000, 1)
    assert sums(*spans[:3]) == (100, 20, None, 0)


def test_of_aggregates_without_calls_the_innermost_counts() -> None:
    spans = [span("a", kind="workflow", **USAGE), span("b", "a", kind="task", prompt_tokens=90, completion_tokens=19)]
    assert sums(*spans) == (90, 19, None, 0)


def test_siblings_count_each() -> None:
    spans = [span("r", kind="agent"), *(span(i, "r", kind="chat", model="m", **USAGE) for i in "ab")]
    assert sums(*spans) == (200, 40, 200_000, 2)


def test_spans_below_each_other_in_a_circle_count_once() -> None:
    circle = [span("a", "b", kind="agent", **USAGE), span("b", "a", kind="agent", **USAGE)]
    assert sums(*circle)[:2] == (100, 20)


def test_a_call_that_two_instrumentations_watch_is_one() -> None:
    outer = span("a", kind="llm", model="m", **USAGE)
    assert sums(outer, span("b", "a", kind="llm", model="m", **USAGE)) == (100, 20, 100_000, 1)
    other_usage = span("b", "a", kind="llm", model="m", prompt_tokens=99, completion_tokens=20)
    assert sums(outer, other_usage)[0] == 199
    same_id = [span(i, kind="chat", model="m", response_id="r", **USAGE) for i in "ab"]
    assert sums(*same_id) == (100, 20, 100_000, 1)
    two_ids = [span("a", kind="chat", response_id="r", **USAGE), span("b", "a", kind="chat", response_id="q", **USAGE)]
    assert sums(*two_ids)[0] == 200


def test_of_one_call_the_cost_that_is_better_known_counts() -> None:
    outer = span("a", kind="llm", cost_pd=5, **USAGE)
    assert sums(outer, span("b", "a", kind="llm", model="m", **USAGE)) == (100, 20, 5, 1)
    assert sums(outer, span("b", "a", kind="llm", cost_pd=3, **USAGE)) == (100, 20, 3, 1)
    assert sums(span("a", kind="llm", model="m", **USAGE), span("b", "a", kind="llm", **USAGE))[2] == 100_000


def test_a_cost_that_a_span_sends_which_is_no_call_is_its_own() -> None:
    call = span("b", "a", kind="chat", model="m", **USAGE)
    for kind in ("tool", "agent"):
        assert sums(span("a", kind=kind, cost_pd=5), call) == (100, 20, 100_005, 1)


def test_logs_that_a_person_makes_count_as_they_were_sent() -> None:
    spans = [span("a", kind="agent", **USAGE), span("b", "a", kind="chat", **USAGE)]
    for each in spans:
        each.usage_once = False
    assert sums(*spans)[0] == 200


def beside(**unnamed: Any) -> list[Span]:
    """Anthropic's own client and an instrumentation of it tell of one call, below one span."""
    call: dict[str, Any] = {
        "trace_id": "t",
        "parent_id": "p",
        "kind": "chat",
        "usage_once": True,
        "completion_tokens": 20,
    }
    with_id = Span(span_id="n", response_id="msg_1", start_us=20_000, end_us=80_000, prompt_tokens=1850, **call)
    raw = {
        "start_us": 10_000,
        "end_us": 90_000,
        "prompt_tokens": 50,
        "cache_read_tokens": 1500,
        "cache_write_tokens": 300,
    }
    return [Span(span_id="p", trace_id="t", usage_once=True), with_id, Span(span_id="u", **{**call, **raw, **unnamed})]


def test_a_call_told_side_by_side_counts_once_where_one_of_the_two_knows_its_response_id() -> None:
    for spans in (beside(), beside(prompt_tokens=1850), beside(start_us=30_000, end_us=70_000)):
        count_usage(spans)
        assert [bool(s.uncounted & Uncounted.TOKENS) for s in spans] == [False, False, True]


def test_a_call_inside_a_call_is_one_where_only_one_of_them_counts_cached_tokens_as_input() -> None:
    inclusive = {"prompt_tokens": 1850}
    for first, second in (({}, inclusive), (inclusive, {}), ({}, {})):
        [_, _, outer], [_, _, inner] = beside(**first), beside(**second)
        inner.span_id, inner.parent_id = "i", "u"
        count_usage([outer, inner])
        assert [bool(s.uncounted & Uncounted.TOKENS) for s in (outer, inner)] == [True, False]


def test_a_call_inside_a_call_is_another_where_its_cached_tokens_do_not_explain_the_difference() -> None:
    for other in ({"prompt_tokens": 1849}, {"completion_tokens": 21}, {"cache_read_tokens": 0, "prompt_tokens": 1850}):
        [_, _, outer], [_, _, inner] = beside(cache_read_tokens=0), beside(**other)
        inner.span_id, inner.parent_id = "i", "u"
        count_usage([outer, inner])
        assert [s.uncounted & Uncounted.TOKENS for s in (outer, inner)] == [0, 0]


def test_a_call_inside_a_call_is_one_where_only_one_of_them_has_reasoning_in_the_output() -> None:
    for first, second in (((20, 220), (120, None)), ((120, 220), (20, 220)), ((20, 220), (20, 220))):
        outer, inner = (
            span(
                name,
                parent,
                kind="chat",
                model="m",
                prompt_tokens=100,
                completion_tokens=completion,
                total_tokens=total,
            )
            for name, parent, (completion, total) in (("a", None, first), ("b", "a", second))
        )
        count_usage([outer, inner])
        assert [bool(s.uncounted & Uncounted.TOKENS) for s in (outer, inner)] == [True, False]


def test_a_total_alone_counts_around_a_call_without_tokens() -> None:
    spans = [span("a", kind="chat", total_tokens=120), span("b", "a", kind="chat")]
    count_usage(spans)
    assert [s.uncounted for s in spans] == [0, 0]


def test_calls_side_by_side_both_count_where_they_differ() -> None:
    for spans in (
        beside(response_id="msg_2"),
        beside(start_us=9_000, end_us=69_000),
        beside(completion_tokens=21),
        beside(prompt_tokens=51),
        beside(parent_id="other"),
        beside(kind="embedding"),
        beside(usage_once=False),
        beside(filled=Filled.END),
    ):
        count_usage(spans)
        assert [s.uncounted & Uncounted.TOKENS for s in spans] == [0, 0, 0]
