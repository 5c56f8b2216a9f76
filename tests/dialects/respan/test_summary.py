"""Exact sums become the floats of Respan's summary, each by one division."""

import math
import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.dialects.respan.score_summary import ScoreSummary
from spanstats.dialects.respan.summary import SUMMARY_EXAMPLE, SummaryAnswer, summary_answer
from spanstats.stats.evaluators import Evaluator
from spanstats.stats.measures import ANSWERED
from spanstats.stats.summary import Summary
from spanstats.stats.sums import ScoreSums


def answer(scores: dict[str, ScoreSums] | None = None, **sums: int) -> SummaryAnswer:
    evaluators = {"key": Evaluator("id", "slug", "name", "boolean")}
    return summary_answer(
        Summary({**dict.fromkeys((a.name for a in ANSWERED), None), **sums}, scores or {}, evaluators)
    )


def score(sums: ScoreSums) -> ScoreSummary:
    return answer({"key": sums}).scores["key"]


def test_nothing_is_zeros_and_no_scores() -> None:
    members = answer().model_dump()
    assert members.keys() == SUMMARY_EXAMPLE.keys()
    assert members.pop("scores") == {}
    assert set(members.pop("missing").values()) == {0}
    assert set(members.values()) == {0}


@given(st.integers(1, 10**9), st.integers(0, 10**20), st.integers(0, 10**20))
def test_money_and_means_are_the_nearest_floats(count: int, cost: int, latency: int) -> None:
    summary = answer(
        n=count, cost_pd=cost, n_cost_pd=count, latency_us=latency, n_latency_us=count, tps=latency, n_tps=count
    )
    assert summary.total_count == summary.number_of_requests == count
    assert summary.total_cost == float(Fraction(cost, 10**12))
    assert summary.avg_latency == float(Fraction(latency, count * 10**6))
    assert summary.avg_tps == float(Fraction(latency, count * 1000))
    assert (summary.cost_count, summary.latency_count, summary.tps_count, summary.ttft_count) == (
        count,
        count,
        count,
        0,
    )


@given(st.lists(st.integers(-(9 * 10**18), 9 * 10**18), min_size=1, max_size=20))
def test_scores_agree_with_the_statistics_of_their_values(billionths: list[int]) -> None:
    squares = sum(v * v for v in billionths)
    sums = ScoreSums(len(billionths), sum(billionths), squares, min(billionths), max(billionths))
    figures, values = score(sums), [Fraction(v, 10**9) for v in billionths]
    assert figures.avg_score == float(statistics.mean(values))
    assert (figures.min_score, figures.max_score) == (float(min(values)), float(max(values)))
    assert (figures.count, figures.true_count, figures.false_count) == (len(values), None, None)
    if len(values) == 1:
        assert figures.standard_deviation is None
    else:
        assert figures.standard_deviation == pytest.approx(math.sqrt(statistics.variance(values)), rel=1e-12)


def test_equal_scores_do_not_spread() -> None:
    assert score(ScoreSums(3, 3 * 10**8, 3 * 10**16)).standard_deviation == 0


def test_booleans_are_counted_and_have_no_mean() -> None:
    figures = score(ScoreSums(n_true=2))
    assert (figures.true_count, figures.false_count, figures.avg_score, figures.count) == (2, 0, None, 2)
    assert (figures.evaluator_id, figures.evaluator_slug, figures.evaluator_name) == ("id", "slug", "name")
    assert figures.score_value_type == "boolean"


def test_texts_have_a_count_alone() -> None:
    figures = score(ScoreSums(n_text=4)).model_dump()
    assert figures.pop("count") == figures.pop("text_count") == 4
    assert figures.pop("trace_count") == figures.pop("missing_count") == 0
    described = {figures.pop(name) for name in ("evaluator_id", "evaluator_slug", "evaluator_name", "score_value_type")}
    assert None not in described
    assert set(figures.values()) == {None}


def test_an_evaluator_of_which_nothing_is_known_is_named_by_its_key() -> None:
    assert answer({"other": ScoreSums(n_text=1)}).scores["other"].evaluator_name == "other"


def test_the_mean_of_booleans_and_numbers_is_over_both() -> None:
    mixed = score(ScoreSums(n=2, total=3 * 10**9, squares=5 * 10**18, low=10**9, high=2 * 10**9, n_true=1, n_false=3))
    assert (mixed.avg_score, mixed.avg_score_count, mixed.count) == (4 / 6, 6, 6)
    assert (mixed.min_score, mixed.max_score, mixed.true_count, mixed.false_count) == (0, 2, 1, 3)
    assert mixed.standard_deviation == pytest.approx(statistics.stdev([1, 2, 1, 0, 0, 0]))
    booleans = score(ScoreSums(n_true=1, n_false=3, n_text=2))
    assert (booleans.avg_score, booleans.avg_score_count, booleans.text_count) == (None, None, 2)


def test_what_is_missing_is_what_no_count_counts() -> None:
    summary = answer(n=9, n_cost_pd=4, n_latency_us=9, n_tps=0, n_ttft_us=3)
    assert summary.missing.model_dump() == {"cost": 5, "latency": 0, "tps": 9, "ttft": 6}
