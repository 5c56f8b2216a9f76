import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from spanstats.dialects.parea.stats import stats_entry
from spanstats.domain.span import Score, Span
from spanstats.domain.trace import Trace

from ..recorded import traces_of


def trace(**fields: object) -> Trace:
    return traces_of([Span(trace_id="t", span_id="t", start_us=0, **fields)])["t"]  # type: ignore[arg-type]


def test_an_entry_has_exactly_the_keys_of_the_schema() -> None:
    scored = trace(
        latency_us=34_980,
        prompt_tokens=22,
        completion_tokens=14,
        cost_pd=195_000_000,
        scores=[Score("exact", 0.0, reason="r", metric_id=3, name="exact")],
    )
    assert json.loads(stats_entry(scored)) == {
        "trace_id": "t",
        "latency": 0.03498,
        "input_tokens": 22,
        "output_tokens": 14,
        "total_tokens": 36,
        "cost": 0.000195,
        "scores": [{"name": "exact", "score": 0.0, "evaluation_metric_id": 3, "reason": "r"}],
    }


def test_unknown_cost_and_latency_are_null_and_scores_are_a_list() -> None:
    entry = json.loads(stats_entry(trace()))
    assert (entry["cost"], entry["latency"], entry["scores"], entry["total_tokens"]) == (None, None, [], 0)


def test_scores_without_a_number_are_left_out_and_names_fall_back() -> None:
    scores = [
        Score("id", 1.0, "boolean", slug="slug", evaluator_id="id"),
        Score("id2", 2.0),
        Score("id3", 3.0, name="name", slug="slug"),
        Score("text", None, "text", text="good"),
    ]
    entry = json.loads(stats_entry(trace(scores=scores)))
    assert [(s["name"], s["score"]) for s in entry["scores"]] == [("slug", 1.0), ("id2", 2.0), ("name", 3.0)]


@given(st.integers(0, 2**62), st.integers(0, 2**50))
def test_money_and_time_are_the_doubles_nearest_to_the_exact_value(cost_pd: int, latency_us: int) -> None:
    entry = json.loads(stats_entry(trace(cost_pd=cost_pd, latency_us=latency_us)))
    assert entry["cost"] == float(Decimal(cost_pd).scaleb(-12))
    assert entry["latency"] == float(Decimal(latency_us).scaleb(-6))
