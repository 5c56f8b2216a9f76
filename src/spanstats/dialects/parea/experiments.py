"""Experiments as Parea lists them, each with its pinned statistics."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import msgspec

from ...catalog.experiments import Experiment
from ...domain.times import iso
from ...domain.values import MICRO, NANO, PICO
from ...stats.summary import Summary

# The only words that the SDKs can read; what other dialects call it is read as one of them.
_STATUSES = frozenset({"pending", "running", "completed", "failed"})
_SYNONYMS = {"success": "completed", "finished": "completed", "error": "failed"}

_MEASURES = (
    ("Cost", "cost_pd", "n_cost_pd", PICO),
    ("Total Tokens", "total_tokens", "n", 1),
    ("Output Tokens", "completion_tokens", "n", 1),
    ("Input Tokens", "prompt_tokens", "n", 1),
    ("Latency", "latency_us", "n_latency_us", MICRO),
)
"""What is pinned beside the scores: its name, the sum, the count, units in one of the wire's units."""


class PinnedStat(msgspec.Struct):
    """One number about an experiment; `value` is never null."""

    var1: str
    operation: str
    value: float
    var2: str | None = None


class ListedExperiment(msgspec.Struct):
    """An experiment in a list. `num_samples` counts its traces whose root has arrived."""

    name: str
    run_name: str
    project_uuid: str
    is_public: bool
    metadata: dict[str, Any] | None
    uuid: str
    created_at: str
    status: str
    pinned_stats: list[PinnedStat]
    num_samples: int


_ENCODER = msgspec.json.Encoder()


def listed(experiment: Experiment, summary: Summary) -> str:
    """JSON text of an experiment and the summary of its traces with a root; one never created is named by its id."""
    status = experiment.status or "running"
    entry = ListedExperiment(
        name=experiment.name or experiment.id,
        run_name=experiment.run_name or "",
        project_uuid=experiment.project_id or "",
        is_public=bool((experiment.definition or {}).get("is_public")),
        metadata=experiment.metadata,
        uuid=experiment.id,
        created_at=iso(experiment.created_at),
        status=status if status in _STATUSES else _SYNONYMS.get(status, "running"),
        pinned_stats=[*_scores(summary), *_measures(summary), *_dataset_level(experiment)],
        num_samples=summary.total("n"),
    )
    return _ENCODER.encode(entry).decode()


def _scores(summary: Summary) -> Iterator[PinnedStat]:
    """The mean of each score name over all its scores, true and false as 1 and 0."""
    sums: dict[str, tuple[int, int]] = {}
    for key, score in summary.scores.items():
        evaluator = summary.evaluators.get(key)
        name = (evaluator and (evaluator.name or evaluator.slug)) or key
        total, count = sums.get(name, (0, 0))
        sums[name] = total + score.total + score.n_true * NANO, count + score.n + score.n_true + score.n_false
    for name, (total, count) in sorted(sums.items()):
        if count:
            yield PinnedStat(name, "mean", float(Fraction(total, count * NANO)))


def _measures(summary: Summary) -> Iterator[PinnedStat]:
    for name, total, count, unit in _MEASURES:
        if summary.total(count):
            yield PinnedStat(name, "mean", float(Fraction(summary.total(total), summary.total(count) * unit)))


def _dataset_level(experiment: Experiment) -> Iterator[PinnedStat]:
    for score in experiment.dataset_stats or []:
        yield PinnedStat(score["name"], "custom", float(score["score"]))
