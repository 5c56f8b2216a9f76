"""Experiments as Parea lists them."""

import json
from typing import Any

import pytest

from spanstats.catalog.experiments import Experiment
from spanstats.dialects.parea.experiments import listed
from spanstats.domain.values import NANO
from spanstats.stats.evaluators import Evaluator
from spanstats.stats.summary import Summary
from spanstats.stats.sums import ScoreSums

CREATED_US = 1_767_225_600_000_001
NOTHING = dict.fromkeys(
    ("n", "cost_pd", "n_cost_pd", "total_tokens", "completion_tokens", "prompt_tokens", "latency_us", "n_latency_us"), 0
)


def experiment(**fields: Any) -> Experiment:
    values: dict[str, Any] = dict.fromkeys(Experiment.__dataclass_fields__)
    return Experiment(**{**values, "key": 1, "id": "e", "created": True, "created_at": CREATED_US, **fields})


def read(summary: Summary, **fields: Any) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(listed(experiment(**fields), summary))
    return entry


def summary(
    scores: dict[str, ScoreSums] | None = None, evaluators: dict[str, Evaluator] | None = None, **sums: int
) -> Summary:
    return Summary({**NOTHING, **sums}, scores or {}, evaluators or {})


def test_means_stand_in_the_units_and_under_the_names_of_the_dialect() -> None:
    sums = {"n": 4, "cost_pd": 3, "n_cost_pd": 2, "total_tokens": 10, "completion_tokens": 6, "prompt_tokens": 4}
    entry = read(summary({}, {}, **sums, latency_us=1_500_001, n_latency_us=3))
    assert entry["num_samples"] == 4
    assert [(s["var1"], s["operation"], s["value"], s["var2"]) for s in entry["pinned_stats"]] == [
        ("Cost", "mean", 1.5e-12, None),
        ("Total Tokens", "mean", 2.5, None),
        ("Output Tokens", "mean", 1.5, None),
        ("Input Tokens", "mean", 1.0, None),
        ("Latency", "mean", 1_500_001 / 3e6, None),
    ]


def test_scores_of_one_name_have_one_mean_and_those_without_a_number_none() -> None:
    scores = {
        "id-1": ScoreSums(n=2, total=3 * NANO),
        "id-2": ScoreSums(n=1, total=NANO, n_true=1, n_false=2),
        "words": ScoreSums(n_text=5),
        "plain": ScoreSums(n=1, total=-NANO // 4),
    }
    evaluators = {"id-1": Evaluator(name="quality"), "id-2": Evaluator(slug="quality"), "plain": Evaluator()}
    stats = read(summary(scores, evaluators))["pinned_stats"]
    assert [(s["var1"], s["value"]) for s in stats] == [("plain", -0.25), ("quality", 5 / 6)]


def test_what_the_run_said_of_the_whole_dataset_comes_last() -> None:
    dataset_stats = [{"name": "f1", "score": 0.5, "reason": "r"}, {"name": "f1", "score": 2, "reason": None}]
    stats = read(summary(n=1), dataset_stats=dataset_stats)["pinned_stats"]
    assert [(s["var1"], s["operation"], s["value"]) for s in stats[-2:]] == [
        ("f1", "custom", 0.5),
        ("f1", "custom", 2.0),
    ]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        *((word, word) for word in ("pending", "running", "completed", "failed")),
        *((None, "running"), ("error", "failed"), ("success", "completed"), ("archived", "running")),
    ],
)
def test_the_status_is_always_a_word_that_readers_know(status: str | None, word: str) -> None:
    assert read(summary(), status=status)["status"] == word


def test_texts_are_never_null() -> None:
    entry = read(summary())
    assert {name: entry[name] for name in ("name", "run_name", "project_uuid", "is_public", "metadata")} == {
        "name": "e",
        "run_name": "",
        "project_uuid": "",
        "is_public": False,
        "metadata": None,
    }
    assert entry["created_at"] == "2026-01-01T00:00:00.000001+00:00"
    assert read(summary(), definition={"is_public": True})["is_public"] is True
