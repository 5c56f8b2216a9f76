import json
from typing import Any

import pytest

from spanstats.dialects.respan.evaluator import add_evaluator_scores
from spanstats.domain.span import Score, Span
from spanstats.errors import InvalidInput


def scores(output: Any, **fields: Any) -> list[Score] | None:
    span = Span(trace_id="t", span_id="s", output=json.dumps(output), **{"kind": "score", **fields})
    add_evaluator_scores(span)
    return span.scores


def test_results_stand_under_the_evaluators_slug() -> None:
    read = scores({"quality": {"primary_score": 0.9, "evaluator_id": "id"}, "safe": {"primary_score": True}, "x": 5})
    assert read == [
        Score("id", 0.9, evaluator_id="id", slug="quality", source="evaluator"),
        Score("safe", 1.0, "boolean", slug="safe", source="evaluator"),
    ]


def test_a_workflows_result_stands_under_output_and_the_slug_is_in_the_spans_name() -> None:
    result = {"primary_score": 4, "evaluator_id": "id", "evaluator_name": "Quality", "score_value_type": "percentage"}
    read = scores({"workflow_type": "eval", "output": result}, kind="custom", name="evaluator.quality")
    assert read == [
        Score("id", 4.0, "percentage", evaluator_id="id", slug="quality", name="Quality", source="evaluator")
    ]


@pytest.mark.parametrize(
    ("primary", "named_type", "value", "text", "value_type"),
    [
        ("good", None, None, "good", "text"),
        (["a", "b"], None, None, '["a","b"]', "categorical"),
        (["a"], "multi_select", None, '["a"]', "multi_select"),
        ({"a": 1}, None, None, '{"a":1}', "json"),
        (False, "boolean", 0.0, None, "boolean"),
        (1, "text", 1.0, None, "numerical"),
        ("x", "numerical", None, "x", "text"),
        ("0.5", "numerical", 0.5, None, "numerical"),
        ("50", "percentage", 50.0, None, "percentage"),
        ("0.5", None, None, "0.5", "text"),
        (1, "unheard of", 1.0, None, "numerical"),
        (10**400, "numerical", None, str(10**400), "json"),
    ],
)
def test_a_score_has_a_number_or_text_and_the_type_that_fits(
    primary: Any, named_type: str | None, value: float | None, text: str | None, value_type: str
) -> None:
    [score] = scores({"e": {"primary_score": primary, "score_value_type": named_type}}) or []
    assert (score.value, score.text, score.value_type) == (value, text, value_type)


def test_a_result_that_names_no_evaluator_is_named_after_its_span() -> None:
    read = scores({"primary_score": 0.5}, name="judge")
    assert read == [Score("judge", 0.5, name="judge", source="evaluator")]
    assert [s.key for s in scores({"primary_score": 1, "evaluator_name": "Quality"}, name="judge") or []] == ["Quality"]
    assert scores({"primary_score": 0.5}) is None


def test_a_span_has_at_most_a_hundred_scores() -> None:
    assert len(scores({f"e{n}": {"primary_score": n} for n in range(100)}) or []) == 100
    with pytest.raises(InvalidInput, match="at most 100 scores"):
        scores({f"e{n}": {"primary_score": n} for n in range(101)})


def test_the_output_may_be_json_text() -> None:
    assert [s.key for s in scores('{"quality": {"primary_score": 1}}') or []] == ["quality"]


@pytest.mark.parametrize("output", [None, 5, "words", [], [1], {}, {"e": {"primary_score": None}}, {"e": {"score": 1}}])
def test_an_output_without_a_result_has_no_score(output: Any) -> None:
    assert scores(output) is None


def test_other_spans_are_left_alone() -> None:
    assert scores({"quality": {"primary_score": 1}}, kind="task", name="quality") is None
