"""The fold against the definition of every number, written out over the whole list of spans."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstats.domain.item_key import input_key, target_key
from spanstats.domain.keys import ExperimentKey
from spanstats.domain.merge import settle
from spanstats.domain.span import Filled, Score, Span
from spanstats.domain.trace import Trace, finish
from spanstats.domain.trace_fold import TraceFold, fold
from tests.examples import examples

SMALL = st.none() | st.integers(0, 4)
TEXT = st.none() | st.sampled_from(["a", "b"])

SPAN = st.builds(
    Span,
    trace_id=st.just("t"),
    span_id=st.just(""),
    received_us=st.integers(0, 9),
    parent_id=st.none() | st.sampled_from(["s0", "s1", "far"]),
    parent_is_remote=st.sampled_from([None, None, True]),
    name=TEXT,
    kind=st.none() | st.sampled_from(["chat", "task"]),
    model=TEXT,
    by_span_id=st.booleans(),
    status=st.none() | st.sampled_from(["success", "error", "running"]),
    error=TEXT,
    start_us=SMALL,
    end_us=SMALL,
    latency_us=SMALL,
    ttft_us=SMALL,
    prompt_tokens=SMALL,
    completion_tokens=SMALL,
    total_tokens=SMALL,
    cost_pd=SMALL,
    experiment_key=st.none() | st.integers(1, 3),
    input=st.sampled_from([None, "[]", '{"a": 1}', "2"]),
    target=st.sampled_from([None, '""', '"yes"', "2"]),
    metadata=st.none() | st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2)),
    labels=st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12")),
    scores=st.none() | st.lists(st.builds(Score, key=st.sampled_from("ab"), value=st.floats(0, 1)), max_size=2),
)


@st.composite
def traces(draw: st.DrawFn) -> list[Span]:
    spans = draw(st.lists(SPAN, min_size=1, max_size=6))
    ids = ["t", *(f"s{n}" for n in range(5))]
    for span_id, span in zip(draw(st.permutations(ids)), spans, strict=False):
        span.span_id = span_id
    return [settle(span, lambda _: None) for span in spans]


def earliest(spans: list[Span], value: Callable[[Span], Any]) -> Any:
    """The value of the earliest span that has one."""
    having = [s for s in spans if value(s) is not None]
    return value(min(having, key=lambda s: (s.start_us, s.span_id))) if having else None


def united(spans: list[Span], root: Span | None, of: Callable[[Span], dict[str, Any]]) -> dict[str, Any]:
    """The root's value of a key, else the earliest span's that has it."""
    keys = {key for s in spans for key in of(s)}
    own = of(root) if root else {}
    return {k: own[k] if k in own else earliest(spans, lambda s, k=k: of(s).get(k)) for k in keys}  # type: ignore[misc]


def is_untimed(span: Span) -> bool:
    return bool(span.filled & Filled.START and span.filled & Filled.END)


def known_end(span: Span) -> int:
    is_guessed = span.filled & Filled.END and span.latency_us is None
    return (span.start_us if is_guessed else span.end_us) or 0


def defined(spans: list[Span]) -> dict[str, Any]:
    roots = [s for s in spans if s.parent_id in (None, s.span_id) or s.span_id == s.trace_id]
    roots = roots or [s for s in spans if s.parent_is_remote]
    root = min(roots, key=lambda s: (s.start_us, s.span_id)) if roots else None
    start, end = min(s.start_us or 0 for s in spans), max(s.end_us or 0 for s in spans)
    costs = [s.cost_pd for s in spans if s.cost_pd is not None]
    models = {s.model for s in spans if s.model}
    completion = sum(s.completion_tokens or 0 for s in spans)
    latency = root.latency_us if root else max(0, end - start)
    if root and (timed := [s for s in spans if not is_untimed(s)]) and is_untimed(root):
        start, end = min(s.start_us or 0 for s in timed), max(known_end(s) for s in timed)
        latency = max(0, end - start) if root.latency_us is None else root.latency_us
    elif root:
        start, end = root.start_us or 0, root.end_us or 0
    failed = [s for s in spans if s.status == "error"]
    is_silent = root is None or (root.filled & Filled.STATUS and not root.by_span_id)
    by_time = sorted(spans, key=lambda s: (s is not root, s.start_us, s.span_id))
    return {
        "experiment_key": (root.experiment_key if root else None) or earliest(spans, lambda s: s.experiment_key),
        "has_root": root is not None,
        "root_span_id": root.span_id if root else None,
        "name": root.name if root else None,
        "status": root.status if root and not (is_silent and failed) else "error" if failed else "success",
        "start_us": start,
        "end_us": end,
        "latency_us": latency,
        "ttft_us": earliest(spans, lambda s: s.ttft_us),
        "tps": round(Fraction(completion * 10**9, latency)) if latency and completion else None,
        "prompt_tokens": sum(s.prompt_tokens or 0 for s in spans),
        "completion_tokens": completion,
        "total_tokens": sum(s.total_tokens or 0 for s in spans),
        "cost_pd": sum(costs) if costs else None,
        "n_spans": len(spans),
        "n_errors": len(failed),
        "n_llm_calls": sum(s.kind == "chat" or (s.kind is None and s.model is not None) for s in spans),
        "n_unpriced": sum(
            s.cost_pd is None and s.model is not None and any((s.prompt_tokens, s.completion_tokens, s.total_tokens))
            for s in spans
        ),
        "model": models.pop() if len(models) == 1 else None,
        "many_models": len(models) > 1,
        "labels": united(spans, root, lambda s: s.labels),
        "metadata": united(spans, root, lambda s: s.metadata or {}),
        "scores": [score for s in by_time for score in s.scores or []],
        "item_key": input_key(root.input) if root else "",
        "target_key": target_key(root.target) if root else None,
    }


def as_dict(trace: Trace) -> dict[str, Any]:
    return {f: getattr(trace, f) for f in Trace.__struct_fields__ if f != "trace_id"}


def test_a_span_below_another_process_is_the_root_only_where_no_other_is() -> None:
    fields: dict[str, Any] = {"trace_id": "t", "received_us": 0, "end_us": 9}
    top = settle(Span(span_id="top", start_us=2, **fields), lambda _: None)
    skewed = settle(Span(span_id="a", parent_id="top", parent_is_remote=True, start_us=1, **fields), lambda _: None)
    for spans in ([top, skewed], [skewed, top]):
        assert finish("t", fold(spans)).root_span_id == "top"
    assert finish("t", fold([skewed])).root_span_id == "a"


def test_what_the_root_says_goes_before_what_earlier_spans_say() -> None:
    child = Span(
        trace_id="t",
        span_id="c",
        parent_id="t",
        start_us=1,
        end_us=9,
        experiment_key=ExperimentKey(2),
        metadata={"k": "c"},
    )
    late = Span(
        trace_id="t",
        span_id="d",
        parent_id="t",
        start_us=3,
        end_us=4,
        experiment_key=ExperimentKey(3),
        labels={"l": "d"},
    )
    root = Span(
        trace_id="t",
        span_id="t",
        start_us=5,
        end_us=7,
        experiment_key=ExperimentKey(1),
        metadata={"k": "r"},
        name="main",
    )
    settled = [settle(span, lambda _: None) for span in (child, late, root)]
    trace = finish("t", fold(settled))
    assert (trace.experiment_key, trace.metadata, trace.labels, trace.start_us) == (1, {"k": "r"}, {"l": "d"}, 5)
    without_root = finish("t", fold(settled[:2]))
    assert (without_root.experiment_key, without_root.metadata, without_root.start_us) == (2, {"k": "c"}, 1)
    root.experiment_key = None
    assert finish("t", fold(settled)).experiment_key == 2


@settings(max_examples=examples(100))
@given(traces())
def test_every_number_of_a_trace_is_what_it_is_defined_to_be(spans: list[Span]) -> None:
    assert as_dict(finish("t", fold(spans))) == defined(spans)


@given(traces(), st.randoms())
def test_the_order_in_which_spans_arrive_changes_nothing(spans: list[Span], random: Any) -> None:
    expected = finish("t", fold(spans))
    random.shuffle(spans)
    assert finish("t", fold(spans)) == expected


@given(traces(), st.integers(0, 6))
def test_a_fold_goes_on_after_it_was_stored(spans: list[Span], cut: int) -> None:
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(fold(spans[:cut])), type=TraceFold)
    for span in spans[cut:]:
        stored.add(span)
    assert finish("t", stored) == finish("t", fold(spans))


def test_folds_share_nothing() -> None:
    one, other = TraceFold(), TraceFold()
    one.add(settle(Span(trace_id="t", span_id="s", labels={"a": "1"}, scores=[Score("a", 1.0)]), lambda _: None))
    assert (other.labels, other.scores) == ({}, [])
